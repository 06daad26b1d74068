"""SIGINT, SIGTERM and SIGHUP while training: the first one asks, a second one ends the process at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from types import FrameType

STDOUT, STDERR = 1, 2
HANGUP = getattr(signal, "SIGHUP", None)
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([HANGUP] if HANGUP is not None else []))


@contextmanager
def interruption(answer: str) -> Iterator[Event]:
    """An event that the first signal sets, printing `answer` on stderr; from then on signals act as they do by default.

    A closed terminal (SIGHUP) may be told more than once, by the shell and by the kernel: only the first one counts.
    Where SIGHUP is ignored already (nohup), it stays so. The signals' former handlers are back when the context ends.
    """
    requested = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        for each in former:
            signal.signal(each, signal.SIG_IGN if each == HANGUP else signal.SIG_DFL)
        requested.set()
        # Straight to the file: the signal may have come in the middle of another line.
        with suppress(OSError):
            os.write(STDERR, f"\n{answer}\n".encode())
        if number == HANGUP:
            _let_go_of_closed_terminal()

    former = {
        number: signal.getsignal(number)
        for number in SIGNALS
        if not (number == HANGUP and signal.getsignal(number) == signal.SIG_IGN)
    }
    for number in former:
        signal.signal(number, ask)
    try:
        yield requested
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _let_go_of_closed_terminal() -> None:
    """Let what is printed go nowhere where the terminal is gone, so that no line on the way to saving raises."""
    for output in (STDOUT, STDERR):
        try:
            os.write(output, b"")
        except OSError:
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), output)
