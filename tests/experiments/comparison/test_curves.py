"""Curves are read from a log, smoothed, and brought to common positions."""

import json
import math
import tracemalloc
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.experiments.comparison.curves import (
    Curve,
    Points,
    common_positions,
    is_judgement,
    read_curves,
    smoothed,
    spread,
)
from tests.experiments.comparison.made import curves_of, judged_rows, step_rows

STEPS = st.lists(st.integers(1, 60), min_size=1, max_size=30, unique=True).map(sorted)
VALUES = st.floats(-1e6, 1e6)


def points(steps: list[int], scale: float = 1.0) -> Points:
    return Points(array("d", steps), array("d", [scale * step for step in steps]))


def test_a_log_is_read_with_what_is_damaged_in_it(tmp_path: Path) -> None:
    rows = [json.dumps(row) for row in step_rows([3.0, 2.0])]
    broken = ['{"step": 3, "loss', '{"loss/train": 1}', "[]"]
    (tmp_path / "metrics.jsonl").write_text(
        "\n".join([*rows, *broken, '{"step": 4, "loss/train": "NaN"}', '{"step": 5, "lo'])
    )
    curves = read_curves(tmp_path / "metrics.jsonl")
    assert curves.damaged == 3 and curves.names == ["learning_rate", "loss/train"] and curves.last_step == 4
    assert list(curves.points("loss/train", "step").positions) == [1, 2]
    loss = curves.last("loss/train")
    assert loss is not None and math.isnan(loss)
    assert read_curves(tmp_path / "nothing.jsonl").names == []


@given(st.lists(st.tuples(st.integers(0, 30), VALUES), max_size=40))
def test_a_curve_is_in_order_however_its_values_came(put: list[tuple[int, float]]) -> None:
    curve = Curve()
    for step, value in put:
        curve.put(step, value)
    assert list(zip(curve.steps, curve.values, strict=True)) == sorted(dict(put).items())
    assert all(curve.at(step) == value for step, value in dict(put).items()) and curve.at(31) is None


def test_a_curve_lies_over_steps_tokens_and_time() -> None:
    curves = curves_of([*step_rows([3.0, 2.0]), *judged_rows({2: 2.5})])
    assert list(curves.points("loss/train", "tokens").positions) == [10, 20]
    assert list(curves.points("loss/val", "time").positions) == [1.0]
    assert not curves.points("loss/other", "step").positions


@given(STEPS, st.lists(STEPS, max_size=3))
def test_common_steps_are_those_of_all(first: list[int], others: list[list[int]]) -> None:
    found = common_positions([points(first), *map(points, others)], "step")
    assert found == sorted(set(first).intersection(*map(set, others)))


@given(STEPS, STEPS)
def test_over_tokens_the_other_curve_is_read_between_its_points(first: list[int], other: list[int]) -> None:
    ours, theirs = points(first), points(other, 2.0)
    found = common_positions([ours, theirs], "tokens")
    assert found == [step for step in first if other[0] <= step <= other[-1]]
    assert [theirs.at(step) for step in found] == pytest.approx([2.0 * step for step in found])


@given(VALUES, st.integers(1, 50), st.floats(0, 0.99))
def test_a_constant_stays_constant_when_it_is_smoothed(value: float, count: int, weight: float) -> None:
    assert list(smoothed(array("d", [value] * count), weight)) == pytest.approx([value] * count)


@given(st.integers(0, 500), st.integers(1, 20))
def test_a_few_of_many_are_spread_evenly_to_the_last(count: int, most: int) -> None:
    found = spread(count, most)
    assert found == sorted(set(found)) and len(found) == min(count, most)
    assert not count or found[-1] == count - 1
    gaps = [b - a for a, b in pairwise(found)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_evaluations_are_not_smoothed() -> None:
    assert is_judgement("loss/val") and is_judgement("bits_per_byte/val") and not is_judgement("loss/train")


def test_a_long_log_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {step}, "loss/train": 1.5, "said": "{"x" * 2000}"}}\n' for step in range(2000)))
    tracemalloc.start()
    try:
        curves = read_curves(path)
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 4
    finally:
        tracemalloc.stop()
    assert len(curves.metrics["loss/train"].steps) == 2000
