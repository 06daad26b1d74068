"""Processes of lmcore's that begin with their libraries loaded: forked from one that has loaded them and done no more.

Loading torch takes most of what a small run takes. Tests whose subject is not how a process begins start theirs here:
commands by a `warm` command line, which takes signals, pipes and exit codes as any other; cores by `fork_core`.
"""

import json
import multiprocessing
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import lmcore
from lmcore.process.client.connection import Connection, spawn_core
from lmcore.process.core import child


def modules() -> Iterator[str]:
    """The names of all modules of lmcore's."""
    for module in pkgutil.walk_packages(lmcore.__path__, "lmcore."):
        if not module.name.endswith("__main__"):
            yield module.name


# Commands: the client is a small process with the name, the pipes and the signals; the work is done by a fork of the
# server, which has loaded all of it.


@contextmanager
def warm_server() -> Iterator[list[str]]:
    """A server; the words that a command line begins with to be carried out by it, in place of `lmcore`."""
    with tempfile.TemporaryDirectory(prefix="warm") as folder:  # pytest's folders have names too long for a socket
        address = str(Path(folder) / "socket")
        begin = f"from tests.warm import serve; serve({address!r})"
        server = subprocess.Popen(
            [sys.executable, "-c", begin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        with server:
            assert server.stdout is not None and server.stdin is not None
            assert server.stdout.readline() == b"ready\n"
            yield client(address)
            server.stdin.close()


def client(address: str) -> list[str]:
    """The beginning of a command line that the server there carries out."""
    return [sys.executable, "-I", "-S", __file__.replace("warm.py", "warm_client.py"), address]


def serve(address: str) -> None:
    """Fork for each command that is asked for, until who started this is gone."""
    for name in modules():
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for the keepers' exit codes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        if os.fork() == 0:
            os.read(0, 1)  # until the other end is closed
            os.kill(os.getppid(), signal.SIGKILL)
            os._exit(0)
        print("ready", flush=True)
        while True:
            asked, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                begin_jobs_by(client(address))
                _keep(asked)
            asked.close()


def _keep(asked: socket.socket) -> None:
    """Fork the command's process, tell its number, and its exit status once it has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(asked, 1, 3)
    data = b""
    while not data.endswith(b"\n"):
        data += asked.recv(1 << 20)
    process = os.fork()
    if process == 0:
        asked.close()
        _be(json.loads(data), streams)
    for stream in (0, 1, 2, *streams):
        os.close(stream)
    asked.sendall(b"%d\n" % process)
    _, status = os.waitpid(process, 0)
    asked.sendall(b"%d\n" % status)
    os._exit(0)


def _be(command: dict[str, Any], streams: list[int]) -> None:
    """Be `lmcore` with these arguments, in this folder and environment."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = ["lmcore", *command["arguments"]]
    code: object = 1
    try:
        import_module("lmcore.cli").main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


# Cores


def fork_core(generation: int, log_path: Path, jobs: Sequence[str] = ()) -> Connection:
    """Start a core as `spawn_core` does, but by a fork of multiprocessing's server; `jobs`: how it begins a command."""
    multiprocessing.set_forkserver_preload(list(modules()))
    context = multiprocessing.get_context("forkserver")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", lambda _: context)
        patch.setattr(child, "run_child", partial(_run_core, dict(os.environ), jobs))
        return spawn_core(generation, log_path)


def _run_core(environment: dict[str, str], jobs: Sequence[str], *arguments: Any) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if jobs:
        begin_jobs_by(jobs)
    child.run_child(*arguments)


def begin_jobs_by(warm: Sequence[str]) -> None:
    """Let the runs of an ablation be commands that the server of these words carries out."""
    import lmcore.process.ablation.jobs as made

    made.lmcore_command = lambda *arguments: [*warm, *arguments]
