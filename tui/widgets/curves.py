"""Curves as characters: the one place that knows plotext."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

Cell = tuple[str, int]
"""A character and the number of the curve it belongs to; (" ", -1) where there is none."""

EMPTY: Cell = (" ", -1)

_COLOR = re.compile(r"\x1b\[([0-9;]*)m")


@cache
def _plot_type() -> Any:
    from textual_plotext.plot import Plot  # imported when the first curve is drawn: it takes a tenth of a second

    return Plot


def draw_curves(
    width: int,
    height: int,
    curves: Sequence[Sequence[tuple[float, float]]],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> list[list[Cell]]:
    """Lines through the points of each curve on a grid of `height` rows and `width` columns, later curves on top.

    Points are finite pairs (x, y); what lies outside the ranges is cut off. The time grows with points and cells, so
    points should be reduced to a few for each column before.
    """
    grid = [[EMPTY] * width for _ in range(height)]
    (left, right), (bottom, top) = x_range, y_range
    if width < 1 or height < 1 or not (right > left and top > bottom) or not any(curves):
        return grid
    plot = _plot_type()()
    plot.plotsize(width, height)
    plot._set_size(width, height)  # plotsize alone leaves the size of an earlier figure
    plot.theme("clear")
    plot.frame(False)
    plot.xaxes(False, False)
    plot.yaxes(False, False)
    plot.xticks([])
    plot.yticks([])
    plot.xlim(left, right)
    plot.ylim(bottom, top)
    span = top - bottom
    for index, points in enumerate(curves):
        if not points:
            continue
        xs = [x for x, _ in points]
        # A line to a point far outside would be drawn dot by dot all the way.
        ys = [min(max(y, bottom - span), top + span) for _, y in points]
        plot.plot(xs, ys, marker="braille", color=16 + index)
    for row, line in enumerate(plot.build().split("\n")[:height]):
        _read_line(line, grid[row])
    return grid


def _read_line(line: str, cells: list[Cell]) -> None:
    """Put one line of plotext's output, characters between colour codes, into a row of cells."""
    curve, column = -1, 0
    for index, part in enumerate(_COLOR.split(line)):
        if index % 2:
            code = part.split(";")
            curve = int(code[2]) - 16 if len(code) == 3 and code[:2] == ["38", "5"] else -1
            continue
        for character in part:
            if column < len(cells) and character not in " \u2800":
                cells[column] = (character, curve)
            column += 1
