"""Do two single-threaded runs side by side learn more per hour than one run with two threads? Two ways take turns.

    python -m tests.measure.jobs_throughput [--config configs/baseline.yaml] [--steps 40] [--pairs 3]

Each way makes as many runs as there are cores, of the same configuration, by the jobs of an ablation: either all at
once with one thread each, or one after the other with a thread for each core. Printed is the time that each way took
for the steps alone (start and evaluation left out), its steps per second in all, and the median of the pairs' ratios.
`lmcore ablate` chooses by this: one thread a run, and a run for each core.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lmcore.training.determinism import available_cores


def begin(config: Path, steps: int, threads: int, runs: Path) -> "subprocess.Popen[str]":
    """One run of so many steps in a process of its own, judged on one batch only."""
    settings = [
        f"other.threads={threads}",
        "evaluation.interval=0",
        "evaluation.batches=1",
        "evaluation.prompt_tokens=0",
        "training.warmup_steps=1",
        "other.norms_interval=0",
    ]
    command = [sys.executable, "-m", "lmcore", "train", str(config), "--json", "--max-steps", str(steps)]
    command += [part for setting in settings for part in ("--set", setting)]
    command += ["--runs-folder", str(runs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def steps_between(processes: "list[subprocess.Popen[str]]", skipped: int) -> tuple[int, float]:
    """Steps that runs made while all of them trained, and the seconds that took; the first `skipped` are left out."""
    first, last, count = [], [], 0
    for process in processes:
        assert process.stdout is not None
        times = [row["seconds"] for row in map(json.loads, process.stdout) if row["event"] == "step"]
        if process.wait() != 0 or len(times) <= skipped:
            raise SystemExit("A run failed; try `lmcore train` with the same configuration.")
        first.append(times[skipped])
        last.append(times[-1])
        count += len(times) - 1 - skipped
    return count, max(end - start for start, end in zip(first, last, strict=True))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/baseline.yaml"))
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    cores, skipped = available_cores(), arguments.steps // 5
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(arguments.pairs):
            speeds = {}
            for way in ("side by side", "one by one") if pair % 2 == 0 else ("one by one", "side by side"):
                began = time.perf_counter()
                if way == "side by side":
                    runs = [begin(arguments.config, arguments.steps, 1, Path(folder)) for _ in range(cores)]
                    steps, seconds = steps_between(runs, skipped)
                else:
                    parts = [
                        steps_between([begin(arguments.config, arguments.steps, cores, Path(folder))], skipped)
                        for _ in range(cores)
                    ]
                    steps, seconds = sum(part[0] for part in parts), sum(part[1] for part in parts)
                speeds[way] = steps / seconds
                wall = time.perf_counter() - began
                print(
                    f"{way}: {steps} steps in {seconds:.1f} s, {speeds[way]:.2f} a second; {wall:.1f} s with starting"
                )
            ratios.append(speeds["side by side"] / speeds["one by one"])
            print(f"pair {pair + 1}: side by side makes {ratios[-1]:.2f} times as many steps a second")
    print(f"median of {len(ratios)} pairs on {cores} cores: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
