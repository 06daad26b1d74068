"""The metrics of one run over its steps: what arrives is appended, what a plot asks for is reduced."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lmcore.experiments.comparison.axes import Axis as Axis
from tui.lab.series import Series, Smoothed

if TYPE_CHECKING:
    from lmcore.experiments.comparison.curves import Curves

Row = tuple[int, int, float, Mapping[str, float]]
"""Step, tokens seen, seconds of training, and metrics by name."""


class History:
    """Series by metric name, and what each step means in tokens and seconds."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self._steps = array("q")
        self._tokens = array("d")
        self._seconds = array("d")
        self._smoothed: dict[str, Smoothed] = {}

    @property
    def names(self) -> list[str]:
        """Every metric seen so far, sorted."""
        return sorted(self.series)

    @property
    def first_step(self) -> int:
        """The first step of any series (0 if there is none)."""
        return min((s.steps[0] for s in self.series.values() if len(s)), default=0)

    @property
    def last_step(self) -> int:
        """The last step of any series (0 if there is none)."""
        return max((s.steps[-1] for s in self.series.values() if len(s)), default=0)

    def append(self, rows: Iterable[Row]) -> None:
        """Add logged rows; a second row of a step adds to the first. A step before the last one means that the run went
        back: what was later is forgotten."""
        for step, tokens, seconds, metrics in rows:
            if self._steps and step < self._steps[-1]:
                self.rewind(step)
            if not self._steps or step > self._steps[-1]:
                self._steps.append(step)
                self._tokens.append(tokens)
                self._seconds.append(seconds)
            self.put(step, metrics)

    def put(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add metrics of a step that may come a little late, such as an evaluation's."""
        for name, value in metrics.items():
            if name not in self.series:
                self.series[name] = Series()
            self.series[name].put(step, value)

    def rewind(self, step: int) -> None:
        """Forget this step and all later ones."""
        place = bisect_left(self._steps, step)
        for column in (self._steps, self._tokens, self._seconds):
            del column[place:]
        for series in self.series.values():
            series.truncate(step)
        self._smoothed.clear()

    def smoothed(self, name: str, weight: float) -> Series:
        """The smoothed curve of a metric (see `Smoothed`); only what is new since the last call is computed."""
        if name not in self.series:
            return Series()
        kept = self._smoothed.get(name)
        if kept is None or kept.weight != weight:
            kept = self._smoothed[name] = Smoothed(self.series[name], weight)
        return kept.catch_up()

    def position(self, step: float, axis: Axis) -> float:
        """Where a step lies on an axis; between logged steps in proportion."""
        if axis == "step" or not self._steps:
            return step if axis == "step" else 0.0
        return _interpolate(self._steps, self._tokens if axis == "tokens" else self._seconds, step)

    def step_at(self, position: float, axis: Axis) -> float:
        """The step at a position of an axis: the inverse of `position`."""
        if axis == "step" or not self._steps:
            return position
        return _interpolate(self._tokens if axis == "tokens" else self._seconds, self._steps, position)


def _interpolate(xs: "array[int] | array[float]", ys: "array[int] | array[float]", x: float) -> float:
    """y at x on the line through the points, going on beyond its ends; the first point is preceded by (0, 0)."""
    place = bisect_left(xs, x)
    if place == len(xs):
        place -= 1
    if place == 0:
        return ys[0] * x / xs[0] if xs[0] else float(ys[0])
    x0, x1, y0, y1 = xs[place - 1], xs[place], ys[place - 1], ys[place]
    return y1 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def read_history(run_folder: Path) -> History:
    """The history that a run left in its metrics.jsonl (empty if there is none). Slow for long runs: not for the
    screen's thread."""
    from lmcore.experiments.comparison.curves import read_curves

    return history_of(read_curves(run_folder / "metrics.jsonl"))


def history_of(curves: "Curves") -> History:
    """The history of a run's curves."""
    history = History()
    tokens, seconds = (curves.metrics.get(count) for count in ("tokens", "seconds"))
    for step, seen in zip(tokens.steps, tokens.values, strict=True) if tokens and seconds else ():
        took = seconds.at(step) if seconds else None
        if took is not None:
            history.append([(step, int(seen), took, {})])
    for name in curves.names:
        for step, value in zip(curves.metrics[name].steps, curves.metrics[name].values, strict=True):
            history.put(step, {name: value})
    return history
