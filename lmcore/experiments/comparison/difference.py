"""How far one group of runs lies from another along a metric, and how far seeds alone would let it lie."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy import special

from lmcore.experiments.comparison.axes import Axis
from lmcore.experiments.comparison.curves import Points, common_positions, is_judgement
from lmcore.experiments.comparison.groups import Group
from lmcore.experiments.comparison.recorded import RecordedRun
from lmcore.experiments.comparison.verdict import LEVEL

Noise = Literal["paired", "unpaired", "one side", "unknown"]
"""How the band of seed noise was found; see `difference_between`."""


@dataclass(frozen=True)
class Difference:
    """The second group's metric minus the first's, by position; `low` and `high` are empty where noise is unknown."""

    first: str  # letters of the runs that were used
    second: str
    noise: Noise
    seeds: tuple[int, int]  # how many runs of either side; pairs where they are paired
    positions: "array[float]"
    ours: "array[float]"  # means of either side
    theirs: "array[float]"
    mean: "array[float]"
    low: "array[float]"
    high: "array[float]"

    @property
    def has_band(self) -> bool:
        """Whether it is known how far seeds alone would let it lie."""
        return bool(self.low)

    @property
    def is_seen(self) -> bool:
        """Whether the last difference lies outside of what seeds alone explain."""
        return self.has_band and not self.low[-1] <= 0 <= self.high[-1]


def difference_between(first: Group, second: Group, metric: str, axis: Axis, smoothing: float = 0.0) -> Difference:
    """The difference of two groups along a metric, with the 95 % band of seed noise at each position by itself.

    Runs are compared at common steps exactly; over tokens and time at the first run's positions, with straight lines
    between the points of the others. Metrics of training are smoothed first, run by run (weight `smoothing`), those of
    evaluation never. The band is, with t the 97.5 % quantile of Student's distribution:

    - paired, where two seeds or more are on both sides: over the differences d of runs that share a seed, mean(d) ±
      t(n - 1) · s(d) / √n;
    - unpaired, where both sides have several seeds: difference of the means ± t(ν) · √(s²₁/n₁ + s²₂/n₂), ν after Welch
      (1947);
    - one side, where only one has several: its s² is taken for both, difference ± t(n - 1) · s · √(1/n₁ + 1/n₂).

    One run on each side says nothing about noise: no band. Over a whole curve of many positions chance leaves such a
    band somewhere more often than in 5 % of cases; a verdict needs one position that is fixed beforehand.
    """
    shared = [seed for seed in first.by_seed if seed in second.by_seed]
    is_paired = len(shared) >= 2
    ours, theirs = (
        [group.by_seed[seed] for seed in shared] if is_paired else list(group.runs) for group in (first, second)
    )
    weight = 0.0 if is_judgement(metric) else smoothing
    curves = [run.curves.points(metric, axis, weight) for run in (*ours, *theirs)]
    positions = array("d", common_positions(curves, axis))
    columns = [_values(points, positions) for points in curves]
    ours_mean, theirs_mean, mean, low, high = (array("d") for _ in range(5))
    noise = _noise(is_paired, len(ours), len(theirs))
    for index in range(len(positions)):
        values = [column[index] for column in columns]
        our_values, their_values = values[: len(ours)], values[len(ours) :]
        middle, reach = _judge(our_values, their_values, noise)
        ours_mean.append(_mean(our_values))
        theirs_mean.append(_mean(their_values))
        mean.append(middle)
        if reach is not None:
            low.append(middle - reach)
            high.append(middle + reach)
    return Difference(
        _letters(ours),
        _letters(theirs),
        noise,
        (len(ours), len(theirs)),
        positions,
        ours_mean,
        theirs_mean,
        mean,
        low,
        high,
    )


def _letters(runs: Sequence[RecordedRun]) -> str:
    return " ".join(run.letter for run in runs)


def _values(points: Points, positions: Sequence[float]) -> Sequence[float]:
    if points.positions == positions:
        return points.values
    values = [points.at(position) for position in positions]
    return [value for value in values if value is not None]


def _noise(is_paired: bool, ours: int, theirs: int) -> Noise:
    if ours == theirs == 1:
        return "unknown"
    if is_paired:
        return "paired"
    return "unpaired" if min(ours, theirs) >= 2 else "one side"


def _judge(ours: Sequence[float], theirs: Sequence[float], noise: Noise) -> tuple[float, float | None]:
    """The difference of the means, and how far the band reaches to either side of it."""
    middle = _mean(theirs) - _mean(ours)
    if noise == "unknown":
        return middle, None
    if noise == "paired":
        differences = [their - our for our, their in zip(ours, theirs, strict=True)]
        count = len(differences)
        return _mean(differences), _quantile(count - 1) * math.sqrt(_variance(differences) / count)
    n1, n2 = len(ours), len(theirs)
    if noise == "one side":
        several = ours if n1 > 1 else theirs
        return middle, _quantile(len(several) - 1) * math.sqrt(_variance(several) * (1 / n1 + 1 / n2))
    v1, v2 = _variance(ours) / n1, _variance(theirs) / n2
    if v1 + v2 == 0:
        return middle, 0.0
    share = v1 / (v1 + v2)
    degrees = 1 / (share * share / (n1 - 1) + (1 - share) * (1 - share) / (n2 - 1))
    return middle, _quantile(degrees) * math.sqrt(v1 + v2)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((value - mean) * (value - mean) for value in values) / (len(values) - 1)


@lru_cache(maxsize=64)
def _quantile(degrees: float) -> float:
    """Student's t at 97.5 %."""
    return float(special.stdtrit(degrees, 1 - LEVEL / 2))
