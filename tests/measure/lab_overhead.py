"""How much slower does a model train while the lab is open? Headless runs and runs in the lab take turns.

    python -m tests.measure.lab_overhead [--config configs/baseline.yaml] [--steps 300] [--pairs 3]

The lab runs in a real pseudo-terminal of 160×48 with all four panes live; its output is read and thrown away. Both ways
train the same steps of the same configuration; compared is the time from the first logged step to the last one as the
clock on the wall saw it, evaluations and samples included.
"""

import argparse
import fcntl
import os
import pty
import select
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

from lmcore.config import find_config, set_in_text

F5 = b"\x1b[15~"
QUIT = b"\x11"  # ctrl+q


def training_seconds(runs: Path, steps: int, deadline: float, warm: int) -> float:
    """Wait for the one run in a folder to log step `warm` and then step `steps`; the seconds between the two."""
    began = 0.0
    while time.monotonic() < deadline:
        files = list(runs.glob("*/metrics.jsonl"))
        logged = last_step(files[0]) if files else 0
        if logged >= warm and not began:
            began = time.monotonic()
        if logged >= steps:
            return time.monotonic() - began
        time.sleep(0.05)
    raise SystemExit(f"The run in {runs} did not reach step {steps} in time.")


def last_step(path: Path) -> int:
    """The newest step in a metrics file, read from its last bytes."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65536))
        lines = file.read().split(b"\n")[:-1]
    for line in reversed(lines):
        if b'"step":' in line:
            return int(line.split(b'"step":')[1].split(b",")[0])
    return 0


def headless(config: Path, runs: Path, steps: int, warm: int) -> float:
    """Train without a screen."""
    command = [sys.executable, "-m", "lmcore", "train", str(config), "--runs-folder", str(runs)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return training_seconds(runs, steps, time.monotonic() + 1200, warm)
    finally:
        process.wait(60)


def in_the_lab(config: Path, runs: Path, steps: int, warm: int) -> float:
    """Train in the lab: open it, press F5, and read all that it draws."""
    pid, screen = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(sys.executable, [sys.executable, "-m", "tui", str(config), "--runs-folder", str(runs)])
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
    over = threading.Event()
    drawn = [0]

    def read() -> None:
        while not over.is_set():
            if select.select([screen], [], [], 0.2)[0]:
                try:
                    drawn[0] += len(os.read(screen, 65536))
                except OSError:
                    return

    threading.Thread(target=read, daemon=True).start()
    time.sleep(6.0)  # a person looks at the first screen before pressing a key
    os.write(screen, F5)
    try:
        return training_seconds(runs, steps, time.monotonic() + 1200, warm)
    finally:
        time.sleep(2.0)
        processor = sum(float(n) for n in Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[11:13])
        print(f"    the screen used {processor / os.sysconf('SC_CLK_TCK'):.1f} s of a core and drew {drawn[0]:,} bytes")
        os.write(screen, QUIT)
        time.sleep(2.0)
        over.set()
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def main() -> None:
    """Measure pairs of runs and print the ratio of each pair and their median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="baseline")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--warm", type=int, default=20, help="steps before the clock starts")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lab-overhead-"))
    text = find_config(options.config).read_text()
    text = set_in_text(text, "training.max_steps", str(options.steps))
    config = folder / "measured.yaml"
    config.write_text(text)
    ratios = []
    try:
        for pair in range(options.pairs):
            ways = [("headless", headless), ("lab", in_the_lab)]
            seconds = {}
            for way, run in ways if pair % 2 == 0 else ways[::-1]:
                runs = folder / f"{way}-{pair}"
                runs.mkdir()
                seconds[way] = run(config, runs, options.steps, options.warm)
                print(f"  pair {pair + 1}: {way:8s} {seconds[way]:7.2f} s", flush=True)
            ratios.append(seconds["lab"] / seconds["headless"])
            print(f"  pair {pair + 1}: the lab takes {ratios[-1]:.3f} times as long", flush=True)
        print(f"median over {options.pairs} pairs: {statistics.median(ratios):.3f} times as long")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
