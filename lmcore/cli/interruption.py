"""SIGINT and SIGTERM while training: the first one asks, the second one ends the process at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

STDERR = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruption(answer: str) -> Iterator[Event]:
    """An event that the first signal sets, printing `answer` on stderr; from then on signals act as they do by default.

    The signals' former handlers are back when the context ends.
    """
    requested = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        requested.set()
        # Straight to the file: the signal may have come in the middle of another line.
        os.write(STDERR, f"\n{answer}\n".encode())

    former = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield requested
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
