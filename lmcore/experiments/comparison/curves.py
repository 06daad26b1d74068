"""Every number that a run logged, by metric, as curves over steps, tokens or time."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lmcore.experiments.comparison.axes import COUNTS, Axis
from lmcore.experiments.runs.lines import each_row
from lmcore.tables import LARGEST_NUMBER


@dataclass(frozen=True)
class Curve:
    """Values by increasing step; also values that are not finite."""

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def put(self, step: int, value: float) -> None:
        """Add the value of a step; one that is there already is replaced."""
        value = float(value)
        if not self.steps or step > self.steps[-1]:
            self.steps.append(step)
            self.values.append(value)
            return
        place = bisect_left(self.steps, step)
        if self.steps[place] == step:
            self.values[place] = value
        else:
            self.steps.insert(place, step)
            self.values.insert(place, value)

    def at(self, step: int) -> float | None:
        """The value of exactly this step, if there is one."""
        place = bisect_left(self.steps, step)
        return self.values[place] if place < len(self.steps) and self.steps[place] == step else None


@dataclass(frozen=True)
class Points:
    """A curve over an axis: finite values by increasing position."""

    positions: "array[float]"
    values: "array[float]"

    def at(self, position: float) -> float | None:
        """The value on the straight line between the points around a position; None outside of the curve."""
        place = bisect_left(self.positions, position)
        if place == len(self.positions):
            return None
        x1, y1 = self.positions[place], self.values[place]
        if x1 == position:
            return y1
        if place == 0:
            return None
        x0, y0 = self.positions[place - 1], self.values[place - 1]
        return y0 + (y1 - y0) * (position - x0) / (x1 - x0)


@dataclass(frozen=True)
class Curves:
    """The numbers of a run by metric, in the order in which its log first names them; `tokens` and `seconds` too."""

    metrics: dict[str, Curve] = field(default_factory=dict)
    damaged: int = 0  # whole lines of the log that could not be read

    @property
    def names(self) -> list[str]:
        """The metrics that can be drawn, sorted."""
        return sorted(name for name in self.metrics if name not in COUNTS.values())

    @property
    def last_step(self) -> int:
        """The last logged step; 0 if there is none."""
        return max((curve.steps[-1] for curve in self.metrics.values() if curve.steps), default=0)

    def last(self, metric: str) -> float | None:
        """The newest value of a metric."""
        curve = self.metrics.get(metric)
        return curve.values[-1] if curve and curve.values else None

    def points(self, metric: str, axis: Axis, smoothing: float = 0.0) -> Points:
        """A metric over an axis, smoothed by `smoothed` where a weight is given. Values that are not finite, and those
        whose row does not say where they lie on the axis, are left out."""
        positions, values = array("d"), array("d")
        curve = self.metrics.get(metric, Curve())
        count = self.metrics.get(COUNTS[axis], Curve()) if axis != "step" else None
        for step, value in zip(curve.steps, curve.values, strict=True):
            position = step if count is None else count.at(step)
            if abs(value) < LARGEST_NUMBER and position is not None and (not positions or position > positions[-1]):
                positions.append(position)
                values.append(value)
        return Points(positions, smoothed(values, smoothing) if smoothing else values)


def read_curves(path: Path) -> Curves:
    """The curves of a metrics file; damaged lines are left out, no file has no curves. RunError."""
    metrics: dict[str, Curve] = {}
    damaged = 0
    for row in each_row(path):
        try:
            _put_row(metrics, row)
        except (TypeError, OverflowError):  # no row, no step, or a number beyond all bounds
            damaged += 1
    return Curves(metrics, damaged)


def _put_row(metrics: dict[str, Curve], row: dict[str, Any] | None) -> None:
    """Put one row's numbers into their curves; TypeError if its step is none."""
    if row is None or type(step := row.pop("step", None)) is not int:
        raise TypeError
    for name, value in row.items():
        if type(value) in (float, int):  # not isinstance, for which true is a number
            curve = metrics.get(name)
            if curve is None:
                curve = metrics[name] = Curve()
            curve.put(step, value)


def is_judgement(metric: str) -> bool:
    """Whether a metric comes from evaluations, whose every value counts by itself; others are smoothed."""
    return metric.endswith("/val")


def smoothed(values: "array[float]", weight: float) -> "array[float]":
    """An exponential moving average, corrected for its start at zero (Kingma and Ba 2015, section 3)."""
    average, left, result = 0.0, 1.0, array("d")
    for value in values:
        average = weight * average + (1 - weight) * value
        left *= weight
        result.append(average / (1 - left))
    return result


def common_positions(curves: Sequence[Points], axis: Axis) -> list[float]:
    """Where all curves can be compared: at the steps that all of them have, or, over tokens and time, at the first
    one's positions that lie on all of them."""
    if not curves:
        return []
    first, *others = curves
    if axis == "step":
        shared = set(first.positions).intersection(*(other.positions for other in others))
        return sorted(shared)
    return [position for position in first.positions if all(other.at(position) is not None for other in others)]


def spread(count: int, most: int) -> list[int]:
    """The indices of at most `most` of so many points, evenly far apart, the last one among them."""
    if count <= most:
        return list(range(count))
    return [(part + 1) * count // most - 1 for part in range(most)]
