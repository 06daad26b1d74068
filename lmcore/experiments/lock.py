"""One process writes a run at a time: a lock file says which, and is void when that process is gone."""

import json
import os
import socket
import subprocess
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from lmcore.experiments.folder import LOCK, RunError, plainly
from lmcore.files import alone, read_regular, write_whole


@dataclass(frozen=True)
class Holder:
    """The process that a lock file names. `started` tells it apart from a later process with the same number."""

    pid: int
    host: str
    started: str
    token: str = ""
    since: str = ""

    @property
    def is_alive(self) -> bool:
        """Whether it still runs. A process on another machine cannot be asked and counts as alive."""
        return self.host != socket.gethostname() or start_of(self.pid) == self.started


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
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except (OSError, IndexError):
            return None
        return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, began = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else began.strip()


def holder_of(folder: Path) -> Holder | None:
    """The process that a run's lock file names, alive or not; None without a lock (or with an unreadable one)."""
    try:
        content = json.loads(read_regular(folder / LOCK, 1 << 16))
        host, started, token, since = (str(content[key]) for key in ("host", "started", "token", "since"))
        holder = Holder(int(content["pid"]), host, started, token, since)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return holder if holder.pid > 0 else None


def is_locked(folder: Path) -> bool:
    """Whether a live process writes the run at this moment."""
    holder = holder_of(folder)
    return holder is not None and holder.is_alive


class RunLock:
    """The right to write one run directory, held from `acquire` to `release` or to the end of the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._token = ""

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return bool(self._token)

    def acquire(self) -> None:
        """Take the lock. RunError with a sentence if a live process has it, or if it cannot be written."""
        if self.is_held:
            return
        with plainly("write", self.folder), alone(self.folder):
            holder = holder_of(self.folder)
            if holder is not None and holder.is_alive:
                raise RunError(_refusal(self.folder, holder))
            token = uuid.uuid4().hex
            pid = os.getpid()
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            own = Holder(pid, socket.gethostname(), start_of(pid) or "", token, now)
            write_whole(self.folder / LOCK, json.dumps(asdict(own)) + "\n")
        self._token = token

    def release(self) -> None:
        """Give the lock back; without holding it this does nothing."""
        if not self.is_held:
            return
        token, self._token = self._token, ""
        with plainly("write", self.folder), alone(self.folder):
            holder = holder_of(self.folder)
            if holder is not None and holder.token == token and holder.pid == os.getpid():
                (self.folder / LOCK).unlink()


def _refusal(folder: Path, holder: Holder) -> str:
    if holder.host != socket.gethostname():
        return (
            f"The run {folder.name} is being written by process {holder.pid} on the machine {holder.host} since "
            f"{holder.since}. If that process is gone, delete {folder / LOCK} and try again."
        )
    who = "this process" if holder.pid == os.getpid() else f"process {holder.pid}"
    return f"The run {folder.name} is being written by {who} since {holder.since}; stop it there first."
