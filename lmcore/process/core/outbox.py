"""What the core sends, in two lanes: control loses nothing and keeps its order; telemetry is merged and rate-limited.

A training step never waits here: it leaves its events and goes on, and one thread carries them to the queue. While the
reader is slow that thread waits, and telemetry is merged and thinned meanwhile (the file metrics.jsonl is complete).
"""

import queue
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from lmcore.files import open_regular
from lmcore.memory import resident_bytes
from lmcore.process.core.child import redirect_output
from lmcore.protocol.messages import (
    AblationCell,
    Evaluation,
    Event,
    Finished,
    Heartbeat,
    HookStatistics,
    LayerStatistics,
    LogLine,
    MetricRow,
    Metrics,
    StateChanged,
)
from lmcore.protocol.queues import Queue

TELEMETRY_SECONDS = 0.05  # at most 20 telemetry messages a second
CONTROL_SECONDS = 0.01  # tokens of one answer that come closer together than this travel together
HEARTBEAT_SECONDS = 1.0
MOST_ROWS = 4096  # rows that wait for a slow reader; beyond it every second one is let go
MOST_LOG_BYTES = 64 * 1024  # of printed lines in one look at the log


class Telling(Protocol):
    """What the core needs in order to tell what happens."""

    step: int  # as heartbeats say it

    def send(self, event: Event) -> None:
        """Tell an event, in its lane."""

    def write_log(self, log_path: Path) -> None:
        """From now on, what is printed goes to this file. OSError if it cannot be written."""

    def forsake(self) -> None:
        """Nobody listens any more."""


class Outbox:
    """The core's sending side. Every method may be called from any thread and returns at once."""

    def __init__(self, envelopes: Queue, generation: int, log_path: str) -> None:
        self._envelopes = envelopes
        self._generation = generation
        self._log_path = Path(log_path)
        self._log_offset = 0
        self._changed = threading.Condition()
        self._control: list[Event] = []
        self._rows: list[MetricRow] = []
        self._newest: dict[object, Event] = {}  # the newest of each kind of statistics, and of each cell that trains
        self._closing = False
        self._parent_gone = False
        self._telemetry_sent = 0.0
        self._heartbeat_sent = 0.0
        self.step = 0
        self._thread = threading.Thread(target=self._carry, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin to carry events to the queue."""
        self._thread.start()

    def send(self, event: Event) -> None:
        """Tell an event, in its lane. Metrics are merged; of statistics, and of a cell that trains, the newest is sent.

        All else is control: never lost, never merged. A new state arrives after the telemetry left before it.
        """
        with self._changed:
            match event:
                case Metrics(rows=rows):
                    self._merge(rows)
                case LayerStatistics() | HookStatistics():
                    self._newest[type(event)] = event
                case AblationCell(arm=arm, seed=seed, state="running"):
                    self._newest[arm, seed] = event
                    self._changed.notify()
                case _:
                    self._send_control(event)
                    self._changed.notify()

    def _merge(self, rows: Iterable[MetricRow]) -> None:
        self._rows += rows
        self.step = self._rows[-1][0]
        if len(self._rows) > MOST_ROWS:
            self._rows = self._rows[::2]

    def _send_control(self, event: Event) -> None:
        match event:
            case StateChanged() | Finished():
                self._flush_telemetry_into_control()
            case Evaluation(step=step, tokens=tokens, seconds=seconds, metrics=metrics):
                self._merge([(step, tokens, seconds, metrics)])
            case AblationCell(arm=arm, seed=seed):
                self._newest.pop((arm, seed), None)
        self._control.append(event)

    def write_log(self, log_path: Path) -> None:
        """From now on, what is printed goes to this file. OSError if it cannot be written; then it stays as it was."""
        redirect_output(str(log_path))
        self.follow_log(log_path)

    def follow_log(self, log_path: Path) -> None:
        """From now on, what is printed goes to this file; new lines in it become `LogLine` events."""
        with self._changed:
            self._read_log()
            self._log_path = log_path
            self._log_offset = log_path.stat().st_size if log_path.exists() else 0

    def close(self, timeout: float = 5.0) -> bool:
        """Send what is left and end; False if nobody took it within `timeout` seconds."""
        with self._changed:
            self._read_log()
            self._flush_telemetry_into_control()
            self._closing = True
            self._changed.notify()
        if self._parent_gone:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def forsake(self) -> None:
        """The parent is gone: nothing needs to be delivered any more."""
        self._parent_gone = True

    def _flush_telemetry_into_control(self) -> None:
        self._telemetry_sent = time.monotonic()
        if self._rows:
            self._control.append(Metrics(tuple(self._rows)))
            self._rows = []
        self._control.extend(self._newest.values())
        self._newest = {}

    def _read_log(self) -> None:
        try:
            with open_regular(self._log_path) as log:
                log.seek(self._log_offset)
                new = log.read(MOST_LOG_BYTES)
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1] or (new if len(new) == MOST_LOG_BYTES else b"")
        self._log_offset += len(whole)
        self._control.extend(LogLine(line) for line in whole.decode("utf-8", "backslashreplace").splitlines() if line)

    def _take(self) -> list[Event]:
        now = time.monotonic()
        if now - self._telemetry_sent >= TELEMETRY_SECONDS and (self._rows or self._newest):
            self._flush_telemetry_into_control()
        if now - self._heartbeat_sent >= HEARTBEAT_SECONDS:
            self._heartbeat_sent = now
            self._read_log()
            self._control.append(Heartbeat(self.step, resident_bytes()))
        taken, self._control = self._control, []
        return taken

    def _carry(self) -> None:
        while True:
            with self._changed:
                if not self._control and not self._closing:
                    self._changed.wait(TELEMETRY_SECONDS if self._rows or self._newest else 0.2)
                taken = self._take()
                if self._closing and not taken:
                    return
            if taken:
                envelope = (self._generation, tuple(taken))
                while not self._parent_gone:
                    try:
                        self._envelopes.put(envelope, timeout=0.5)
                        break
                    except queue.Full:
                        continue
                time.sleep(CONTROL_SECONDS)
