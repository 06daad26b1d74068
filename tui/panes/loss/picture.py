"""From histories to a picture: which curves a choice of metric, axis and window means. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor, log10
from pathlib import Path

from lmcore.protocol.messages import ValueChanged
from tui.lab.history import Axis, History
from tui.lab.numbers import amount, duration, short_number
from tui.lab.series import Series, reduce_to_columns
from tui.panes.loss.marks import mark_name
from tui.panes.loss.view import View
from tui.widgets.plot import Curve, Picture
from tui.widgets.ticks import tick_labels

TRAIN, VALIDATION = "loss/train", "loss/val"
LARGEST = 1e100
"""An axis ends here, and a logarithmic one begins at its inverse: beyond, widths and ratios are no numbers any more."""

OTHER_STYLES = 4
"""How many colours there are for other runs."""


@dataclass(frozen=True)
class Choice:
    """What the person chose to see. An empty metric means the losses."""

    metric: str = ""
    axis: Axis = "step"
    log_y: bool = True
    view: View = field(default_factory=View)
    smoothing: float = 0.95

    @property
    def line_metric(self) -> str:
        """The metric drawn as a line, raw and smoothed."""
        return self.metric or TRAIN

    @property
    def point_metric(self) -> str | None:
        """The metric drawn as points, if any."""
        return None if self.metric else VALIDATION


@dataclass(frozen=True)
class OtherRun:
    """Another run, drawn behind the present one."""

    letter: str
    name: str
    history: History
    style: str
    folder: Path = Path()


def axis_span(history: History, others: Sequence[OtherRun], axis: Axis) -> tuple[float, float]:
    """First and last position of everything there is to draw; the first is 0."""
    histories = (history, *(other.history for other in others))
    return 0.0, max((h.position(h.last_step, axis) for h in histories if h.series), default=0.0)


def axis_label(axis: Axis, position: float) -> str:
    """A position of an axis as text."""
    if axis == "time":
        return duration(position)
    return f"{position:,.0f}" if axis == "step" else amount(position)


def axis_labels(axis: Axis, ticks: Sequence[float]) -> list[str]:
    """Ticks of an axis as texts that tell them apart; none for one between two steps or tokens."""
    whole = [f"{tick:,.0f}" if abs(tick - round(tick)) < 1e-6 else "" for tick in ticks]
    if axis == "step":
        return whole
    if axis == "time":
        short, long = [duration(tick) for tick in ticks], [f"{label} s" for label in tick_labels(ticks)]
    else:
        short, long = [amount(tick) for tick in ticks], whole
    return short if len(set(short)) == len(short) else long


def make_picture(
    history: History,
    others: Sequence[OtherRun],
    choice: Choice,
    columns: int,
    changes: Sequence[ValueChanged] = (),
    loss_floor: float | None = None,
    seen: int | None = None,
) -> Picture | None:
    """The picture for so many columns; None when there is nothing to draw. Costs the same however long the run is.

    `seen` is the earlier step that one looks at, if it is not the present.
    """
    first, last = axis_span(history, others, choice.axis)
    left, right = choice.view.window(first, last)
    if choice.view.width is None:
        right = round_up(right)
    if right <= left:
        left, right = left - 0.5, left + 0.5
    edges = [left + (right - left) * i / columns for i in range(columns + 1)]
    edges[-1] += (right - left) * 1e-9  # the last column holds its right end

    def points(of: History, series: Series) -> list[tuple[float, float]]:
        bounds = [of.step_at(edge, choice.axis) for edge in edges]
        reduced = reduce_to_columns(series, bounds)
        return [(of.position(step, choice.axis), value) for column in reduced for step, value in column]

    curves = [
        Curve(
            points(other.history, other.history.smoothed(choice.line_metric, choice.smoothing)),
            other.style,
            other.letter,
        )
        for other in others
    ]
    raw = history.series.get(choice.line_metric, Series())
    curves.append(Curve(points(history, raw), "raw"))
    if len(raw) > 2 and choice.smoothing > 0:
        curves.append(Curve(points(history, history.smoothed(choice.line_metric, choice.smoothing)), "smoothed"))
    judged = history.series.get(choice.point_metric) if choice.point_metric else None
    dots = Curve(points(history, judged), "points") if judged else None
    levels = ((loss_floor, "floor"),) if loss_floor is not None and not choice.metric else ()
    values = [y for curve in (*curves, dots) if curve for _, y in curve.points]
    gaps = [history.position(step, choice.axis) for step in raw.non_finite]
    if not values and not gaps:
        return None
    marks = [(change.step, mark_name(change)) for change in changes]
    marks += [(seen, "◂ you look here")] if seen is not None else []
    picture = Picture(
        x_range=(left, right),
        y_range=(0.0, 1.0),
        log_y=choice.log_y and any(value > 0 for value in values),
        curves=tuple(curves),
        points=dots,
        levels=levels,
        marks=tuple((history.position(step, choice.axis), name) for step, name in marks),
        gaps=tuple(gaps),
        x_name=choice.axis,
        x_labels=lambda ticks: axis_labels(choice.axis, ticks),
    )
    return replace(picture, y_range=y_range([*values, *(level for level, _ in levels)], picture.log_y))


def round_up(position: float) -> float:
    """The next of the round positions that lie about a twentieth apart: so the axis stays while the run goes on, and
    only the newest columns are drawn again."""
    if position <= 0:
        return position
    unit = 10.0 ** floor(log10(position / 8))
    unit *= next(factor for factor in (1, 2, 5, 10) if factor * unit * 20 >= position)
    return ceil(position / unit - 1e-9) * unit


def y_range(values: Sequence[float], log_y: bool) -> tuple[float, float]:
    """The range that shows all values with a little room; on a log axis, all that are above zero."""
    values = [min(max(value, -LARGEST), LARGEST) for value in values]
    if log_y:
        values = [max(value, 1 / LARGEST) for value in values if value > 0]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if log_y:
        room = log10(high / low) * 0.04 or 0.2
        unit = 0.02  # of a decade: the range stays while its ends move by less
        return 10 ** (floor((log10(low) - room) / unit) * unit), 10 ** (ceil((log10(high) + room) / unit) * unit)
    room = (high - low) * 0.02 or abs(high) * 0.1 or 0.5
    unit = 10.0 ** floor(log10(high - low + 2 * room)) / 20
    return floor((low - room) / unit) * unit, ceil((high + room) / unit) * unit


def reading_at(
    history: History, others: Sequence[OtherRun], choice: Choice, position: float, changes: Sequence[ValueChanged] = ()
) -> list[tuple[str, str]]:
    """What the cursor reads at a position: (name, value) pairs, the step first."""
    step = history.step_at(position, choice.axis)
    raw = history.series.get(choice.line_metric, Series())
    found = raw.at(step)
    step = round(step) if found is None else found[0]
    parts = [("step", f"{step:,}")]
    if choice.axis != "step":
        parts.append((choice.axis, axis_label(choice.axis, history.position(step, choice.axis))))
    if found:
        parts.append((choice.metric or "train", short_number(found[1])))
        smooth = history.smoothed(choice.line_metric, choice.smoothing).at(step)
        if smooth and choice.smoothing > 0:
            parts.append(("smoothed", short_number(smooth[1])))
    judged = history.series.get(choice.point_metric) if choice.point_metric else None
    nearest = judged.at(step) if judged else None
    if nearest:
        parts.append(("validation", short_number(nearest[1]) + (f" at {nearest[0]:,}" if nearest[0] != step else "")))
    for other in others:
        theirs = other.history.smoothed(choice.line_metric, choice.smoothing)
        there = theirs.at(other.history.step_at(position, choice.axis))
        if there:
            parts.append((other.letter, short_number(there[1])))
    if step in raw.non_finite:
        parts.append(("✗", "not finite"))
    parts += [("changed", mark_name(change)) for change in changes if change.step == step]
    return parts
