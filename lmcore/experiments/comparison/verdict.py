"""Whether one change mattered: final losses of runs with and without it, paired by seed. Needs no torch.

The test is Student's paired t-test on the differences of runs that share a seed, two-sided. It is exact where the
differences are normal, for any number of seeds from two. An exact sign-flip permutation test would need no normality,
but with n seeds its p-value is never below 2 / 2ⁿ (0.25 for three seeds, 0.06 for five): with the few seeds that a
person can afford it could find nothing, however large; it is told beside the verdict.
`tests/measure/verdict_calibration.py` shows how often either kind of error happens. Several arms are judged together:
their p-values are corrected by Holm's method (Holm 1979), so that the chance of any false "better" or "worse" in a
whole ablation stays below the level.
"""

import math
from collections.abc import Mapping, Sequence

from lmcore.errors import LabError
from lmcore.protocol.results import Verdict

LEVEL = 0.05
"""The chance of at least one false difference in an ablation whose changes all change nothing."""

POWER = 0.8
"""How often the smallest effect that could be seen would have been found."""


MOST_FLIPPED = 16
"""Up to so many seeds every choice of signs is counted."""

DRAWN = 100_000
"""How many choices of signs stand for all of them beyond that."""


class TooFewSeeds(LabError):
    """One pair of runs says nothing about noise."""


def judge(
    baseline: Sequence[float], arms: Mapping[str, Sequence[float]], *, family: int | None = None
) -> dict[str, Verdict]:
    """The verdict on each arm, from final losses in the order of the seeds.

    `family`: how many arms the ablation has, where some of them have no losses to judge; they count in the correction.
    TooFewSeeds below two; ValueError for losses that do not pair or are not finite.
    """
    from scipy import special  # here and below: whoever reads a verdict need not wait for it

    count = max(family or 0, len(arms))
    differences = {name: _differences(name, baseline, losses) for name, losses in arms.items()}
    p_values = {name: paired_p(values) for name, values in differences.items()}
    corrected = holm(p_values, count)
    flipped = holm({name: sign_flip_p(values) for name, values in differences.items()}, count)
    verdicts = {}
    for name, values in differences.items():
        mean, error = _mean_and_error(values)
        reach = error * float(special.stdtrit(len(values) - 1, 1 - LEVEL / 2))
        different = corrected[name] <= LEVEL
        verdicts[name] = Verdict(
            seeds=len(values),
            arms=count,
            mean_difference=mean,
            low=mean - reach,
            high=mean + reach,
            p=p_values[name],
            p_corrected=corrected[name],
            p_sign_flip=flipped[name],
            smallest_effect=error * visible_ratio(len(values), LEVEL / count),
            outcome="no difference" if not different else "better" if mean < 0 else "worse",
        )
    return verdicts


def _differences(name: str, baseline: Sequence[float], losses: Sequence[float]) -> list[float]:
    if len(losses) != len(baseline):
        raise ValueError(f"{name} has {len(losses)} losses and the baseline {len(baseline)}; they are paired by seed.")
    if len(losses) < 2:
        raise TooFewSeeds("A verdict needs at least two seeds: one pair of runs says nothing about noise.")
    if not all(map(math.isfinite, (*baseline, *losses))):
        raise ValueError(f"{name}: a loss that is not finite cannot be compared.")
    return [loss - reference for loss, reference in zip(losses, baseline, strict=True)]


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error, s / √n with s² = Σ(x - mean)² / (n - 1)."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def paired_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of Student's t-test that the differences' mean is zero: t = mean / (s / √n), n - 1 degrees."""
    from scipy import special

    mean, error = _mean_and_error(differences)
    if mean == 0:
        return 1.0
    if error == 0:
        return 0.0
    return 2 * float(special.stdtr(len(differences) - 1, -abs(mean / error)))


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided p-value of the permutation test that each difference could as well have had the other sign.

    It is the share of all 2ⁿ choices of signs whose sum is at least as far from zero (Fisher 1935); exact up to
    `MOST_FLIPPED` differences, beyond that estimated from `DRAWN` choices that are always the same.
    """
    import numpy as np

    count = len(differences)
    if count <= MOST_FLIPPED:
        signs = 1 - 2 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)  # [choice, difference]
    else:
        signs = np.random.default_rng(0).choice((-1, 1), size=(DRAWN, count))  # [choice, difference]
        signs[0] = 1  # what was observed is one of them
    sums = np.abs(signs @ np.asarray(differences, dtype=np.float64))  # [choice]
    observed = abs(math.fsum(differences))
    return float(np.mean(sums >= observed - 1e-12 * max(1.0, observed)))


def holm(p_values: Mapping[str, float], count: int) -> dict[str, float]:
    """Holm's step-down correction for `count` tests: the k-th smallest p (k from 0) × (count - k), never decreasing."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (count - rank) * p_values[name]))
        corrected[name] = largest
    return corrected


def visible_ratio(seeds: int, level: float, power: float = POWER) -> float:
    """The true mean, in standard errors, that the t-test at this level finds with this power.

    It is the noncentrality λ at which the noncentral t distribution has `power` above the critical value; the other
    tail, where the sign would be wrong, adds nothing that counts.
    """
    from scipy import special

    degrees = seeds - 1
    critical = special.stdtrit(degrees, 1 - level / 2)
    return float(special.nctdtrinc(degrees, 1 - power, critical))
