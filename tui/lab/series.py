"""One metric over the steps of a run, kept so that drawing a million points costs as little as drawing a thousand."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import isfinite

BLOCK = 32
"""How many entries of one level of the pyramid the level above holds as one minimum and one maximum."""

Point = tuple[float, float]
"""A position and a value."""


class Series:
    """Values by increasing step, with a pyramid of the minima and maxima of ever larger blocks.

    A value that is not finite is no point of the curve; its step is kept in `non_finite`.
    """

    def __init__(self) -> None:
        self.steps = array("q")
        self.values = array("d")
        self.non_finite = array("q")
        self._minima: list[array[float]] = [self.values]  # level 0 are the values themselves
        self._maxima: list[array[float]] = [self.values]

    def __len__(self) -> int:
        return len(self.steps)

    def put(self, step: int, value: float) -> None:
        """Add the value of a step; one that is there already is replaced, one that comes late is put in its place."""
        if not isfinite(value):
            if step not in self.non_finite[-100:]:
                self.non_finite.append(step)
            return
        if not self.steps or step > self.steps[-1]:
            self._append(step, value)
            return
        place = bisect_left(self.steps, step)
        later = [(s, v) for s, v in zip(self.steps[place:], self.values[place:], strict=True) if s > step]
        self.truncate(step)
        for s, v in ((step, value), *later):
            self._append(s, v)

    def truncate(self, step: int) -> None:
        """Forget this step and all later ones."""
        place = bisect_left(self.steps, step)
        del self.steps[place:]
        del self.values[place:]
        size = place
        for minima, maxima in zip(self._minima[1:], self._maxima[1:], strict=True):
            size //= BLOCK
            del minima[size:]
            del maxima[size:]
        self.non_finite = array("q", [s for s in self.non_finite if s < step])

    def extremes(self, start: int, stop: int) -> tuple[float, float]:
        """Smallest and largest value of the points start to stop (indices; stop is not included, start < stop)."""
        lows: list[float] = []
        highs: list[float] = []
        level = 0
        while True:
            minima, maxima = self._minima[level], self._maxima[level]
            first, last = -(-start // BLOCK), stop // BLOCK  # the whole blocks inside
            if level + 1 == len(self._minima) or first >= last:
                lows.append(min(minima[start:stop]))
                highs.append(max(maxima[start:stop]))
                return min(lows), max(highs)
            for a, b in ((start, first * BLOCK), (last * BLOCK, stop)):
                if a < b:
                    lows.append(min(minima[a:b]))
                    highs.append(max(maxima[a:b]))
            start, stop, level = first, last, level + 1

    def at(self, step: float) -> tuple[int, float] | None:
        """The point nearest to a step: its own step and value. None if there is no point."""
        if not self.steps:
            return None
        place = bisect_left(self.steps, step)
        near = [i for i in (place - 1, place) if 0 <= i < len(self.steps)]
        index = min(near, key=lambda i: abs(self.steps[i] - step))
        return self.steps[index], self.values[index]

    def up_to(self, step: float) -> tuple[int, float] | None:
        """The last point that is not after a step: its own step and value. None if there is no such point."""
        place = bisect_right(self.steps, step) - 1
        return (self.steps[place], self.values[place]) if place >= 0 else None

    def _append(self, step: int, value: float) -> None:
        self.steps.append(step)
        self.values.append(value)
        size, level = len(self.values), 0
        while size % BLOCK == 0:
            if level + 1 == len(self._minima):
                self._minima.append(array("d"))
                self._maxima.append(array("d"))
            self._minima[level + 1].append(min(self._minima[level][size - BLOCK : size]))
            self._maxima[level + 1].append(max(self._maxima[level][size - BLOCK : size]))
            size, level = size // BLOCK, level + 1


def reduce_to_columns(series: Series, bounds: Sequence[float]) -> list[list[tuple[float, float]]]:
    """The points (step, value) to draw for each column; column c holds the steps from bounds[c] to below bounds[c + 1].

    A column with one point shows that point; one with more shows its minimum and its maximum, in the order that leads
    from its first to its last value, so that no spike is hidden. The cost depends on the columns, not on the points.
    """
    columns: list[list[tuple[float, float]]] = []
    steps, values = series.steps, series.values
    start = bisect_left(steps, bounds[0]) if bounds else 0
    for left, right in pairwise(bounds):
        stop = bisect_left(steps, right, start)
        if stop == start:
            columns.append([])
        elif stop == start + 1:
            columns.append([(steps[start], values[start])])
        else:
            low, high = series.extremes(start, stop)
            middle = (max(left, steps[start]) + min(right, steps[stop - 1])) / 2
            pair = (low, high) if values[start] <= values[stop - 1] else (high, low)
            columns.append([(middle, value) for value in pair])
        start = stop
    return columns


class Smoothed:
    """An exponential moving average over the points of a series that exist, corrected for its start at zero.

    average_n = weight · average_{n-1} + (1 - weight) · value_n, shown as average_n / (1 - weight^n) (Kingma and Ba
    2015, section 3). A constant series stays constant; a gap in the steps makes no step in the curve.
    """

    def __init__(self, source: Series, weight: float) -> None:
        self.weight = weight
        self.series = Series()
        self._source = source
        self._average = 0.0
        self._seen = 0
        self._last_step = 0

    def catch_up(self) -> Series:
        """The smoothed series up to the source's last point; only new points are computed."""
        steps, values = self._source.steps, self._source.values
        if self._seen > len(steps) or (self._seen and self._last_step != steps[self._seen - 1]):
            self.forget()  # the source was cut off or changed inside
        weight = self.weight
        for index in range(self._seen, len(steps)):
            self._average = weight * self._average + (1 - weight) * values[index]
            self.series.put(steps[index], self._average / (1 - weight ** (index + 1)))
        self._seen = len(steps)
        self._last_step = steps[-1] if steps else 0
        return self.series

    def forget(self) -> None:
        """Begin again from the source's first point."""
        self.series = Series()
        self._average, self._seen, self._last_step = 0.0, 0, 0
