"""The parent's handle on a core: commands go in, batches of events come out, and a core that dies is noticed."""

import itertools
import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lmcore.files import make_path, open_regular, open_to_append, remove_file
from lmcore.places import user_folder
from lmcore.process.client.connection import Connection, spawn_core
from lmcore.process.client.connection import prepare_to_spawn as prepare_to_spawn
from lmcore.protocol.messages import Command, CoreDied, Event, LogLine, Rejected, ShutDown, StateChanged

E = TypeVar("E", bound=Event)

TAIL_LINES = 20
"""How many of its last lines a core that died is quoted with."""

SILENT_SECONDS = 8.0
"""A core that is to end and says nothing for so long (it tells of itself every second) does not answer any more."""

NO_ANSWER = "the core does not answer any more"


class CoreUnavailable(RuntimeError):
    """The core is not there to answer: it was not started, it has ended, or it did not answer in time."""


class Launch(Protocol):
    """How a core is started: `spawn_core`, or anything with its shape."""

    def __call__(self, generation: int, log_path: Path) -> Connection:
        """Start a core; what it prints goes to `log_path`."""


class CoreClient:
    """One core at a time, and its replacement after it died.

    `on_events` is called on the reading thread with each batch of events; it must return at once. Without it, events
    are collected and `wait_for` waits for them:

        with CoreClient() as core:
            core.send(Start(text))
            core.wait_for(Finished)
    """

    def __init__(
        self,
        on_events: Callable[[list[Event]], None] | None = None,
        *,
        log_folder: Path | None = None,
        launch: Launch = spawn_core,
    ) -> None:
        self._on_events = on_events
        self._log_folder = log_folder or user_folder("log")
        self._launch = launch
        self._connection: Connection | None = None
        self._arrived = threading.Condition()
        self._lines: list[str] = []
        self._run = ""
        self._ending = False
        self._refusal = ""  # why the core could not save and end when it was asked to
        self._heard = 0.0  # when the core last said something
        self._read_to = 0
        self.generation = 0
        self.log_path = Path(os.devnull)  # the present core's own lines, until a run is open (then: its log.txt)
        self.events: list[Event] = []

    def __enter__(self) -> "CoreClient":
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shut_down()

    @property
    def is_alive(self) -> bool:
        """Whether a core is there."""
        return self._connection is not None and self._connection.is_alive()

    def start(self) -> None:
        """Start a core; returns at once, `Ready` follows when its libraries are loaded."""
        if self.is_alive:
            return
        self.generation += 1
        self._ending = False
        self._lines, self._run = [], ""
        self.log_path = self._new_log()
        connection = self._launch(self.generation, self.log_path)
        self._connection = connection
        reader = threading.Thread(
            target=self._read, args=(connection, self.generation), name="core-reader", daemon=True
        )
        reader.start()
        threading.Thread(
            target=self._watch, args=(connection, self.generation, reader), name="core-watch", daemon=True
        ).start()

    def send(self, command: Command) -> None:
        """Hand a command to the core. CoreUnavailable if there is none."""
        if self._connection is None or not self._connection.is_alive():
            raise CoreUnavailable("The core is not running; start it again first.")
        self._connection.commands.put(command)

    def restart(self) -> None:
        """End the present core, if it is still there, and start a new one with new queues."""
        self.shut_down(timeout=2.0)
        self.start()

    def ask_to_end(self, timeout: float = 60.0) -> str:
        """Ask the core to save and end, while its events are still read: "" once it has ended, else why it has not.

        A core that was stopped goes on first. One that does not answer is waited for only while it shows a sign of
        life; one that cannot save stays, with its run open.
        """
        connection = self._connection
        if connection is None or not connection.is_alive():
            return ""
        self._ending, self._refusal = True, ""
        connection.wake()
        connection.commands.put(ShutDown())
        asked = self._heard = time.monotonic()
        while connection.is_alive() and not self._refusal:
            connection.wait(0.1)
            now = time.monotonic()
            if now - asked > timeout or now - self._heard > SILENT_SECONDS:
                return NO_ANSWER if connection.is_alive() else ""
        if self._refusal:
            self._ending = False
        return self._refusal

    def shut_down(self, timeout: float = 10.0) -> None:
        """Ask the core to save and end; where it cannot, terminate it, then kill it."""
        connection = self._connection
        if connection is None:
            return
        if timeout > 0:
            self.ask_to_end(timeout)
        self._ending = True
        for end in (connection.terminate, connection.kill):
            if connection.is_alive():
                end()
                connection.wait(2.0)
        self._connection = None

    def wait_for(
        self,
        kind: type[E] | tuple[type[E], ...],
        timeout: float = 120.0,
        where: Callable[[E], bool] = lambda _: True,
        after: int | None = None,
    ) -> E:
        """The next event of a kind that was not waited past before. `after`: an index into `events` to begin at.

        CoreUnavailable if it did not come in time, or if the core died while it was waited for.
        """
        end = time.monotonic() + timeout
        position = self._read_to if after is None else after
        with self._arrived:
            while True:
                for index in itertools.count(position):
                    if index >= len(self.events):
                        position = index
                        break
                    event = self.events[index]
                    if isinstance(event, kind) and where(event):
                        self._read_to = index + 1
                        return event
                    if isinstance(event, CoreDied):
                        self._read_to = index + 1
                        raise CoreUnavailable(
                            f"The core died (exit code {event.exit_code}):\n" + "\n".join(event.log_tail)
                        )
                left = end - time.monotonic()
                if left <= 0:
                    last = ", ".join(type(event).__name__ for event in self.events[-5:])
                    raise CoreUnavailable(
                        f"No {_names(kind)} within {timeout:g} s; the last events were: {last or 'none'}"
                    )
                self._arrived.wait(left)

    def _deliver(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, LogLine):
                self._lines = [*self._lines[1 - TAIL_LINES :], event.text]
            elif isinstance(event, StateChanged):
                self._run = event.run.folder if event.run is not None else ""
            elif isinstance(event, Rejected) and event.command == ShutDown.__name__:
                self._refusal = event.reason
        if self._on_events is not None:
            self._on_events(events)
            return
        with self._arrived:
            self.events.extend(events)
            self._arrived.notify_all()

    def _read(self, connection: Connection, generation: int) -> None:
        while generation == self.generation:
            try:
                sender, events = connection.envelopes.get(timeout=0.5)
            except queue.Empty:
                if not connection.is_alive():
                    return
                continue
            except (EOFError, OSError):
                return
            if sender == self.generation:
                self._heard = time.monotonic()
                self._deliver(list(events))

    def _watch(self, connection: Connection, generation: int, reader: threading.Thread) -> None:
        connection.wait(None)
        # The last envelopes are still in the queue; half of one may be, and then the reader waits for ever.
        reader.join(timeout=2.0)
        if generation == self.generation and not self._ending:
            self._deliver([CoreDied(connection.exit_code(), self._log_tail(), self._run)])

    def _log_tail(self) -> tuple[str, ...]:
        path = Path(self._run) / "log.txt" if self._run else self.log_path
        try:
            with open_regular(path) as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 16384))
                lines = log.read(16384).decode("utf-8", "backslashreplace").splitlines()
        except OSError:
            lines = self._lines
        return tuple(lines[-TAIL_LINES:])

    def _new_log(self) -> Path:
        """An empty file for the core's own lines: in the log folder, in a temporary one, or nowhere."""
        name = f"core-{os.getpid()}-{self.generation}.log"
        with suppress(OSError):
            make_path(self._log_folder)
            self._remove_old_logs()
            os.close(open_to_append(self._log_folder / name))
            return self._log_folder / name
        with suppress(OSError):
            log = Path(tempfile.mkdtemp(prefix="lmlab-")) / name
            os.close(open_to_append(log))
            return log
        return Path(os.devnull)

    def _remove_old_logs(self) -> None:
        """Keep the folder small: only the newest logs of earlier cores stay."""
        logs = sorted(self._log_folder.glob("core-*.log"), key=lambda path: path.lstat().st_mtime)
        for path in logs[:-20]:
            remove_file(path)


def _names(kind: type[Event] | tuple[type[Event], ...]) -> str:
    return " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
