"""How long does a step take beside busy processes, with other ways for threads to wait? The ways take turns.

    python -m tests.measure.busy_machine [--configs baseline small-model fast-training] [--busy 0 1] [--turns 4]
        [--seconds 10] [--ways torch GOMP_SPINCOUNT=1000 GOMP_SPINCOUNT=10000 OMP_WAIT_POLICY=passive threads=1]

A way is `torch` (what torch does when nothing is set), `lab` (what the project sets), or settings joined by commas:
variables of the environment, and `threads=N`. `--busy N` lets N processes that do nothing but count run beside it.

Each turn is a process of its own, which trains the configuration for so many seconds on random tokens; the order of the
ways is reversed in every other turn. Printed for each number of busy processes and each configuration: the median over
the turns of the median step of each way, the median ratio to the first way within a turn, and the smallest and largest.
Ways with the same number of threads must have the same losses, bit for bit.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")
TORCH = {"GOMP_SPINCOUNT": "300000", "KMP_BLOCKTIME": "200"}  # what the libraries do when nothing is set
WAYS = ("torch", "GOMP_SPINCOUNT=1000", "GOMP_SPINCOUNT=10000", "OMP_WAIT_POLICY=passive", "threads=1")
FEWEST_STEPS = 3
WARMING_UP = 2


@dataclass(frozen=True)
class Turn:
    """Seconds of each step, and the losses."""

    seconds: tuple[float, ...]
    losses: tuple[float, ...]
    threads: int

    @property
    def step(self) -> float:
        """The median step, in seconds."""
        return statistics.median(self.seconds)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", default=["baseline", "small-model", "fast-training"])
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--busy", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0, help="of steps in each turn")
    parser.add_argument("--train", nargs=2, metavar=("CONFIG", "THREADS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train[0], int(options.train[1]), options.seconds)
        return
    for busy in options.busy:
        for config in options.configs:
            compare(config, options.ways, busy, options.turns, options.seconds)


def compare(config: str, ways: Sequence[str], busy: int, turns: int, seconds: float) -> None:
    """Let the ways take turns, and print how they did."""
    seen: dict[str, list[Turn]] = {way: [] for way in ways}
    with busy_processes(busy):
        for number in range(turns):
            for way in ways if number % 2 == 0 else reversed(ways):
                seen[way].append(take_turn(config, way, seconds))
    print(f"{config}, {busy} busy processes, {turns} turns:")
    for way, taken in seen.items():
        ratios = [turn.step / first.step for turn, first in zip(taken, seen[ways[0]], strict=True)]
        step = statistics.median(turn.step for turn in taken) * 1000
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"  {way:<28} {taken[0].threads} threads {step:9.2f} ms a step, ratio "
              f"{statistics.median(ratios):6.3f} ({spread})", flush=True)  # fmt: skip
    refuse_other_losses(config, [turn for taken in seen.values() for turn in taken])


def refuse_other_losses(config: str, turns: Sequence[Turn]) -> None:
    """End with an error where the same number of threads gave other losses."""
    for threads in {turn.threads for turn in turns}:
        same = [turn.losses for turn in turns if turn.threads == threads]
        shortest = min(map(len, same))
        if len({losses[:shortest] for losses in same}) > 1:
            sys.exit(f"{config}: the losses differ between ways with {threads} threads")


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Inside, so many processes count as fast as they can."""
    started = [subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def take_turn(config: str, way: str, seconds: float) -> Turn:
    """Train in a process of its own, one way."""
    settings = dict(part.split("=", 1) for part in way.split(",")) if way not in ("torch", "lab") else {}
    threads = settings.pop("threads", "0")
    environment = {name: value for name, value in os.environ.items() if name not in WAITING}
    environment |= {"lab": {}, "torch": TORCH}.get(way, TORCH | settings)
    if "OMP_WAIT_POLICY" in settings:
        environment = {name: value for name, value in environment.items() if name not in TORCH}
    command = [sys.executable, "-m", "tests.measure.busy_machine", "--train", config, threads]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)], env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    told = json.loads(done.stdout)
    return Turn(tuple(told["seconds"]), tuple(told["losses"]), told["threads"])


def train(name: str, threads: int, seconds: float) -> None:
    """Train for a while, and print the times and losses of the steps as JSON."""
    from lmcore.config import find_config, load_config
    from lmcore.training.determinism import set_threads
    from tests.measure.hooks_cost import trainer_of

    config = load_config(find_config(name))
    threads = set_threads(threads)
    trainer = trainer_of(config)
    began, times, losses = time.monotonic(), [], []
    while len(times) < FEWEST_STEPS + WARMING_UP or time.monotonic() - began < seconds:
        before = trainer.seconds
        losses.append(trainer.train_step().metrics["loss/train"])
        times.append(trainer.seconds - before)
    print(json.dumps({"seconds": times[WARMING_UP:], "losses": losses, "threads": threads}))


if __name__ == "__main__":
    main()
