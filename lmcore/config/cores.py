"""How many processor cores there are, and how many threads to use. Needs no torch: the screens may ask, too."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

GROUPS, MOUNTED = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def default_threads() -> int:
    """What `other.threads: 0` means: one for each core, but no more than OMP_NUM_THREADS says."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(int(said), available_cores()) if said.isdecimal() and int(said) > 0 else available_cores()


def available_cores() -> int:
    """How many processor cores this process may use: those it may run on, within the time that its container has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *map(int, quotas())]))


def quotas(groups: Path = GROUPS, mounted: Path = MOUNTED) -> Iterator[float]:
    """How many cores' time Linux's control groups, versions 1 and 2, give to this process; nothing without a limit."""
    for folder, is_unified in group_folders("cpu", groups, mounted):
        files = ("cpu.max",) if is_unified else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        with suppress(OSError, ValueError, ZeroDivisionError):  # no such file, or `max`
            quota, period = map(int, " ".join((folder / file).read_text() for file in files).split())
            if quota > 0:
                yield quota / period


def group_folders(controller: str, groups: Path = GROUPS, mounted: Path = MOUNTED) -> Iterator[tuple[Path, bool]]:
    """The folders of this process's control group and of all above it, and whether they are of version 2.

    In a container the own group is often mounted in the place of the root.
    """
    lines: list[str] = []
    with suppress(OSError, UnicodeDecodeError):
        lines = groups.read_text(encoding="utf-8").splitlines()
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        root = mounted / controllers
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):
            if folder == root or root in folder.parents:
                yield folder, not controllers
