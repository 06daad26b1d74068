"""The first lines of the core's process: silence towards the screen before any heavy import, then serving."""

import faulthandler
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from lmcore.files import open_to_append
from lmcore.protocol.queues import Queue


def redirect_output(log_path: str) -> None:
    """Point file descriptors 1 and 2 at a log file, so that nothing printed here or by a C library reaches a screen."""
    log = os.open(log_path, os.O_WRONLY) if log_path == os.devnull else open_to_append(Path(log_path))
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def run_child(commands: Queue, envelopes: Queue, generation: int, log_path: str) -> None:
    """Be the core until told to end, or until the parent is gone."""
    redirect_output(log_path)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    faulthandler.enable(file=2)
    # Ctrl+C and a closed terminal reach every process of the terminal; the core ends by its parent's end, and saves.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _say_ignored)

    from lmcore.process.core.outbox import Outbox

    outbox = Outbox(envelopes, generation, log_path)
    outbox.start()

    from lmcore.process.core.server import recorded_server

    server = recorded_server(commands, outbox)
    signal.signal(signal.SIGTERM, lambda *_: server.end())
    try:
        server.run()
    finally:
        delivered = outbox.close()
        sys.stdout.flush()
        sys.stderr.flush()
        if not delivered:
            # Nobody reads any more, and the queue's own thread would wait for a reader for ever.
            os._exit(0)


def _say_ignored(number: int, _: object) -> None:
    """Say in the log that a signal does nothing, and which one does. Straight to the file: a line may be half-way."""
    name = signal.Signals(number).name
    with suppress(OSError):
        os.write(1, f"{name} is ignored here: whoever started this core ends it. SIGTERM saves and ends.\n".encode())
