"""A plot in characters: axes, curves, marks and a cursor, drawn only when something changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Leave, MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.curves import draw_curves
from tui.widgets.ticks import linear_ticks, log_ticks, tick_labels


@dataclass(frozen=True)
class Curve:
    """A line through points (x, y); `style` names one of the plot's component classes, without `plot--`."""

    points: Sequence[tuple[float, float]]
    style: str
    tag: str = ""  # a letter at its last point, so that curves are told apart without colour


@dataclass(frozen=True)
class Band:
    """An area between two curves, behind everything else: `at` gives its lower and upper end at a position."""

    at: Callable[[float], tuple[float, float] | None]
    style: str = "band"


@dataclass(frozen=True)
class Picture:
    """Everything that a plot shows. y values are as measured: a logarithmic axis is the plot's business."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log_y: bool = False
    curves: tuple[Curve, ...] = ()
    points: Curve | None = None  # drawn as ◆, on top of all curves
    levels: tuple[tuple[float, str], ...] = ()  # horizontal lines with their names
    marks: tuple[tuple[float, str], ...] = ()  # vertical lines with their names
    gaps: tuple[float, ...] = ()  # places where a value was not finite
    bands: tuple[Band, ...] = ()
    x_name: str = ""
    x_labels: Callable[[Sequence[float]], list[str]] = tick_labels  # "": such a tick is left out


_Cell = tuple[str, str]  # a character and the name of its style


class Plot(Widget):
    """Shows the `Picture` that `source` makes for a number of columns; asks for it only when it is drawn."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "plot--axis",
        "plot--label",
        "plot--raw",
        "plot--smoothed",
        "plot--points",
        "plot--level",
        "plot--mark",
        "plot--gap",
        "plot--cursor",
        "plot--band",
        "plot--other-0",
        "plot--other-1",
        "plot--other-2",
        "plot--other-3",
    }

    class Hovered(Message):
        """The mouse is over a position of the x axis, or (None) no longer."""

        def __init__(self, x: float | None) -> None:
            self.x = x
            super().__init__()

    class Zoomed(Message):
        """The wheel asks to see less (factor below 1) or more around a position."""

        def __init__(self, x: float, factor: float) -> None:
            self.x = x
            self.factor = factor
            super().__init__()

    class Dragged(Message):
        """The mouse drags the picture: what is shown should begin further on by a share of its width."""

        def __init__(self, share: float) -> None:
            self.share = share
            super().__init__()

    def __init__(self, source: Callable[[int, int], Picture | None], id: str | None = None) -> None:
        super().__init__(id=id)
        self._source = source
        self._picture: Picture | None = None
        self._rows: list[list[_Cell]] = []
        self._drawn_for: tuple[int, int] | None = None
        self._gutter = 0
        self._cursor: float | None = None
        self._drag_from: int | None = None

    @property
    def plot_width(self) -> int:
        """Columns between the y axis and the right edge, as last drawn."""
        return max(1, self.size.width - self._gutter)

    def redraw(self) -> None:
        """Ask the source for a new picture now, and draw the lines that differ; while hidden, when it is seen again."""
        before, size = self._rows, self.size
        self._drawn_for = None
        if not self.region or len(before) != size.height:
            self.refresh()
            return
        self._draw(size.width, size.height)
        if len(self._rows) != len(before):
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, self._rows, strict=True)) if old != new]
        if changed:
            self.refresh(*(Region(0, y, size.width, 1) for y in changed))

    def move_cursor(self, x: float | None) -> None:
        """Show a vertical line at a position, or none; the curves are not drawn again for it."""
        if x != self._cursor:
            self._cursor = x
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the picture."""
        width, height = self.size
        if self._drawn_for != (width, height):
            self._draw(width, height)
        base = self.rich_style
        if y >= len(self._rows):
            return Strip.blank(width, base)
        cells = self._rows[y]
        column = self._column_of(self._cursor) if self._cursor is not None else None
        if column is not None and y < len(self._rows) - 2:
            cells = list(cells)
            character, _ = cells[column]
            cells[column] = (character, "cursor") if character != " " else ("│", "cursor")
        return Strip(self._segments(cells, base), width)

    def x_at(self, column: int) -> float | None:
        """The position on the x axis of a column of the widget; None left of the axis."""
        if self._picture is None or column < self._gutter:
            return None
        left, right = self._picture.x_range
        return left + (column - self._gutter + 0.5) / self.plot_width * (right - left)

    def _column_of(self, x: float) -> int | None:
        if self._picture is None:
            return None
        left, right = self._picture.x_range
        column = self._gutter + int((x - left) / (right - left) * self.plot_width) if right > left else -1
        if x == right:
            column = self._gutter + self.plot_width - 1
        return column if self._gutter <= column < self.size.width else None

    def _segments(self, cells: list[_Cell], base: Style) -> list[Segment]:
        segments: list[Segment] = []
        text, style = "", ""
        for character, name in cells:
            if name != style and text:
                segments.append(Segment(text, self._style(style, base)))
                text = ""
            style = name
            text += character
        if text:
            segments.append(Segment(text, self._style(style, base)))
        return segments

    def _style(self, name: str, base: Style) -> Style:
        return base + self.get_component_rich_style(f"plot--{name}", partial=True) if name else base

    def _draw(self, width: int, height: int) -> None:
        self._drawn_for = (width, height)
        self._rows = []
        if width < 16 or height < 4:
            return
        # The gutter depends on the picture's ticks, and the picture on the columns that the gutter leaves.
        picture = self._source(max(1, width - (self._gutter or 6)), height - 2)
        self._picture = picture
        if picture is None:
            return
        plot_height = height - 2
        ticks = _y_ticks(picture, max(2, plot_height // 3))
        labels = tick_labels(ticks)
        self._gutter = max([3, *(len(label) for label in labels)]) + 2
        plot_width = width - self._gutter
        grid = self._curve_cells(picture, plot_width, plot_height)
        tick_rows: dict[int, str] = {}
        for tick, label in zip(ticks, labels, strict=True):
            row = _row_of(picture, tick, plot_height)
            if row is not None:
                tick_rows.setdefault(row, label)
        for row, cells in enumerate(grid):
            text = tick_rows.get(row, "")
            left: list[_Cell] = [(character, "label") for character in text.rjust(self._gutter - 2)]
            left += [(" ", ""), ("┤" if text else "│", "axis")]
            self._rows.append(left + cells)
        self._rows += _x_axis(picture, self._gutter, plot_width)

    def _curve_cells(self, picture: Picture, width: int, height: int) -> list[list[_Cell]]:
        (low, high), (left, right) = _y_span(picture), picture.x_range
        scaled = [[(x, _y_value(picture, y)) for x, y in curve.points] for curve in picture.curves]
        drawn = draw_curves(width, height, scaled, picture.x_range, (low, high))
        grid: list[list[_Cell]] = [[(" ", "")] * width for _ in range(height)]
        for band in picture.bands:
            _shade(grid, picture, band)
        rows_of_levels = [(_row_of(picture, level, height), name) for level, name in picture.levels]
        for level_row, _ in rows_of_levels:
            if level_row is not None:
                grid[level_row] = [("┄", "level")] * width
        marked: list[tuple[int, str]] = []
        for x, name in picture.marks:
            column = int((x - left) / (right - left) * width) if right > left else -1
            if 0 <= column < width:
                marked.append((column, name))
                for row in range(height):
                    grid[row][column] = ("╷" if row == 0 else "┊", "mark")
        for row, cells in enumerate(drawn):
            for column, (character, number) in enumerate(cells):
                if number >= 0:
                    grid[row][column] = (character, picture.curves[number].style)
        for level_row, name in rows_of_levels:
            if level_row is not None:
                _write(grid[level_row], 2, f" {name} ", "level")
        for column, name in marked:
            after = column + 1 + len(name) < width
            _write_free(grid, column + 1 if after else column - len(name), name, "mark")
        tagged: set[tuple[int, int]] = set()
        for curve, points in zip(picture.curves, scaled, strict=True):
            if curve.tag and points:
                self._put(grid, picture, curve.points[-1], curve.tag, curve.style, tagged)
        for point in picture.points.points if picture.points else ():
            self._put(grid, picture, point, "◆", picture.points.style if picture.points else "")
        for x in picture.gaps:
            column = int((x - left) / (right - left) * width) if right > left else -1
            if 0 <= column < width:
                grid[0][column] = ("✗", "gap")
        return grid

    @staticmethod
    def _put(
        grid: list[list[_Cell]],
        picture: Picture,
        point: tuple[float, float],
        character: str,
        style: str,
        taken: set[tuple[int, int]] | None = None,
    ) -> None:
        """Draw a character at a point, or to the left of those that are `taken`."""
        (left, right), width = picture.x_range, len(grid[0])
        if not left <= point[0] <= right or right <= left:
            return
        row = _row_of(picture, point[1], len(grid))
        if row is not None:
            column = min(width - 1, int((point[0] - left) / (right - left) * width))
            while taken is not None and (row, column) in taken and column > 0:
                column -= 1
            grid[row][column] = (character, style)
            if taken is not None:
                taken.add((row, column))

    def on_mouse_move(self, event: MouseMove) -> None:
        """Read the value under the mouse, or drag the picture."""
        if self._drag_from is not None and event.button:
            moved = event.x - self._drag_from
            if moved:
                self._drag_from = event.x
                self.post_message(self.Dragged(-moved / self.plot_width))
            return
        self.post_message(self.Hovered(self.x_at(event.x)))

    def on_leave(self, event: Leave) -> None:
        """No longer read values."""
        self.post_message(self.Hovered(None))

    def on_mouse_down(self, event: MouseDown) -> None:
        """Begin to drag."""
        self._drag_from = event.x
        self.capture_mouse()

    def on_mouse_up(self, event: MouseUp) -> None:
        """End dragging."""
        self._drag_from = None
        self.release_mouse()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """See less, larger."""
        self._wheel(event.x, 0.8)
        event.stop()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """See more, smaller."""
        self._wheel(event.x, 1.25)
        event.stop()

    def _wheel(self, column: int, factor: float) -> None:
        x = self.x_at(column)
        if x is not None:
            self.post_message(self.Zoomed(x, factor))


def _y_value(picture: Picture, y: float) -> float:
    """The height of a value: itself, or its logarithm; what is not above zero lies at the bottom of a log axis."""
    if not picture.log_y:
        return y
    return log10(max(y, picture.y_range[0] / 10, 1e-300))


def _y_span(picture: Picture) -> tuple[float, float]:
    low, high = (_y_value(picture, y) for y in picture.y_range)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _y_ticks(picture: Picture, count: int) -> list[float]:
    low, high = picture.y_range
    if high <= low:
        return [low]
    return log_ticks(low, high, count) if picture.log_y else linear_ticks(low, high, count)


def _row_of(picture: Picture, y: float, height: int) -> int | None:
    low, high = _y_span(picture)
    value = _y_value(picture, y)
    if not low <= value <= high:
        return None
    return min(height - 1, int((high - value) / (high - low) * height))


def _shade(grid: list[list[_Cell]], picture: Picture, band: Band) -> None:
    """Fill the cells between a band's ends, as far as they lie in the picture."""
    (low, high), (left, right), width = _y_span(picture), picture.x_range, len(grid[0])
    for column in range(width):
        ends = band.at(left + (column + 0.5) / width * (right - left))
        if ends is None:
            continue
        bottom, top = (min(max(_y_value(picture, y), low), high) for y in ends)
        first, last = (min(len(grid) - 1, int((high - y) / (high - low) * len(grid))) for y in (top, bottom))
        for row in range(first, last + 1):
            grid[row][column] = ("░", band.style)


