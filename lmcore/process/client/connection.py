"""Where the two queues to a core come from: today a child process; a core elsewhere is another `Connection`."""

import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lmcore.interpreters import SAFE_PATH
from lmcore.protocol.commands import Command
from lmcore.protocol.queues import Envelope, Queue


@dataclass(frozen=True)
class Connection:
    """A core that was started: commands in, envelopes out, and whether it lives."""

    commands: Queue  # of Command
    envelopes: Queue  # of Envelope
    is_alive: Callable[[], bool]
    wait: Callable[[float | None], None]  # until the core has ended, at most so many seconds
    exit_code: Callable[[], int | None]  # negative: the signal that ended it
    terminate: Callable[[], None]
    kill: Callable[[], None]
    wake: Callable[[], None] = lambda: None  # let a core that was stopped go on


def prepare_to_spawn() -> None:
    """Start multiprocessing's resource tracker now, while sys.stderr is a real file.

    A full-screen app replaces sys.stderr by an object without a file number, and the first spawn inside it would fail.
    """
    if sys.platform != "win32":
        with _safe_path():
            multiprocessing.resource_tracker.ensure_running()


@contextmanager
def _safe_path() -> Iterator[None]:
    """Let a Python that is started now import nothing from the working folder: multiprocessing's `python -c` would."""
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before


def spawn_core(generation: int, log_path: Path) -> Connection:
    """Start a core in a child process (always spawned: a forked one would inherit the screen and its threads)."""
    from lmcore.process.core.child import run_child

    context = multiprocessing.get_context("spawn")
    with _safe_path():  # queues too start a process, where there is none yet that counts their semaphores
        commands: multiprocessing.Queue[Command] = context.Queue()
        envelopes: multiprocessing.Queue[Envelope] = context.Queue(maxsize=32)
        process = context.Process(
            target=run_child, args=(commands, envelopes, generation, str(log_path)), name="lmcore", daemon=True
        )
        process.start()
    # The core must never be waited for by a thread that feeds commands to a core which is gone.
    commands.cancel_join_thread()
    return Connection(
        commands=commands,
        envelopes=envelopes,
        is_alive=process.is_alive,
        wait=process.join,
        exit_code=lambda: process.exitcode,
        terminate=process.terminate,
        kill=process.kill,
        wake=lambda: _let_go_on(process.pid),
    )


def _let_go_on(pid: int | None) -> None:
    """Let a process that was stopped go on, where it is still there."""
    if pid is not None and hasattr(signal, "SIGCONT"):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
