"""What is told while something takes long, and how a signal is taken."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from lmcore.cli.narration import Narration
from tests.cli.run_command import Command

TRAINING = """
from lmcore.cli.narration import Narration
from lmcore.cli.output import give_json
with Narration(as_json=True) as narration:
    narration.preparing("writing [/b] \x1b[2J tales", None)
    narration.end_bar()
    for step in range(1, 4):
        narration.training(step, 3, 0.5, {"loss/train": 2.5, "throughput/tokens_per_second": 1000.0})
        give_json({"step": step, "loss": float("nan")})
    narration.line("a line [/b] above")
"""

SIGNALS = """
import os, signal
from lmcore.cli.interruption import interruption
with interruption("asked") as requested:
    os.kill(os.getpid(), signal.SIGINT)
    assert requested.is_set()
    os.kill(os.getpid(), signal.SIGINT)
    print("still here")
"""

HANGUP = """
import signal, sys, time
from pathlib import Path
from lmcore.cli.interruption import interruption
from lmcore.cli.narration import Narration
with interruption("asked") as requested, Narration() as narration:
    narration.training(1, 3, 0.5, {"loss/train": 2.5})
    print("hangup ignored:", signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, flush=True)
    while not requested.is_set():  # as a run looks between steps: wait() holds the lock that the handler's set() takes
        time.sleep(0.01)
    signal.raise_signal(signal.SIGHUP)  # the shell tells of it, too
    narration.line("saving")
    narration.training(2, 3, 0.5, {"loss/train": 2.5})
    print("saved", flush=True)
    Path(sys.argv[1]).write_text("saved")
sys.exit(130)
"""

TOO_SOON = """
import os, signal, sys
class Pressed:
    def find_spec(self, name, path=None, target=None):
        if name == "lmcore.cli.app":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
from lmcore.cli import main
sys.meta_path.insert(0, Pressed())
sys.argv = ["lmcore", "--version"]
main()
"""


def test_lines_are_few_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Narration() as narration:
        for fraction in (0.0, 0.5, 1.0):
            narration.preparing("tokenizing", fraction)
        for step in range(1, 101):
            narration.training(step, 100, 0.1 * step, {"loss/train": 2.0})
    told = capsys.readouterr()
    assert told.out == "" and told.err.splitlines()[0] == "tokenizing …"
    assert len(told.err.splitlines()) == 3 and "100 of 100  loss 2.0000" in told.err


def test_a_bar_is_drawn_on_a_terminal_and_data_goes_to_stdout() -> None:
    screen, stderr = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    os.close(stderr)
    drawn = b""
    with contextlib.suppress(OSError):  # where the command has ended, its terminal is gone
        while part := os.read(screen, 4096):
            drawn += part
    os.close(screen)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert [json.loads(line) for line in out.splitlines()] == [{"step": step, "loss": None} for step in (1, 2, 3)]
    assert "3 of 3  loss 2.5000" in drawn.decode() and "a line [/b] above" in drawn.decode()
    assert "writing [/b] \\x1b[2J tales" in drawn.decode() and b"\x1b[2J" not in drawn


def test_the_first_signal_asks_and_the_second_ends_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", SIGNALS], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (-signal.SIGINT, "", "asked")


@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_asks_and_what_is_told_of_saving_breaks_nothing(tmp_path: Path, ignored: bool) -> None:
    screen, terminal = os.openpty()

    def be_the_terminals_own() -> None:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        # Ignored, as by nohup: what is told goes to a file then. The tests themselves may have been begun so.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)

    process = subprocess.Popen(
        [sys.executable, "-c", HANGUP, str(tmp_path / "run")],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=be_the_terminals_own,
    )
    os.close(terminal)
    drawn = b""
    while b"ignored: " not in drawn or not drawn.endswith(b"\n"):
        drawn += os.read(screen, 4096)
    assert f"ignored: {ignored}".encode() in drawn
    if ignored:
        process.send_signal(signal.SIGTERM)
    else:
        os.close(screen)
    assert process.wait(300) == 130
    assert (tmp_path / "run").read_text() == "saved"
    if ignored:
        os.close(screen)


def test_an_interruption_before_anything_has_begun_is_a_word_and_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", TOO_SOON], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def test_a_command_that_is_interrupted_says_so(lmcore: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lmcore.data.dataset.prepare", pressed)
    shown = lmcore("data", "show", "baseline")
    assert (shown.code, shown.out, shown.err) == (130, "", "Interrupted.\n")
