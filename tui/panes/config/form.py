"""The form's list of fields: lines drawn by hand, one cursor, no widget for each field."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.panes.config.rows import Row
from tui.plain_text import shown_text

_LEAST_VALUE = 10


class FieldList(ScrollView, can_focus=True):
    """Rows of fields with a cursor. It shows and asks; what a key press means for the text is the pane's business."""

    DEFAULT_CSS = """
    FieldList {
        height: 1fr; background: transparent; color: $foreground; overflow-x: hidden; scrollbar-size-vertical: 1;
        scrollbar-background: $background; scrollbar-color: $primary 40%;
    }
    FieldList > .fields--name { color: $foreground; }
    FieldList > .fields--value { color: $text-accent; }
    FieldList > .fields--default { color: $text-muted; }
    FieldList > .fields--changed { color: $text-warning; text-style: bold; }
    FieldList > .fields--runs { color: $text-secondary; }
    FieldList > .fields--problem { color: $text-error; text-style: bold; }
    FieldList > .fields--cursor { background: $panel; color: $foreground; }
    FieldList:focus > .fields--cursor {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
    }
    FieldList:ansi > .fields--cursor { background: ansi_default; color: ansi_default; text-style: underline; }
    FieldList:ansi:focus > .fields--cursor { background: ansi_default; color: ansi_default; text-style: bold reverse; }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "fields--name",
        "fields--value",
        "fields--default",
        "fields--changed",
        "fields--runs",
        "fields--problem",
        "fields--cursor",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home", "move_to(0)", "First", show=False),
        Binding("end", "move_to(-1)", "Last", show=False),
        Binding("enter,space", "edit", "Edit"),
        Binding("left", "cycle(-1)", "Previous choice", show=False),
        Binding("right", "cycle(1)", "Next choice", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another row, or past an end (`beyond` is -1 or 1)."""

        def __init__(self, row: Row | None, beyond: int = 0) -> None:
            self.row = row
            self.beyond = beyond
            super().__init__()

    class EditRequested(Message):
        """The row is to be edited."""

        def __init__(self, row: Row) -> None:
            self.row = row
            super().__init__()

    class CycleRequested(Message):
        """The row's next (or previous) choice is wanted."""

        def __init__(self, row: Row, by: int) -> None:
            self.row = row
            self.by = by
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="fields")
        self.rows: tuple[Row, ...] = ()
        self.cursor = 0
        self.empty_text = ""
        self._name_width = 0
        self._value_width = _LEAST_VALUE

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def show_rows(self, rows: Sequence[Row], cursor: int | None = None, empty_text: str = "") -> None:
        """Show these rows; the cursor stays on the field where it was, unless told where to go."""
        here = self.row.key if self.row else ""
        self.rows = tuple(rows)
        self.empty_text = empty_text
        if cursor is None:
            cursor = next((index for index, row in enumerate(rows) if row.key == here), self.cursor)
        self.cursor = max(0, min(cursor, len(self.rows) - 1))
        self._measure()
        self._show_cursor()
        self.refresh()

    def value_region(self) -> Region:
        """Where the value under the cursor stands, in this widget's own coordinates."""
        column = 2 + self._name_width + 1
        return Region(column, self.cursor - self.scroll_offset.y, max(8, self._width - column), 1)

    def action_move(self, by: int) -> None:
        """Move the cursor; a single step past an end is told to the pane."""
        target = self.cursor + by
        if abs(by) == 1 and not 0 <= target < len(self.rows):
            self.post_message(self.Moved(self.row, beyond=by))
            return
        self._go(max(0, min(target, len(self.rows) - 1)))

    def action_move_to(self, index: int) -> None:
        """Move the cursor to the first or the last row."""
        self._go(index if index >= 0 else len(self.rows) - 1)

    def action_edit(self) -> None:
        """Ask for the row to be edited; switches and choices go to their next value."""
        if self.row is None:
            return
        if self.row.shape.choices:
            self.post_message(self.CycleRequested(self.row, 1))
        else:
            self.post_message(self.EditRequested(self.row))

    def action_cycle(self, by: int) -> None:
        """Ask for the next choice."""
        if self.row is not None and self.row.shape.choices:
            self.post_message(self.CycleRequested(self.row, by))

    def on_click(self, event: Click) -> None:
        """Select the row; a second click, or one on its value, edits it."""
        index = event.y + self.scroll_offset.y
        if not 0 <= index < len(self.rows):
            return
        again = index == self.cursor and self.has_focus
        self._go(index)
        if (again and event.x >= 2 + self._name_width) or event.chain == 2:
            self.action_edit()

    def on_resize(self, event: Resize) -> None:
        """Measure again."""
        self._measure()
        self._show_cursor()

    def render_line(self, y: int) -> Strip:
        """One row: marker, name, value, what it was, what runs."""
        index = y + self.scroll_offset.y
        width = self._width
        base = self.rich_style
        if index >= len(self.rows):
            text = f"  {self.empty_text}" if not self.rows and y == 1 else ""
            return Strip([Segment(text, base + self._style("default"))]).adjust_cell_length(width, base)
        row = self.rows[index]
        is_here = index == self.cursor
        base = base + self._style("cursor") if is_here else base
        strip = Strip(self._segments(row, base, is_here, width))
        return strip.adjust_cell_length(width, base)

    def _segments(self, row: Row, base: Style, is_here: bool, width: int) -> list[Segment]:
        marker = "▌ " if is_here and self.has_focus else "▏ " if is_here else "  "
        value = shown_text(row.value, one_line=True)
        if is_here and row.shape.choices:
            value = f"‹ {value} ›"
        room = width - 3 - self._name_width
        value_width = min(max(self._value_width, len(value)), room)
        note = next((text for text in _notes(row) if value_width + 2 + len(text) <= room), None)
        if note is None:
            note = _notes(row)[-1]
            value_width = max(_LEAST_VALUE, room - len(note) - 2)
        parts = [
            (marker, "name"),
            (_fitted(row.name, self._name_width) + " ", "name"),
            (_fitted(value, value_width), self._value_kind(row)),
            (_cut(f"  {note}", max(0, room - value_width)) if note else "", self._note_kind(row)),
        ]
        return [Segment(text, base + self._foreground(kind, is_here)) for text, kind in parts if text]

    def _value_kind(self, row: Row) -> str:
        if row.problem:
            return "problem"
        if row.was is not None:
            return "changed"
        return "value" if row.is_given else "default"

    def _note_kind(self, row: Row) -> str:
        return "problem" if row.problem else "changed" if row.was is not None else "runs"

    def _foreground(self, kind: str, is_here: bool) -> Style:
        if is_here and self.has_focus:
            return Style()  # the cursor's own colours
        style = self._style(kind)
        return Style(color=style.color, bold=style.bold)

    def _style(self, kind: str) -> Style:
        return self.get_component_rich_style(f"fields--{kind}")

    def _measure(self) -> None:
        width = self._width or 52
        longest = max((len(row.name) for row in self.rows), default=0)
        self._name_width = max(8, min(longest, width - 3 - _LEAST_VALUE - 4))
        values = [len(row.value) + (4 if row.shape.choices else 0) for row in self.rows]
        room = width - 3 - self._name_width - 14
        self._value_width = max(_LEAST_VALUE, min(max(values, default=0), room))
        self.virtual_size = Size(width, max(1, len(self.rows)))

    def _go(self, index: int) -> None:
        if index == self.cursor or not self.rows:
            return
        self.refresh_lines(self.cursor)
        self.cursor = index
        self.refresh_lines(self.cursor)
        self._show_cursor()
        self.post_message(self.Moved(self.row))

    def _show_cursor(self) -> None:
        height, top = self.size.height, self.scroll_offset.y
        if height and not top <= self.cursor < top + height:
            self.scroll_to(y=self.cursor if self.cursor < top else self.cursor - height + 1, animate=False, force=True)


def _notes(row: Row) -> list[str]:
    """What is said behind a value, from the longest to the shortest way of saying it."""
    if row.problem:
        return ["▲ not valid", "▲"]
    was = _cut(shown_text(row.was, one_line=True), 16) if row.was is not None else None
    runs = _cut(shown_text(row.runs, one_line=True), 16) if row.runs is not None else None
    if was is not None and runs is not None:
        return [f"● was {was} ◆ runs {runs}", f"● {was} ◆ {runs}", f"● {was} ◆", "● ◆"]
    if was is not None:
        return [f"● was {was}", f"● {was}", "●"]
    return [f"◆ runs {runs}", f"◆ {runs}", "◆"] if runs is not None else [""]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"[:width]


def _fitted(text: str, width: int) -> str:
    return _cut(text, width).ljust(width)
