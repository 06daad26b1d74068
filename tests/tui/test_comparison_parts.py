"""The pictures and pages of a comparison: pure functions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lmcore.experiments.comparison.result import Comparison, compare
from lmcore.experiments.comparison.samples import SideSample
from tests.experiments.comparison.made import judged_rows, make_run, step_rows
from tui.panes.comparison.facts import facts
from tui.panes.comparison.pictures import difference_picture, drawn_differences, drawn_runs, overlay_picture, shown_span
from tui.panes.comparison.samples import side_by_side
from tui.panes.loss.picture import Choice
from tui.panes.loss.view import View


def runs_of(folder: Path, losses: dict[str, tuple[str, int, list[float]]]) -> list[Path]:
    return [
        make_run(
            folder, name, [*step_rows(by_step), *judged_rows({len(by_step): by_step[-1]})], seed=seed, config_hash=of
        )
        for name, (of, seed, by_step) in losses.items()
    ]


FOUR = {
    "a": ("one", 1, [4.0, 3.0, 2.0]),
    "b": ("two", 1, [4.0, 3.5, 2.5]),
    "c": ("one", 2, [4.1, 3.1, 2.1]),
    "d": ("two", 2, [4.2, 3.7, 2.8]),
}


def test_runs_have_their_letters_and_the_colours_of_their_sides(tmp_path: Path) -> None:
    runs = drawn_runs(compare(runs_of(tmp_path, FOUR)))
    assert [(run.letter, run.style) for run in runs] == [
        ("a", "smoothed"),
        ("b", "other-0"),
        ("c", "smoothed"),
        ("d", "other-0"),
    ]
    picture = overlay_picture(runs, Choice("loss/val", log_y=False), 40)
    assert picture is not None
    assert [curve.points for curve in picture.curves if curve.tag] == [[(3, x)] for x in (2.0, 2.5, 2.1, 2.8)]


def test_differences_have_a_band_around_them(tmp_path: Path) -> None:
    comparison = compare(runs_of(tmp_path, FOUR))
    (drawn,) = drawn_differences(comparison.differences("loss/train", "step", 0.0))
    picture = difference_picture([drawn], "step", (0.0, 3.0), 40)
    assert picture is not None and drawn.name == "b d − a c"
    (curve,) = picture.curves
    assert [x for x, _ in curve.points] == [1, 2, 3] and curve.tag == "b"
    assert picture.levels == ((0.0, "as a c"),)
    (band,) = picture.bands
    ends = band.at(2.0)
    assert ends is not None and ends[0] < curve.points[1][1] < ends[1]
    assert band.at(0.5) is None and band.at(3.5) is None
    low, high = picture.y_range
    assert low < 0 < high < 2.0  # the band of two seeds is far wider, and cut off


def test_a_part_of_the_axis_shows_the_same_part_of_both_pictures(tmp_path: Path) -> None:
    losses = {"a": ("one", 1, [1.0] * 100), "b": ("two", 1, [*[9.0] * 50, *[1.5] * 50])}
    comparison = compare(runs_of(tmp_path, losses))
    runs, drawn = drawn_runs(comparison), drawn_differences(comparison.differences("loss/train", "step", 0.0))
    late = Choice("loss/train", log_y=False, smoothing=0.0, view=View(20))
    assert shown_span(runs, late) == (80, 100) and shown_span(runs, Choice("loss/train")) == (0, 100)
    overlaid, difference = overlay_picture(runs, late, 40), difference_picture(drawn, "step", (80, 100), 40)
    assert overlaid is not None and difference is not None and overlaid.x_range == difference.x_range
    assert difference.y_range[1] < 1.0 and all(80 <= x <= 100 for x, _ in difference.curves[0].points)


def test_nothing_in_common_is_no_picture(tmp_path: Path) -> None:
    comparison = compare(
        [make_run(tmp_path, "a", step_rows([1.0])), make_run(tmp_path, "b", step_rows([1.0], first=9))]
    )
    drawn = drawn_differences(comparison.differences("loss/train", "step"))
    assert difference_picture(drawn, "step", (0.0, 9.0), 40) is None


def test_a_long_difference_keeps_its_spikes(tmp_path: Path) -> None:
    spiky = [1.0] * 5000
    spiky[2500] = 3.0
    folders = [make_run(tmp_path, "a", step_rows([1.0] * 5000)), make_run(tmp_path, "b", step_rows(spiky))]
    drawn = drawn_differences(compare(folders).differences("loss/train", "step", 0.0))
    picture = difference_picture(drawn, "step", (0.0, 5000.0), 60)
    assert picture is not None
    points = picture.curves[0].points
    assert len(points) <= 120 and max(y for _, y in points) == 2.0


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Ten runs that differ in more than their seeds."""
    losses = {letter: (f"of {letter}", 1, [2.0, 1.0]) for letter in "abcdefghij"}
    return compare(runs_of(tmp_path_factory.mktemp("runs"), losses))


@given(width=st.integers(20, 200))
def test_facts_fit_their_width(ten: Comparison, width: int) -> None:
    page = facts(ten, ten.differences("loss/val"), "loss/val", "step", width)
    assert all(cell_len(line) <= max(width, 46) for line in page.plain.split("\n"))
    assert all(letter in page.plain for letter in "abcdefghij")


@given(st.integers(20, 200), st.lists(st.text(max_size=80), min_size=1, max_size=5))
def test_samples_fit_their_width(width: int, texts: list[str]) -> None:
    samples = [SideSample(letter, 7, "One ", text) for letter, text in zip("abcde", texts, strict=False)]
    lines = side_by_side(samples, {}, width).plain.split("\n")
    assert all(cell_len(line) <= width for line in lines)
    assert sum(line.count("step 7") for line in lines) >= len(texts)
