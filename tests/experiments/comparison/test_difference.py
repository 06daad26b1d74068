"""Differences between groups of runs, and the band that seeds alone explain."""

import json
import math
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from lmcore.experiments.comparison.difference import difference_between
from lmcore.experiments.comparison.groups import Group, group_runs
from lmcore.experiments.comparison.recorded import read_recorded
from tests.experiments.comparison.made import group_of, judged_rows, make_run, step_rows

LOSSES = st.dictionaries(st.integers(1, 50), st.floats(0, 100), min_size=1, max_size=8)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(LOSSES)
def test_a_group_differs_from_itself_by_nothing(
    tmp_path_factory: pytest.TempPathFactory, losses: dict[int, float]
) -> None:
    group = group_of(tmp_path_factory.mktemp("runs"), {1: losses, 2: {s: x + 1 for s, x in losses.items()}})
    found = difference_between(group, group, "loss/val", "step")
    assert list(found.positions) == sorted(losses)
    assert not any((*found.mean, *found.low, *found.high)) and not found.is_seen


def test_runs_that_share_seeds_are_paired(tmp_path: Path) -> None:
    ours = {1: {5: 2.0, 10: 1.0}, 2: {5: 2.6, 10: 1.5}, 3: {5: 2.4, 10: 1.2}}
    theirs = {3: {5: 2.5, 10: 1.4}, 1: {5: 2.3, 10: 1.1}, 2: {5: 2.7, 10: 1.7}, 9: {5: 9.0, 10: 9.0}}
    first, second = group_of(tmp_path / "a", ours), group_of(tmp_path / "b", theirs, "ghij")
    found = difference_between(first, second, "loss/val", "step")
    assert (found.noise, found.seeds, found.first, found.second) == ("paired", (3, 3), "a b c", "h i g")
    differences = [theirs[seed][10] - ours[seed][10] for seed in (1, 2, 3)]
    low, high = stats.t.interval(0.95, 2, loc=sum(differences) / 3, scale=stats.sem(differences))
    assert found.mean[-1] == pytest.approx(sum(differences) / 3)
    assert (found.low[-1], found.high[-1]) == pytest.approx((low, high))
    assert not found.is_seen or low > 0 or high < 0


def test_other_seeds_give_the_band_of_welch(tmp_path: Path) -> None:
    ours, theirs = {1: 1.0, 2: 1.3, 3: 1.1}, {4: 1.6, 5: 1.5}
    first = group_of(tmp_path / "a", {seed: {4: loss} for seed, loss in ours.items()})
    second = group_of(tmp_path / "b", {seed: {4: loss} for seed, loss in theirs.items()})
    found = difference_between(first, second, "loss/val", "step")
    expected = stats.ttest_ind(list(theirs.values()), list(ours.values()), equal_var=False).confidence_interval()
    assert found.noise == "unpaired" and found.seeds == (3, 2)
    assert (found.low[0], found.high[0]) == pytest.approx((expected.low, expected.high))


def test_several_seeds_on_one_side_lend_their_noise_to_the_other(tmp_path: Path) -> None:
    first = group_of(tmp_path / "a", {seed: {4: loss} for seed, loss in {1: 1.0, 2: 1.3, 3: 1.1}.items()})
    second = group_of(tmp_path / "b", {1: {4: 2.0}})
    found = difference_between(first, second, "loss/val", "step")
    spread = math.sqrt(((1.0 - 3.4 / 3) ** 2 + (1.3 - 3.4 / 3) ** 2 + (1.1 - 3.4 / 3) ** 2) / 2)
    reach = stats.t.ppf(0.975, 2) * spread * math.sqrt(1 + 1 / 3)
    assert found.noise == "one side"
    assert found.high[0] - found.mean[0] == pytest.approx(reach)


def test_one_pair_has_no_band(tmp_path: Path) -> None:
    first, second = group_of(tmp_path / "a", {1: {4: 1.0}}), group_of(tmp_path / "b", {1: {4: 2.0}})
    found = difference_between(first, second, "loss/val", "step")
    assert list(found.mean) == [1.0] and not found.has_band and not found.is_seen


