"""How often is a difference said where there is none, and found where there is one?

    python -m tests.measure.verdict_calibration [--simulated 200] [--seeds 3] [--arms 1]
    python -m tests.measure.verdict_calibration --real baseline --comparisons 40 --seeds 3 --set training.max_steps=60

Simulated: final losses of arms that change nothing, normal around the baseline's seed by seed; then the same with the
effect that the verdict itself calls the smallest that could be seen, which should be found about four times in five.
Real: runs of one configuration against runs of the same with other seeds, never the same run twice; then against runs
with a tenth of the learning rate, over shared seeds, which should be found. Ends with 1 if "a difference" was said more
often than 5 % allows within sampling error (one-sided, 1 in 100), or if the known effect was not found.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from scipy import stats

from lmcore.config import find_config, get_from_config, parse_config, read_config_text, resolved_text
from lmcore.experiments.comparison.verdict import LEVEL, judge, visible_ratio
from lmcore.experiments.experiment import Experiment

SEED_NOISE = 0.02  # nats: how much final losses differ from seed to seed
PAIR_NOISE = 0.005  # nats: how much they still do when the seed is shared


def most_allowed(comparisons: int) -> int:
    """How many false differences chance brings in all but one of a hundred such measurements."""
    return int(stats.binom.ppf(0.99, comparisons, LEVEL))


def simulated(comparisons: int, seeds: int, arms: int, effect: float, draw: random.Random) -> int:
    """In how many ablations any arm was said to differ; every arm's true difference is `effect`."""
    said = 0
    for _ in range(comparisons):
        baseline = [draw.gauss(1.9, SEED_NOISE) for _ in range(seeds)]
        losses = {str(arm): [loss + draw.gauss(effect, PAIR_NOISE) for loss in baseline] for arm in range(arms)}
        said += any(verdict.outcome != "no difference" for verdict in judge(baseline, losses).values())
    return said


def final_loss(text: str, seed: int, runs_folder: Path, overrides: list[tuple[str, str]]) -> float:
    """Train one run to its end; its loss on the whole validation split after the last step."""
    always = [("other.seed", str(seed)), ("other.threads", "1"), ("evaluation.batches", "0")]
    quick = [("evaluation.interval", "0"), ("evaluation.prompt_tokens", "0"), ("checkpointing.interval", "0")]
    experiment = Experiment.create(resolved_text(text, [*overrides, *always, *quick]), runs_folder=runs_folder)
    while not experiment.finished:
        experiment.advance()
    experiment.close("finished")
    return float(experiment.evaluate()["loss/val"])


def real(config: str, comparisons: int, seeds: int, overrides: list[tuple[str, str]]) -> bool:
    """A/A comparisons of real runs, then the known effect; whether both came out as they should."""
    text = read_config_text(find_config(config))
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        losses = [final_loss(text, seed, runs, overrides) for seed in range(1, 2 * comparisons * seeds + 1)]
        groups = [losses[start : start + seeds] for start in range(0, len(losses), seeds)]
        verdicts = [judge(one, {"same": other})["same"] for one, other in zip(groups[::2], groups[1::2], strict=True)]
        said = sum(verdict.outcome != "no difference" for verdict in verdicts)
        allowed = most_allowed(comparisons)
        print(f"real A/A: a difference in {said} of {comparisons} comparisons with {seeds} seeds (at most {allowed})")
        rate = get_from_config(parse_config(text, overrides=overrides), "training.learning_rate")
        slow = [("training.learning_rate", repr(rate / 10)), ("training.min_learning_rate", "0")]
        base = [("training.min_learning_rate", "0")]  # the same in both, and never above the rate
        pairs = [
            [final_loss(text, seed, runs, [*overrides, *extra]) for seed in range(1, seeds + 1)]
            for extra in (base, slow)
        ]
        verdict = judge(pairs[0], {"learning rate ÷ 10": pairs[1]})["learning rate ÷ 10"]
    print(
        f"learning rate ÷ 10, {seeds} seeds: {verdict.words}, {verdict.mean_difference:+.4f} "
        f"({verdict.low:+.4f} … {verdict.high:+.4f}), p = {verdict.p:.4f}"
    )
    return said <= allowed and verdict.outcome == "worse"


def main() -> int:
    """Measure, print, and say by the exit code whether it is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated", type=int, default=200, metavar="N", help="comparisons to simulate")
    parser.add_argument("--real", default="", metavar="CONFIG", help="a configuration to train instead")
    parser.add_argument("--comparisons", type=int, default=40, help="how many real comparisons")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of each arm")
    parser.add_argument("--arms", type=int, default=1, help="simulated arms beside the baseline")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of CONFIG")
    options = parser.parse_args()
    if options.real:
        overrides = [(key, value) for key, _, value in (setting.partition("=") for setting in options.set)]
        return 0 if real(options.real, options.comparisons, options.seeds, overrides) else 1
    draw, count = random.Random(1), options.simulated
    said, allowed = simulated(count, options.seeds, options.arms, 0.0, draw), most_allowed(count)
    print(f"simulated A/A: a difference in {said} of {count}, {options.seeds} seeds, {options.arms} arms (≤ {allowed})")
    effect = visible_ratio(options.seeds, LEVEL / options.arms) * PAIR_NOISE / options.seeds**0.5
    found = simulated(count, options.seeds, 1, effect, draw) if options.arms == 1 else None
    if found is not None:
        print(f"simulated smallest visible effect ({effect:.4f} nats): found in {found} of {count} (about 80 %)")
    return 0 if said <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
