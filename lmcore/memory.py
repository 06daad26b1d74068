"""Memory: how much this process holds, how much is free, and what is said when there is none. Needs no torch."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lmcore.config.cores import group_folders
from lmcore.errors import LabError

SAID = ("not enough memory", "out of memory", "DefaultCPUAllocator", "bad_alloc", "Cannot allocate memory")
"""What torch says where there is none, on each of its devices."""

LESS_TO_LEARN = (
    "use a smaller training.batch_size, and more training.gradient_accumulation_steps for as many tokens a step"
)
LESS = "use a smaller model or batch, or close other programs"
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
VERSION_2 = ("memory.max", "memory.current")
UNLIMITED = 2**62
"""Control groups of version 1 write a number like this where there is no limit."""


class MemoryFull(LabError):
    """There was not enough memory; the message says what needs less. `is_whole`: the step had changed nothing yet."""

    def __init__(self, message: str, is_whole: bool = True) -> None:
        super().__init__(message)
        self.is_whole = is_whole


def is_memory_full(error: BaseException) -> bool:
    """Whether an error, of Python, torch or the operating system, says that there is not enough memory."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    of_torch = isinstance(error, RuntimeError) and any(said in str(error) for said in SAID)
    return of_torch or isinstance(error, MemoryError)


def memory_sentence(error: BaseException, advice: str) -> str:
    """What a person is told: how much was asked for, and what helps."""
    asked = re.search(r"allocate (\d+) bytes", str(error))
    much = f" ({gigabytes(int(asked[1]))} more were asked for)" if asked else ""
    return f"Memory is full{much}: {advice}."


@contextmanager
def in_memory(advice: str) -> Iterator[None]:
    """Turn an error that says that memory is full into MemoryFull with this advice."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_memory_full(error):
            raise
        raise MemoryFull(memory_sentence(error, advice)) from None


def gigabytes(count: float) -> str:
    """Bytes for people: 1.2 GB."""
    return f"{count / 1e9:.1f} GB"


def memory_note(needed: int) -> str:
    """That so many bytes will hardly be had; "" where they are free, and where nobody knows."""
    free = free_bytes()
    if free is None or needed <= free:
        return ""
    return f"This needs about {gigabytes(needed)} of memory, and {gigabytes(free)} are free: {LESS_TO_LEARN}."


def free_bytes(
    process: Path = Path("/proc"), mounted: Path = Path("/sys/fs/cgroup"), address_space: int | None = None
) -> int | None:
    """Bytes that this process may still take: of the machine, its control groups, its `ulimit -v`. None: not known."""
    known: list[int] = []
    with suppress(OSError, ValueError, IndexError):
        known.append(_entry(process / "meminfo", "MemAvailable:") * 1024)
    for folder, is_unified in group_folders("memory", process / "self/cgroup", mounted):
        limit, used = VERSION_2 if is_unified else VERSION_1
        with suppress(OSError, ValueError):  # no such file, or `max`
            most = int((folder / limit).read_text())
            if most < UNLIMITED:
                with suppress(OSError, ValueError, IndexError):  # what the kernel only keeps to read it faster
                    most += _entry(folder / "memory.stat", "inactive_file")
                known.append(most - int((folder / used).read_text()))
    most_addresses = _address_space() if address_space is None else address_space
    if most_addresses is not None:
        with suppress(OSError, ValueError, IndexError):
            pages = int((process / "self/statm").read_text().split()[0])
            known.append(most_addresses - pages * os.sysconf("SC_PAGE_SIZE"))
    return max(0, min(known)) if known else None


def _entry(path: Path, name: str) -> int:
    """The number behind a name in one of the kernel's tables."""
    return int(re.findall(rf"^{name}\s+(\d+)", path.read_text(), re.MULTILINE)[0])


def _address_space() -> int | None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        return None if most == resource.RLIM_INFINITY else most
    return None


def resident_bytes() -> int:
    """Resident memory of this process in bytes; where /proc does not tell, the most that it ever was."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
        return peak if sys.platform == "darwin" else peak * 1024
