"""How long does it take to go back to an earlier moment, and to fork it, in a core that serves a person?

    python -m tests.measure.time_travel [--config configs/baseline.yaml] [--steps 40] [--times 5] [--threads 1]

The real core trains some steps of a configuration. Then it goes back to moments in memory and on disk, answers there
with one token, returns, and forks; each time is that from sending the command to the event that answers it. The first
steps of a fork without a change must have the bits of its parent's. Last, what keeping a snapshot adds to a training
step, measured beside the steps.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from lmcore.config import find_config, parse_config, set_in_text
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.metrics import read_metrics
from lmcore.process.client.client import CoreClient
from lmcore.protocol.messages import (
    Command,
    Event,
    Fork,
    Generate,
    Ready,
    Rejected,
    Rewind,
    RunUntil,
    SaveCheckpoint,
    Start,
    StateChanged,
    Token,
)
from lmcore.training.snapshots import SnapshotRing

LIMIT = 1.0  # seconds: what the project promises
SHARE = 0.02  # of a step, that keeping snapshots may take
AFTER = 3  # steps of a fork that are compared with its parent's


def seconds_until(core: CoreClient, command: Command, kind: type[Event]) -> float:
    """Send a command; the seconds until it is answered by an event of a kind."""
    begin, began = len(core.events), time.perf_counter()
    core.send(command)
    event = core.wait_for((kind, Rejected), after=begin, timeout=120)
    if isinstance(event, Rejected):
        raise SystemExit(event.reason)
    return time.perf_counter() - began


def train_until(core: CoreClient, step: int) -> Path:
    """Train to a step; the run's folder."""
    core.send(RunUntil(step=step))
    event = core.wait_for(
        StateChanged, where=lambda event: event.state == "paused" and event.step == step, timeout=1200
    )
    assert event.run is not None
    return Path(event.run.folder)


def report(what: str, times: list[float]) -> float:
    """Print the median and the longest of some times; returns the longest."""
    longest = max(times)
    print(
        f"{what}: {statistics.median(times):.3f} s, at most {longest:.3f} s: {_verdict(longest <= LIMIT)}", flush=True
    )
    return longest


def _verdict(is_within: bool) -> str:
    return "within" if is_within else "MORE THAN the limit"


def losses(folder: Path) -> dict[int, float]:
    """The training losses of a run by step."""
    return {row["step"]: row["loss/train"] for row in read_metrics(folder / "metrics.jsonl")[0] if "loss/train" in row}


def travel(text: str, steps: int, times: int, folder: Path) -> list[float]:
    """Measure going back, asking, returning and forking; the longest time of each."""
    with CoreClient(log_folder=folder) as core:
        core.wait_for(Ready, timeout=120)
        core.send(Start(text, name="parent", paused=True))
        core.wait_for(StateChanged, where=lambda event: event.state == "paused", timeout=600)
        middle = steps // 2
        train_until(core, middle)
        core.send(SaveCheckpoint())
        parent = train_until(core, steps)
        back, disk, asked, returned, forked = [], [], [], [], []
        for number in range(times):
            back.append(seconds_until(core, Rewind(steps - 1 - number), StateChanged))
            asked.append(seconds_until(core, Generate(number, "One day, ", max_tokens=1), Token))
            returned.append(seconds_until(core, Rewind(), StateChanged))
        found = [
            report("back to a step in memory", back),
            report("its first token", asked),
            report("back to the present", returned),
        ]
        origin, at = parent, steps - AFTER
        for _ in range(times):
            forked.append(seconds_until(core, Fork(str(origin), str(at)), StateChanged))
            origin = train_until(core, at + AFTER)
            if {step: loss for step, loss in losses(parent).items() if at < step} != losses(origin):
                raise SystemExit(f"The losses of {origin.name} are not those of its parent.")
        found.append(report("a fork of a step in memory, its parent saved", forked))
        print(f"  the first {AFTER} steps of each fork have its parent's bits")
        for _ in range(times):
            disk.append(seconds_until(core, Rewind(at), StateChanged))
            core.send(Rewind())
        found.append(report("back to a step on disk", disk))
        return found


def share_of_a_step(text: str, steps: int, folder: Path) -> float:
    """The share of a training step that keeping a snapshot after it takes, as medians."""
    experiment = Experiment.create(text, runs_folder=folder / "headless", name="cost")
    trainer, ring, kept = experiment.trainer, SnapshotRing(), []
    budget = parse_config(text).checkpointing.snapshot_megabytes * 10**6
    spent = []
    for _ in range(steps):
        before = trainer.seconds
        trainer.train_step()
        spent.append(trainer.seconds - before)
        began = time.perf_counter()
        ring.keep(trainer, budget, {})
        kept.append(time.perf_counter() - began)
    experiment.close("stopped")
    step, keep = statistics.median(spent), statistics.median(kept)
    print(
        f"a step {1000 * step:.1f} ms, its snapshot {1000 * keep:.2f} ms: {keep / step:.2%}, of which "
        f"{len(ring.steps)} are kept: {_verdict(keep / step <= SHARE)}"
    )
    return keep / step


def main() -> None:
    """Measure, and say whether each is within the promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="configs/baseline.yaml")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--threads", type=int, help="instead of the configuration's")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="time-travel-"))
    text = set_in_text(find_config(options.config).read_text(), "other.runs_folder", str(folder / "runs"))
    if options.threads is not None:
        text = set_in_text(text, "other.threads", str(options.threads))
    try:
        longest = travel(text, options.steps, options.times, folder)
        share = share_of_a_step(text, options.steps, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if max(longest) <= LIMIT and share <= SHARE else 1)


if __name__ == "__main__":
    main()
