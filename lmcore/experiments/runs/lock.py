"""One process writes a run at a time: the kernel holds the lock on a file for as long as that process lives.

What the file says (process, machine) is for the message. Where a file system has no locks it is all that is known: then
a process that cannot be asked from here, in another container or on another machine, counts as alive.
"""

import errno
import json
import os
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # a system without it has no locks of this kind
    fcntl = None  # type: ignore[assignment]

from lmcore.clock import stamp
from lmcore.experiments.runs.folder import LOCK, RunError, plainly
from lmcore.files import alone, create, open_regular, open_to_change, remove_file

MOST = 1 << 16
"""Bytes of a lock file that are read."""


@dataclass(frozen=True)
class Holder:
    """The process that a lock file names. `started` tells it apart from a later process with the same number."""

    pid: int
    host: str
    started: str
    since: str = ""
    boot: str = ""  # of its machine
    namespace: str = ""  # in which its number means something
    has_kernel_lock: bool = False  # the kernel frees it when the process ends

    @property
    def is_here(self) -> bool:
        """Whether its number means something to this process: same machine, not in another container."""
        return (self.host, self.boot, self.namespace) == _here()

    @property
    def may_be_alive(self) -> bool:
        """Whether it may still run; one that cannot be asked may."""
        return not self.is_here or start_of(self.pid) == self.started


def start_of(pid: int) -> str | None:
    """When a process of this machine began, in a form that no later process with its number has; None if it is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        pass
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        try:
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except (OSError, IndexError):
            return None
        return None if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else began.strip()


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""


def _here() -> tuple[str, str, str]:
    return socket.gethostname(), _boot(), _namespace()


def holder_of(folder: Path) -> Holder | None:
    """The process that a run's lock file names, alive or not; None without a lock (or with an unreadable one)."""
    try:
        with open_regular(folder / LOCK) as file:
            return _read(file)
    except OSError:
        return None


def _read(file: BinaryIO) -> Holder | None:
    """The process that an open lock file names. One of an earlier version says less."""
    try:
        content = json.loads(file.read(MOST))
        host, started, since = (str(content[key]) for key in ("host", "started", "since"))
        boot = str(content.get("boot", started.partition(":")[0] if started.count(":") == 1 else ""))
        namespace = str(content.get("namespace", _namespace()))
        pid, has_kernel_lock = int(content["pid"]), content.get("has_kernel_lock") is True
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return Holder(pid, host, started, since, boot, namespace, has_kernel_lock) if pid > 0 else None


def is_locked(folder: Path) -> bool:
    """Whether a live process writes the run at this moment."""
    return _refusal(folder) is not None


def check_free(folder: Path) -> None:
    """Refuse with RunError if a live process writes the run at this moment."""
    if (sentence := _refusal(folder)) is not None:
        raise RunError(sentence)


def _refusal(folder: Path) -> str | None:
    """Why a run cannot be written at this moment; None if it can."""
    try:
        with open_regular(folder / LOCK) as file:
            # A shared lock is refused while a writer has its own, and stands in no other reader's way.
            return _why_not(folder, file, _lock(file, exclusive=False))
    except PermissionError:
        return f"{folder / LOCK} cannot be read, so it is not known whether another process writes the run."
    except OSError:
        return None


def _lock(file: BinaryIO, exclusive: bool) -> bool | None:
    """Ask the kernel for a lock, without waiting; None where the file system has none."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES) else None
    return True


def _why_not(folder: Path, file: BinaryIO, given: bool | None) -> str | None:
    """Why a run cannot be written, by what its lock file says, and by whether the kernel gave a lock on it."""
    holder = _read(file)
    if given is not False:
        is_void = holder is None or (given is True and holder.has_kernel_lock) or not holder.may_be_alive
        if is_void:
            return None
    since = f" since {holder.since}" if holder is not None and holder.since else ""
    if holder is None:
        who = "another process"
    elif holder.is_here:
        who = "this process" if holder.pid == os.getpid() else f"process {holder.pid}"
    elif (holder.host, holder.boot) == _here()[:2]:
        who = f"process {holder.pid} in another container of this machine"
    else:
        who = f"process {holder.pid} on the machine {holder.host}"
    said = f"The run {folder.name} is being written by {who}{since}"
    if given is False or (holder is not None and holder.is_here):
        return f"{said}; stop it there first."
    return (
        f"{said}. The file system has no locks, so it cannot be known from here whether that process is gone. If it "
        f"is, delete {folder / LOCK} and try again."
    )


class RunLock:
    """The right to write one run directory, held from `acquire` to `release` or to the end of the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: BinaryIO | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock. RunError with a sentence if a live process has it, or if it cannot be written."""
        if self.is_held:
            return
        with plainly("write", self.folder), alone(self.folder):
            file, given = _take(self.folder)
            try:
                host, boot, namespace = _here()
                own = Holder(os.getpid(), host, start_of(os.getpid()) or "", stamp(), boot, namespace, given is True)
                file.seek(0)
                file.truncate()
                file.write(json.dumps(asdict(own)).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                file.close()
                raise
        self._file = file
        _HELD.add(self)

    def check(self) -> None:
        """Refuse to go on with RunError when the folder that was locked is not there any more, or not the same."""
        if self._file is not None and not _is_at(self._file, self.folder / LOCK):
            if self.folder.is_dir():
                raise RunError(
                    f"{self.folder / LOCK} is not the file any more that this process locked, so another process may "
                    f"write {self.folder.name} too. Nothing more is written here; `lmcore resume` goes on from its "
                    "last checkpoint."
                )
            raise RunError(
                f"The folder of the run {self.folder.name} is gone: {self.folder} was deleted or moved while it was "
                "being written. Nothing more is written, and no new folder is made."
            )

    def release(self) -> None:
        """Give the lock back; without holding it this does nothing."""
        if self._file is None:
            return
        file, self._file = self._file, None
        _HELD.discard(self)
        with file, plainly("write", self.folder), suppress(FileNotFoundError), alone(self.folder):
            if _is_at(file, self.folder / LOCK):
                remove_file(self.folder / LOCK)

    def forget(self) -> None:
        """Let go of the descriptor in a forked child, whose parent goes on holding the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


_HELD: set[RunLock] = set()


def _forget_in_child() -> None:
    for lock in list(_HELD):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def _take(folder: Path) -> tuple[BinaryIO, bool | None]:
    """The lock file with the kernel's lock on it (True), or without one where the file system has none (None)."""
    path = folder / LOCK
    for _ in range(200):
        file = _open(path)
        try:
            given = _lock(file, exclusive=True)
            if given is False and _lock(file, exclusive=False):
                # Nobody writes the run: somebody asked for a moment whether one does.
                file.close()
                time.sleep(0.005)
                continue
            if given is not False and not _is_at(file, path):
                file.close()  # its last writer removed it meanwhile
                continue
            if (sentence := _why_not(folder, file, given)) is not None:
                raise RunError(sentence)
        except BaseException:
            file.close()
            raise
        return file, given
    raise RunError(f"{path} is locked by a process that does not let go of it; look for one that is stopped.")


def _open(path: Path) -> BinaryIO:
    """The lock file, new or not, open to read and write."""
    while True:
        with suppress(FileNotFoundError):
            return open_to_change(path)
        with suppress(FileExistsError):
            create(path).close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether an open file is the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except OSError:
        return False
