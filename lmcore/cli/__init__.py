"""The `lmcore` command: everything that the screens can do, without a screen."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

STDERR = 2
INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    asked_for = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where a shell lets it be ignored
    if asked_for:  # a KeyboardInterrupt amid the imports would be a traceback, or lost in one of them
        signal.signal(signal.SIGINT, _end_at_once)
    from lmcore.cli.output import open_streams

    open_streams()
    from lmcore.cli.app import run

    if asked_for:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run(sys.argv[1:]))


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Answer Ctrl+C while nothing has begun yet."""
    os.write(STDERR, b"Interrupted.\n")
    os._exit(INTERRUPTED)
