"""What each run came to, and how soon it was where the first one ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isfinite

from lmcore.experiments.comparison.curves import Curve, Curves
from lmcore.experiments.comparison.groups import Group
from lmcore.experiments.comparison.recorded import RecordedRun


@dataclass(frozen=True)
class Outcome:
    """The last numbers of one run; None where they are not there. Losses in nats per token."""

    letter: str
    step: int
    loss_train: float | None
    loss_val: float | None
    perplexity: float | None
    bits_per_byte: float | None
    above_floor: float | None  # nats per token
    tokens: float | None
    seconds: float | None  # spent in steps
    tokens_per_second: float | None  # over the whole run
    tokens_to_reach: float | None  # until an evaluation first was at the target or below
    seconds_to_reach: float | None


def target_of(reference: Group, metric: str) -> float | None:
    """What the first group ended with: the mean over its runs of the metric's last value, never of its best."""
    values = [value for run in reference.runs if (value := run.curves.last(metric)) is not None and isfinite(value)]
    return fsum(values) / len(values) if values else None


def outcome_of(run: RecordedRun, metric: str, target: float | None) -> Outcome:
    """What a run came to; `target` is the value of the metric that it is to reach."""
    curves = run.curves
    loss, floor = curves.last("loss/val"), run.summary.floor
    reached = _first_at_most(curves.metrics.get(metric, Curve()), target)
    tokens, seconds = curves.last("tokens"), curves.last("seconds")
    return Outcome(
        run.letter,
        curves.last_step,
        curves.last("loss/train"),
        loss,
        curves.last("perplexity/val"),
        curves.last("bits_per_byte/val"),
        None if loss is None or floor is None else loss - floor,
        tokens,
        seconds,
        tokens / seconds if tokens and seconds else None,
        _count_at(curves, "tokens", reached),
        _count_at(curves, "seconds", reached),
    )


def _first_at_most(curve: Curve, target: float | None) -> int | None:
    pairs: Sequence[tuple[int, float]] = list(zip(curve.steps, curve.values, strict=True))
    return next((step for step, value in pairs if target is not None and value <= target), None)


def _count_at(curves: Curves, count: str, step: int | None) -> float | None:
    return None if step is None else curves.metrics.get(count, Curve()).at(step)
