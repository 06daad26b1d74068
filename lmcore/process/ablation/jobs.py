"""Runs side by side: each in a process of its own, `lmcore train --json` or `lmcore resume --json`, told of by events.

Processes are sessions of their own, so that an interruption reaches them once, from here; when this process is gone,
their next line finds no reader, and they save and end.
"""

import json
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.experiments.runs.lines import read_last_lines
from lmcore.files import open_to_write
from lmcore.interpreters import lmcore_command
from lmcore.process.ablation.cells import Cell

SECONDS_BETWEEN_EVENTS = 0.5
PATIENCE = 0.1  # seconds between looks at whether to stop


@dataclass(frozen=True)
class Job:
    """A cell to be trained: from the configuration in a file, or from where an earlier run of it ended."""

    cell: Cell
    config: Path
    log: Path
    resume: Path | None = None

    @property
    def command(self) -> list[str]:
        """The command line that does it."""
        what = ["train", str(self.config)] if self.resume is None else ["resume", str(self.resume)]
        return lmcore_command(*what, "--json")


@dataclass(frozen=True)
class Progress:
    """A job has made so many steps, 0 when it begins; the folder of its run, once there is one."""

    cell: Cell
    step: int
    folder: Path | None = None


@dataclass(frozen=True)
class Ended:
    """A job is over: with which exit code, where its run is, and the last line it said."""

    cell: Cell
    code: int
    folder: Path | None
    said: str


class Jobs:
    """Carries out jobs, so many at once, in their order."""

    def __init__(self, jobs: Sequence[Job], at_once: int) -> None:
        self._waiting = list(jobs)
        self._at_once = at_once
        self._events: SimpleQueue[Progress | Ended | BaseException] = SimpleQueue()
        self._running: dict[str, subprocess.Popen[str]] = {}  # by identity
        self._lock = Lock()
        self._is_stopped = False

    def events(self, stop: Event) -> Generator[Progress | Ended, None, None]:
        """Start, and tell until every job is over. When `stop` is set, running jobs save and end, and no more begin.

        Leaving early stops them too.
        """
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(self._at_once, len(self._waiting)))]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads) or not self._events.empty():
                if stop.is_set():
                    self.stop()
                with suppress(Empty):
                    event = self._events.get(timeout=PATIENCE)
                    if isinstance(event, BaseException):
                        raise event
                    yield event
        finally:
            self.stop()
            for thread in threads:
                thread.join()

    def stop(self) -> None:
        """Let running jobs finish their step and save, and begin no more; again is harmless."""
        with self._lock:
            if not self._is_stopped:
                self._is_stopped = True
                for process in self._running.values():
                    process.terminate()

    def _work(self) -> None:
        try:
            while (started := self._start_next()) is not None:
                job, process = started
                folder = self._follow(job, process)
                code = process.wait()
                with self._lock:
                    del self._running[job.cell.id]
                self._events.put(Ended(job.cell, code, folder, _last_line(job.log)))
        except BaseException as error:
            self._events.put(error)

    def _start_next(self) -> "tuple[Job, subprocess.Popen[str]] | None":
        with self._lock:
            if self._is_stopped or not self._waiting:
                return None
            job = self._waiting.pop(0)
            with plainly("write", job.log), open_to_write(job.log) as log:
                process = subprocess.Popen(
                    job.command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    start_new_session=True,
                )
            self._running[job.cell.id] = process
        self._events.put(Progress(job.cell, 0, job.resume))
        return job, process

    def _follow(self, job: Job, process: "subprocess.Popen[str]") -> Path | None:
        """Read what a job tells until it tells no more; returns its run's folder."""
        folder, told = job.resume, 0.0
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                event = _event(line)
                if event.get("event") == "run":
                    folder = Path(event["folder"])
                elif event.get("event") == "step" and time.monotonic() - told > SECONDS_BETWEEN_EVENTS:
                    told = time.monotonic()
                    self._events.put(Progress(job.cell, event["step"], folder))
        return folder


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _last_line(log: Path) -> str:
    try:
        lines = [line.decode("utf-8", "replace") for line in read_last_lines(log, 1 << 16)]
    except RunError:
        return ""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("Ended at step")]
    return said[-1] if said else ""