@pytest.mark.parametrize(
    ("ours", "theirs", "noise"),
    [((1, 2, 3), (1, 2, 3), "paired"), ((1, 2, 3), (4, 5, 6, 7), "unpaired"), ((1, 2, 3), (4,), "one side")],
)
def test_where_nothing_but_the_seed_differs_the_band_is_left_in_one_of_twenty_places(
    tmp_path: Path, ours: tuple[int, ...], theirs: tuple[int, ...], noise: str
) -> None:
    random = Random(5)
    places = range(1, 2001)  # each an experiment of its own: the noise of one step says nothing about the next
    losses = {side: {seed: {step: random.gauss(2, 0.1) for step in places} for seed in seeds}
              for side, seeds in (("a", ours), ("b", theirs))}  # fmt: skip
    first, second = group_of(tmp_path / "a", losses["a"]), group_of(tmp_path / "b", losses["b"])
    found = difference_between(first, second, "loss/val", "step")
    outside = sum(not low <= 0 <= high for low, high in zip(found.low, found.high, strict=True))
    assert found.noise == noise
    assert 0.035 < outside / len(places) < 0.065  # within three standard errors of 5 %


def test_a_loss_that_is_not_finite_is_no_point(tmp_path: Path) -> None:
    first = group_of(tmp_path / "a", {1: {4: 1.0, 8: 1e300, 12: 1.0}})
    second = group_of(tmp_path / "b", {1: {4: 2.0, 8: 1.0, 12: math.nan}})
    found = difference_between(first, second, "loss/val", "step")
    assert list(found.positions) == [4]


def test_training_losses_are_smoothed_before_they_are_compared(tmp_path: Path) -> None:
    noisy = [2.0 + (-1) ** step for step in range(40)]
    folders = [make_run(tmp_path, "a", step_rows(noisy)), make_run(tmp_path, "b", step_rows([2.0] * 40))]
    first, second = (Group((read_recorded(folder, folder.name),)) for folder in folders)
    raw, smooth = (difference_between(first, second, "loss/train", "step", weight) for weight in (0.0, 0.9))
    assert abs(raw.mean[-1]) == pytest.approx(1.0) and abs(smooth.mean[-1]) < 0.1


def test_runs_are_compared_at_the_tokens_that_both_have_seen(tmp_path: Path) -> None:
    folders = [
        make_run(tmp_path, "a", judged_rows({1: 4.0, 2: 3.0, 3: 2.0, 4: 1.0}, tokens=10)),
        make_run(tmp_path, "b", judged_rows({1: 3.0, 2: 2.0}, tokens=15)),
    ]
    first, second = (Group((read_recorded(folder, folder.name),)) for folder in folders)
    found = difference_between(first, second, "loss/val", "tokens")
    assert list(found.positions) == [20, 30]
    assert list(found.theirs) == pytest.approx([3.0 - 1 / 3, 2.0])


def test_runs_that_differ_in_their_seed_alone_are_one_group(tmp_path: Path) -> None:
    rows = step_rows([1.0])
    made = {
        "a": {"seed": 1},
        "b": {"seed": 2},
        "c": {"seed": 1, "config_hash": "other"},
        "d": {"seed": 3, "data_fingerprint": "other"},
        "e": {"seed": 4, "own_code": {"my_hooks.py": "12"}},
        "f": {"seed": 5, "parent": {"run": "x", "step": 5}},
        "g": {"seed": 2},
        "h": {"seed": 6},
    }
    runs = []
    for letter, identity in made.items():
        folder = make_run(tmp_path, letter, rows, **identity)
        change = {"step": 3, "key": "training.learning_rate", "old": "1e-3", "new": "2e-3"}
        shown = {"step": 3, "key": "other.log_interval", "old": "1", "new": "2"}
        if letter in "bh":
            (folder / "journal.jsonl").write_text(json.dumps(change if letter == "h" else shown) + "\n")
        runs.append(read_recorded(folder, letter))
    assert [group.letters for group in group_runs(runs)] == ["a b", "c", "d", "e", "f", "g", "h"]
