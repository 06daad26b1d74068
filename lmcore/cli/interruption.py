"""SIGINT and SIGTERM while training: the first one asks, the second one ends the process at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruption(on_request: Callable[[], None]) -> Iterator[Event]:
    """An event that the first signal sets, after calling `on_request`; from then on, signals act as they do by default.

    The signals' former handlers are back when the context ends.
    """
    requested = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        requested.set()
        on_request()

    former = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield requested
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
