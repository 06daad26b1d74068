"""The core without a process of its own: it is given commands when it stands where they belong, and tells nobody."""

import queue
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lmcore.process.core.deeds import Deed
from lmcore.process.core.server import Server
from lmcore.process.core.sessions import SESSIONS, SessionRecorder
from lmcore.process.core.witness import Witness
from lmcore.protocol.messages import (
    Command,
    Event,
    HookStatistics,
    LayerStatistics,
    LogLine,
    Metrics,
    ShutDown,
)

Given = Command | tuple[int, Command | Callable[[], object]]
"""A command for when the core does not train; or one for a step on the way, or what the person does then, which may
give a command."""


class Silence:
    """An outbox that keeps what it is told."""

    def __init__(self) -> None:
        self.step = 0
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        """Keep it, unless it is telemetry."""
        if not isinstance(event, Metrics | LayerStatistics | HookStatistics):
            self.events.append(event)

    def write_log(self, log_path: Path) -> None:
        """What is printed stays where it goes."""

    def forsake(self) -> None:
        """Nobody is there."""


class Script(SessionRecorder):
    """The commands of a session, each given once the one before was served; the session is recorded."""

    def __init__(self, given: Sequence[Given], outbox: Silence | None = None) -> None:
        super().__init__()
        self.outbox = outbox or Silence()
        self._server = Server(self, Witness(self.outbox, self))
        self._left = list(given)
        self._is_served = True

    def run(self) -> None:
        """Carry them out, train to the end of what they began, and end."""
        self._server.run()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Nothing is added."""

    def get(self, block: bool = True, timeout: float | None = None) -> Command:
        """The next command whose turn it is."""
        control = self._server.control
        if control.state in ("loading", "preparing") or not self._is_served:
            raise queue.Empty
        given = self._left[0] if self._left else ShutDown()
        step, command = given if isinstance(given, tuple) else (None, given)
        is_due = control.state != "running" if step is None else control.opened.step >= step
        if not is_due:
            raise queue.Empty
        if not self._left:
            self._server.end()  # nobody is there who could be asked about what cannot be saved
        del self._left[:1]
        if not isinstance(command, Command):
            command = command()
        if not isinstance(command, Command):
            raise queue.Empty
        self._is_served = False
        return command

    def done(self, deed: Deed) -> Sequence[LogLine]:
        """Record it; the next one may come."""
        self._is_served = True
        return super().done(deed)


def record(runs_folder: Path, *given: Given) -> tuple[Path, list[Event]]:
    """Carry out a session in this process; returns its file (the newest one) and everything that was told."""
    script = Script(given)
    script.run()
    newest = max((runs_folder / SESSIONS).glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    return newest, script.outbox.events