def _x_axis(picture: Picture, gutter: int, width: int) -> list[list[_Cell]]:
    """The axis line with its ticks, and the numbers below it."""
    (left, right), name = picture.x_range, picture.x_name
    line: list[_Cell] = [(" ", "")] * (gutter - 1) + [("└", "axis")] + [("─", "axis")] * width
    numbers: list[_Cell] = [(" ", "")] * (gutter + width)
    free_to = gutter + width - len(name) - 1
    last = -1
    ticks = linear_ticks(left, right, max(2, width // 11)) if right > left else []
    for tick, label in zip(ticks, picture.x_labels(ticks), strict=True):
        column = gutter + min(width - 1, int((tick - left) / (right - left) * width))
        start = max(gutter - 1, column - len(label) // 2)
        if not label or start <= last or start + len(label) > free_to:
            continue
        line[column] = ("┴", "axis")
        _write(numbers, start, label, "label")
        last = start + len(label) + 1
    _write(numbers, gutter + width - len(name), name, "label")
    return [line, numbers]


def _write(row: list[_Cell], column: int, text: str, style: str) -> None:
    """Write a text into a row; only what fits, and only characters of one cell."""
    for offset, character in enumerate(text):
        if 0 <= column + offset < len(row):
            row[column + offset] = (character if cell_len(character) == 1 else "?", style)


def _write_free(grid: list[list[_Cell]], column: int, text: str, style: str) -> None:
    """Write a mark's name into the first of the upper rows where it neither covers nor touches another name."""
    for row in grid[: max(1, len(grid) // 2)]:
        place = row[max(0, column - 1) : column + len(text) + 1]
        if all(name != style or character in "┊╷" for character, name in place):
            _write(row, max(0, column), text, style)
            return
