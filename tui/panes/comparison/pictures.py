"""From a comparison to pictures: the curves of all runs, and how far the others lie from the first. Pure functions."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lmcore.experiments.comparison.axes import Axis
from lmcore.experiments.comparison.curves import Points, is_judgement
from lmcore.experiments.comparison.difference import Difference
from lmcore.experiments.comparison.result import Comparison
from lmcore.experiments.comparison.tables import number
from tui.lab.history import History, history_of
from tui.lab.series import Series, reduce_to_columns
from tui.panes.loss.picture import (
    OTHER_STYLES,
    Choice,
    OtherRun,
    axis_labels,
    axis_span,
    make_picture,
    reading_at,
    round_up,
    y_range,
)
from tui.widgets.plot import Band, Curve, Picture


@dataclass(frozen=True)
class DrawnDifference:
    """A difference, ready to be drawn for any number of columns."""

    difference: Difference
    series: Series  # of its means, by index
    style: str

    @property
    def name(self) -> str:
        """What is taken from what: `b d − a c`."""
        return f"{self.difference.second} − {self.difference.first}"


def side_style(number: int) -> str:
    """The style of a side: one for the first, others in turn for those that are compared with it."""
    return "smoothed" if number == 0 else f"other-{(number - 1) % OTHER_STYLES}"


def drawn_runs(comparison: Comparison) -> list[OtherRun]:
    """Every run with its letter, in the colour of its side. Reads nothing, but takes its time for long runs."""
    found = []
    for place, side in enumerate(comparison.sides):
        for run in side.runs:
            found.append(OtherRun(run.letter, run.name, history_of(run.curves), side_style(place), run.folder))
    return sorted(found, key=lambda run: run.letter)


def drawn_differences(differences: Sequence[Difference]) -> list[DrawnDifference]:
    """The differences, each in the colour of its side."""
    found = []
    for place, difference in enumerate(differences, 1):
        series = Series()
        for index, value in enumerate(difference.mean):
            series.put(index, value)
        found.append(DrawnDifference(difference, series, side_style(place)))
    return found


def overlay_picture(runs: Sequence[OtherRun], choice: Choice, columns: int) -> Picture | None:
    """The curves of all runs for so many columns; evaluations as they are, metrics of training smoothed."""
    return make_picture(History(), runs, _as_drawn(choice), columns)


def _as_drawn(choice: Choice) -> Choice:
    return replace(choice, smoothing=0.0) if is_judgement(choice.metric) else choice


def values_at(
    runs: Sequence[OtherRun], drawn: Sequence[DrawnDifference], choice: Choice, position: float
) -> list[tuple[str, str]]:
    """What a cursor reads at a position: the place, and the values and differences that are nearest to it."""
    found = reading_at(History(), runs, _as_drawn(choice), position)
    for one in drawn:
        positions, mean = one.difference.positions, one.difference.mean
        if positions:
            after = bisect_left(positions, position)
            near = [index for index in (after - 1, after) if 0 <= index < len(positions)]
            index = min(near, key=lambda index: abs(positions[index] - position))
            found.append((one.name, number(choice.metric, mean[index], signed=True)))
    return found


def shown_span(runs: Sequence[OtherRun], choice: Choice) -> tuple[float, float]:
    """The part of the axis that both pictures show."""
    first, last = axis_span(History(), runs, choice.axis)
    left, right = choice.view.window(first, last)
    return (left, right) if choice.view.width is not None else (left, round_up(right))


def difference_picture(
    drawn: Sequence[DrawnDifference], axis: Axis, span: tuple[float, float], columns: int
) -> Picture | None:
    """The differences over a part of an axis, with the bands of seed noise and a line where there is none.

    A band that is far wider than the differences is cut off at the picture's edge, so that it does not flatten them.
    """
    shown = [one for one in drawn if one.difference.positions]
    if not shown or span[1] <= span[0]:
        return None
    curves = tuple(Curve(_points(one, span, columns), one.style, one.difference.second[0]) for one in shown)
    means = [0.0, *(value for curve in curves for _, value in curve.points)]
    room = max(means) - min(means)
    bands = [one.difference for one in shown if one.difference.has_band]
    ends = [end for one in bands for end in _ends(one, span)]
    low, high = min(means) - room, max(means) + room
    return Picture(
        x_range=span,
        y_range=y_range([*means, *(min(max(end, low), high) for end in ends)], log_y=False),
        curves=curves,
        levels=((0.0, f"as {shown[0].difference.first}"),),
        bands=tuple(map(_band, bands)),
        x_name=axis,
        x_labels=lambda ticks: axis_labels(axis, ticks),
    )


def _points(drawn: DrawnDifference, span: tuple[float, float], columns: int) -> list[tuple[float, float]]:
    positions, (left, right) = drawn.difference.positions, span
    bounds = [bisect_left(positions, left + (right - left) * edge / columns) for edge in range(columns)]
    reduced = reduce_to_columns(drawn.series, [*bounds, bisect_right(positions, right)])
    return [(positions[int(index)], value) for column in reduced for index, value in column]


def _ends(difference: Difference, span: tuple[float, float]) -> list[float]:
    """The lowest and the highest end of a band within a part of the axis."""
    part = slice(bisect_left(difference.positions, span[0]), bisect_right(difference.positions, span[1]))
    return [end for ends in (difference.low[part], difference.high[part]) if ends for end in (min(ends), max(ends))]


def _band(difference: Difference) -> Band:
    low, high = (Points(difference.positions, ends) for ends in (difference.low, difference.high))

    def at(position: float) -> tuple[float, float] | None:
        bottom, top = low.at(position), high.at(position)
        return None if bottom is None or top is None else (bottom, top)

    return Band(at)
