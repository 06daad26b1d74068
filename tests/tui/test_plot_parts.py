"""Ticks, numbers, curves and windows: the pure parts of the plot."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui.lab.history import Axis
from tui.lab.numbers import amount, duration, short_number
from tui.panes.loss.picture import axis_labels
from tui.panes.loss.view import View
from tui.widgets.curves import draw_curves
from tui.widgets.plot import Band, Curve, Picture, Plot, _write_free
from tui.widgets.sparkline import sparkline
from tui.widgets.ticks import linear_ticks, log_ticks, tick_labels

anything = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=150, deadline=None)
@example(low=90071992547.5625, width=1e-05, count=2)
@example(low=22517998137.0, width=1e-05, count=2)
@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12), st.integers(1, 12))
def test_linear_ticks_lie_inside_and_are_few(low: float, width: float, count: int) -> None:
    ticks = linear_ticks(low, low + width, count)
    room = width * 1e-6
    assert len(ticks) <= count + 1
    assert all(low - room <= tick <= low + width + room for tick in ticks)


@settings(max_examples=150, deadline=None)
@example(low=0.98e-7, factor=1.05, count=6, is_log=False)
@example(low=1e-30, factor=1e40, count=6, is_log=True)
@given(st.floats(1e-8, 1e8), st.floats(1.01, 1e8) | st.floats(1 + 1e-7, 1.01), st.integers(2, 10), st.booleans())
def test_ticks_lie_inside_and_their_labels_differ_in_one_style(
    low: float, factor: float, count: int, is_log: bool
) -> None:
    ticks = (log_ticks if is_log else linear_ticks)(low, low * factor, count)
    room = low * (factor - 1) * 1e-3
    assert all(low - room <= tick <= low * factor + room for tick in ticks)
    labels = tick_labels(ticks)
    read = [float(label.replace(",", "")) for label in labels]
    assert read == pytest.approx(ticks, rel=1e-3) and read == sorted(set(read))
    assert len({"e" in label for label in labels if label != "0"}) <= 1


@pytest.mark.parametrize("axis", ["step", "tokens", "time"])
@settings(max_examples=50, deadline=None)
@example(left=40_960, width=12)
@given(st.floats(0, 1e9), st.floats(1e-2, 1e9))
def test_no_two_ticks_of_a_step_a_time_or_a_count_say_the_same(axis: Axis, left: float, width: float) -> None:
    labels = [label for label in axis_labels(axis, linear_ticks(left, left + width, 10)) if label]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.28, 5.2, ["0.3", "0.5", "1.0", "2.0", "3.0", "5.0"]),
        (0.001, 0.1, ["0.001", "0.003", "0.010", "0.030", "0.100"]),
        (0.05, 2000.0, ["0.1", "1", "10", "100", "1,000"]),
        (0.98e-7, 1.03e-7, ["9.80e-8", "9.90e-8", "1.00e-7", "1.01e-7", "1.02e-7", "1.03e-7"]),
    ],
)
def test_a_loss_axis_has_round_numbers(low: float, high: float, labels: list[str]) -> None:
    assert tick_labels(log_ticks(low, high, 6)) == labels


@given(anything)
def test_any_number_can_be_written_shortly(value: float) -> None:
    assert 0 < len(short_number(value)) <= 9


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.4123, "0.412"), (1.0, "1.00"), (12.34, "12.3"), (12900, "12,900"), (3e-4, "3.0e-4"), (None, "–"), (0.0, "0")],
)
def test_short_numbers(value: float | None, text: str) -> None:
    assert short_number(value) == text


def test_spans_and_amounts_of_people() -> None:
    assert [duration(s) for s in (7, 112, 3723, 180000)] == ["0:07", "1:52", "1:02:03", "2 d 2 h"]
    assert [amount(n) for n in (950, 4096, 16_400_000, 2e9)] == ["950", "4.1k", "16.4M", "2B"]


points = st.lists(st.tuples(st.floats(0, 100), st.floats(-1e9, 1e9)), max_size=40).map(sorted)


@settings(max_examples=25, deadline=None)
@given(st.lists(points, max_size=3), st.integers(1, 60), st.integers(1, 15))
def test_curves_fill_exactly_their_grid(curves: list[list[tuple[float, float]]], width: int, height: int) -> None:
    grid = draw_curves(width, height, curves, (0, 100), (-5, 5))
    assert [len(row) for row in grid] == [width] * height
    assert all(-1 <= curve < len(curves) and len(character) == 1 for row in grid for character, curve in row)


def test_a_falling_line_falls() -> None:
    grid = draw_curves(20, 10, [[(0, 1.0), (100, 0.0)]], (0, 100), (0, 1))
    rows = [min(c for c, (_, curve) in enumerate(row) if curve == 0) for row in grid]
    assert rows == sorted(rows) and rows[0] == 0 and grid[9][19][1] == 0


def test_empty_or_impossible_ranges_draw_nothing() -> None:
    assert draw_curves(3, 1, [[(0, 0)]], (1, 1), (0, 1)) == [[(" ", -1)] * 3]
    assert draw_curves(0, 0, [], (0, 1), (0, 1)) == []


def test_zooming_keeps_the_newest_in_sight_and_the_whole_comes_back() -> None:
    view = View().zoomed(0, 100, 0.5)
    assert view.window(0, 100) == (50, 100) and view.window(0, 200) == (150, 200)
    assert view.zoomed(0, 100, 2.0) == View()


def test_zooming_keeps_what_is_under_the_mouse_in_its_place() -> None:
    left, right = View().zoomed(0, 100, 0.5, 20).window(0, 100)
    assert (left, right) == (10, 60)


def test_panning_stops_at_the_ends_and_follows_again_at_the_newest() -> None:
    view = View().zoomed(0, 100, 0.2).panned(0, 100, -0.5)
    assert view.window(0, 100) == (70, 90) and view.window(0, 500) == (70, 90)
    assert view.panned(0, 100, -100).window(0, 100) == (0, 20)
    assert view.panned(0, 100, 100).right is None
    assert View().panned(0, 100, 1) == View()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["zoom", "pan"]), st.floats(-3, 3), st.floats(0, 1000)), max_size=12),
    st.floats(1, 1e6),
)
def test_the_window_always_lies_within_what_there_is(moves: list[tuple[str, float, float]], last: float) -> None:
    view = View()
    for kind, by, around in moves:
        view = view.zoomed(0, last, 2.0**by, around) if kind == "zoom" else view.panned(0, last, by)
        left, right = view.window(0, last)
        assert -1e-6 * last <= left <= right <= last * (1 + 1e-9)


@given(st.lists(st.one_of(st.none(), anything), max_size=30), st.integers(0, 20))
def test_a_sparkline_has_its_width(values: list[float | None], width: int) -> None:
    assert len(sparkline(values, width)) == width


def test_a_sparkline_shows_the_trend() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([1.0, 1.001, 1.0], 3) == "▄▅▄" or len(set(sparkline([1.0, 1.001, 1.0], 3))) == 1
    assert sparkline([None, 1.0, math.nan], 3)[0] == " " and sparkline([math.nan, 1.0], 2)[0] == "×"


def test_names_of_marks_do_not_touch() -> None:
    grid = [[(" ", "")] * 40 for _ in range(6)]
    _write_free(grid, 10, "one edited", "mark")
    _write_free(grid, 20, "two edited", "mark")
    rows = ["".join(character for character, _ in row).strip() for row in grid]
    assert rows[:2] == ["one edited", "two edited"]


def test_a_band_fills_the_cells_between_its_ends_and_no_others() -> None:
    band = Band(lambda x: (2.0, 4.0) if 0.5 <= x <= 20 else None)
    picture = Picture((0.0, 10.0), (0.0, 10.0), bands=(band,), curves=(Curve([(0, 9.5), (10, 9.5)], "raw"),))
    grid = Plot(lambda columns, rows: picture)._curve_cells(picture, 10, 10)
    shaded = {(row, column) for row, cells in enumerate(grid) for column, (char, _) in enumerate(cells) if char == "░"}
    assert shaded == {(row, column) for row in (6, 7, 8) for column in range(10)}
    narrow = Picture((0.0, 10.0), (0.0, 1.0), bands=(Band(lambda x: (-5.0, 0.5)),))
    assert all(cells[0][0] == "░" for cells in Plot(lambda columns, rows: narrow)._curve_cells(narrow, 10, 4)[2:])


def test_letters_of_curves_that_end_together_stand_beside_each_other() -> None:
    curves = tuple(Curve([(0, 5.0), (10, 5.0)], "raw", letter) for letter in "abc")
    picture = Picture((0.0, 10.0), (0.0, 10.0), curves=curves)
    grid = Plot(lambda columns, rows: picture)._curve_cells(picture, 20, 10)
    assert any("".join(char for char, _ in cells).endswith("cba") for cells in grid)
