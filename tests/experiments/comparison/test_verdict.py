"""Verdicts: the t-test against scipy's, the correction by hand, and how often either error is made."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lmcore.experiments.comparison.verdict import (
    LEVEL,
    TooFewSeeds,
    holm,
    judge,
    paired_p,
    sign_flip_p,
    visible_ratio,
)

losses = st.lists(st.floats(0.1, 5), min_size=2, max_size=8)


@given(st.data(), losses)
def test_p_and_interval_are_those_of_the_paired_t_test(data: st.DataObject, baseline: list[float]) -> None:
    size = len(baseline)
    arm = data.draw(st.lists(st.floats(0.1, 5), min_size=size, max_size=size))
    differences = [one - other for one, other in zip(arm, baseline, strict=True)]
    if statistics.stdev(differences) < 1e-3:  # scipy's own sums lose their last digits there
        return
    expected = stats.ttest_rel(arm, baseline)
    interval = expected.confidence_interval(0.95)
    verdict = judge(baseline, {"arm": arm})["arm"]
    assert verdict.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    assert (verdict.low, verdict.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-9)
    assert verdict.p_corrected == verdict.p
    assert (verdict.outcome != "no difference") == (verdict.p <= LEVEL)


def test_lower_losses_are_better_and_higher_ones_worse() -> None:
    baseline = [1.90, 1.91, 1.89]
    arms = {"low": [1.70, 1.711, 1.689], "high": [2.10, 2.111, 2.089], "same": [1.905, 1.90, 1.892]}
    verdicts = judge(baseline, arms)
    assert [verdict.outcome for verdict in verdicts.values()] == ["better", "worse", "no difference"]
    assert verdicts["low"].mean_difference == pytest.approx(-0.2) and verdicts["low"].words == "better"
    assert verdicts["same"].words == "no difference that this experiment could see"
    assert all(verdict.arms == 3 and verdict.seeds == 3 for verdict in verdicts.values())


def test_runs_that_are_bit_for_bit_the_same_do_not_differ() -> None:
    verdict = judge([1.0, 2.0], {"arm": [1.0, 2.0]})["arm"]
    assert (verdict.p, verdict.mean_difference, verdict.smallest_effect) == (1.0, 0.0, 0.0)
    assert verdict.outcome == "no difference"


def test_a_difference_without_any_noise_is_one() -> None:
    assert paired_p([0.5, 0.5, 0.5]) == 0.0


@given(st.lists(st.floats(-3, 3).filter(lambda x: x == 0 or abs(x) > 1e-6), min_size=2, max_size=7))
def test_the_sign_flip_test_is_that_of_scipy(differences: list[float]) -> None:
    expected = stats.permutation_test(
        (differences,), lambda x, axis: abs(x.sum(axis=axis)), permutation_type="samples", alternative="greater"
    ).pvalue
    assert sign_flip_p(differences) == pytest.approx(expected)
    assert sign_flip_p(differences) >= 2 / 2 ** len(differences)


def test_with_many_seeds_the_sign_flip_test_is_estimated_and_always_alike() -> None:
    draw = random.Random(3)
    differences = [draw.gauss(0.3, 1) for _ in range(20)]
    assert sign_flip_p(differences) == sign_flip_p(differences)
    assert sign_flip_p(differences) == pytest.approx(paired_p(differences), abs=0.02)


def test_the_sign_flip_test_is_told_and_does_not_decide() -> None:
    verdict = judge([1.90, 1.91, 1.89], {"arm": [1.70, 1.711, 1.689]})["arm"]
    assert verdict.outcome == "better" and verdict.p_sign_flip == 0.25


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}, 3) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.5, "b": 0.6}, 2) == {"a": 1.0, "b": 1.0}


def test_arms_without_losses_count_in_the_correction() -> None:
    alone = judge([1.0, 1.1, 1.2], {"arm": [1.1, 1.21, 1.3]})["arm"]
    among = judge([1.0, 1.1, 1.2], {"arm": [1.1, 1.21, 1.3]}, family=4)["arm"]
    assert among.p == alone.p and among.p_corrected == pytest.approx(4 * alone.p)
    assert among.smallest_effect > alone.smallest_effect


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("level", [0.05, 0.0125])
def test_the_smallest_effect_is_found_four_times_in_five(seeds: int, level: float) -> None:
    critical = stats.t.isf(level / 2, seeds - 1)
    assert stats.nct.sf(critical, seeds - 1, visible_ratio(seeds, level)) == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize(
    ("baseline", "arm", "error"),
    [([1.0], [1.1], TooFewSeeds), ([1.0, 2.0], [1.0], ValueError), ([1.0, 2.0], [1.0, math.nan], ValueError)],
)
def test_what_cannot_be_judged_is_refused(baseline: list[float], arm: list[float], error: type[ValueError]) -> None:
    with pytest.raises(error):
        judge(baseline, {"arm": arm})


def test_four_changes_that_change_nothing_are_seldom_said_to_matter() -> None:
    draw = random.Random(11)
    comparisons, said = 2000, 0
    for _ in range(comparisons):
        seeds = [draw.gauss(1.9, 0.02) for _ in range(3)]
        arms = {name: [loss + draw.gauss(0, 0.004) for loss in seeds] for name in "abcd"}
        said += any(verdict.outcome != "no difference" for verdict in judge(seeds, arms).values())
    assert said / comparisons <= LEVEL + 3 * math.sqrt(LEVEL * (1 - LEVEL) / comparisons)
