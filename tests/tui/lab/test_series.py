"""Series: nothing is lost in the pyramid, in the columns, or when a run goes back."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from tui.lab.series import Series, Smoothed, reduce_to_columns

finite = st.floats(-1e6, 1e6, allow_nan=False)


def filled(values: list[float], stride: int = 1) -> Series:
    series = Series()
    for index, value in enumerate(values):
        series.put(index * stride, value)
    return series


@settings(max_examples=60, deadline=None)
@given(st.lists(finite, min_size=1, max_size=3000), st.data())
def test_extremes_are_those_of_the_values(values: list[float], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(values) - 1))
    stop = data.draw(st.integers(start + 1, len(values)))
    assert filled(values).extremes(start, stop) == (min(values[start:stop]), max(values[start:stop]))


@settings(max_examples=60, deadline=None)
@given(st.lists(finite, min_size=1, max_size=2000), st.integers(1, 120))
def test_columns_keep_minimum_and_maximum(values: list[float], columns: int) -> None:
    series = filled(values)
    bounds = [len(values) * i / columns for i in range(columns + 1)]
    drawn = reduce_to_columns(series, bounds)
    assert len(drawn) == columns and all(len(points) <= 2 for points in drawn)
    for points, left, right in zip(drawn, bounds, bounds[1:], strict=False):
        inside = [value for step, value in enumerate(values) if left <= step < right]
        assert {value for _, value in points} == ({min(inside), max(inside)} if inside else set())
        assert all(left <= step <= right for step, _ in points)


def test_a_single_spike_among_a_million_points_is_drawn() -> None:
    values = [1.0] * 1_000_000
    values[654_321] = 99.0
    series = filled(values)
    drawn = reduce_to_columns(series, [i * 10_000.0 for i in range(101)])
    assert max(value for points in drawn for _, value in points) == 99.0


@settings(max_examples=40, deadline=None)
@given(st.lists(finite, min_size=1, max_size=1500), st.data())
def test_after_truncating_it_is_as_if_the_rest_had_never_been(values: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(values)))
    series = filled(values)
    series.truncate(cut)
    for step in range(cut, len(values)):
        series.put(step, 0.0)
    expected = values[:cut] + [0.0] * (len(values) - cut)
    assert list(series.values) == expected
    assert series.extremes(0, len(values)) == (min(expected), max(expected))


def test_late_and_repeated_points_find_their_place() -> None:
    series = filled([1.0, 2.0, 3.0], stride=10)
    series.put(5, 1.5)
    series.put(10, 2.5)
    assert list(zip(series.steps, series.values, strict=True)) == [(0, 1.0), (5, 1.5), (10, 2.5), (20, 3.0)]


def test_what_is_not_finite_is_no_point_but_is_remembered() -> None:
    series = filled([1.0, math.nan, math.inf, 2.0])
    assert list(series.values) == [1.0, 2.0] and list(series.non_finite) == [1, 2]
    assert series.at(1.2) == (0, 1.0)


def test_the_nearest_point_is_read() -> None:
    series = filled([1.0, 2.0, 3.0], stride=100)
    assert series.at(149) == (100, 2.0) and series.at(151) == (200, 3.0) and series.at(10_000) == (200, 3.0)
    assert Series().at(3) is None


def test_smoothing_a_constant_gives_the_constant_from_its_first_point() -> None:
    smooth = Smoothed(filled([0.7] * 50), 0.95).catch_up()
    assert all(math.isclose(value, 0.7) for value in smooth.values)


def test_smoothing_ignores_gaps_between_steps() -> None:
    values = [4.0, 3.0, 2.5, 2.0]
    dense, sparse = filled(values), Series()
    for step, value in zip((1, 2, 500, 501), values, strict=True):
        sparse.put(step, value)
    assert list(Smoothed(dense, 0.9).catch_up().values) == list(Smoothed(sparse, 0.9).catch_up().values)


@settings(max_examples=30, deadline=None)
@given(st.lists(finite, min_size=2, max_size=200), st.floats(0, 0.99))
def test_smoothing_as_it_grows_equals_smoothing_at_the_end(values: list[float], weight: float) -> None:
    source = Series()
    growing = Smoothed(source, weight)
    for step, value in enumerate(values):
        source.put(step, value)
        if step % 3 == 0:
            growing.catch_up()
    assert list(growing.catch_up().values) == list(Smoothed(source, weight).catch_up().values)


def test_smoothing_begins_again_after_the_source_was_cut() -> None:
    source = filled([5.0, 4.0, 3.0, 2.0])
    smooth = Smoothed(source, 0.5)
    smooth.catch_up()
    source.truncate(2)
    source.put(2, 9.0)
    assert list(smooth.catch_up().values) == list(Smoothed(source, 0.5).catch_up().values)
