"""The layers pane's widget: a table drawn line by line, a row in focus, and a sentence about it."""

from collections import deque
from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.events import Blur, Click, Focus, MouseScrollDown, MouseScrollUp, Resize
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from lmcore.protocol.messages import Event, Inspect, Inspection, LayerRow, LayerStatistics, Rejected
from tui.bindings import pane_bindings
from tui.lab.state import LabState
from tui.messages import Notice, SendCommand, next_request
from tui.panes.layers.health import COLUMNS, NAMES, Column, explain, find, short_name
from tui.panes.layers.parameters import ParametersDialog
from tui.panes.layers.table import Span, heading, lay_out, table_row
from tui.plain_text import shown_text
from tui.widgets.pane_title import show_title
from tui.widgets.table_line import table_line

TREND_LENGTH = 48
"""How many of the last statistics a trend holds."""


class LayersPane(Widget, can_focus=True):
    """One row for each component of the model, updated in place."""

    DEFAULT_CSS = """
    LayersPane { padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = pane_bindings("layers")

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "layers--heading",
        "layers--chosen",
        "layers--name",
        "layers--value",
        "layers--trend",
        "layers--high",
        "layers--low",
        "layers--focus",
        "layers--note",
    }

    lab: var[LabState] = var(LabState(), init=False)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows: tuple[LayerRow, ...] = ()
        self.step = 0
        self.cursor = 0
        self.column: Column = "update_ratio"
        self._top = 0
        self._trends: dict[tuple[str, Column], deque[float | None]] = {}
        self._newest: LayerStatistics | None = None
        self._heading: list[Span] = []
        self._lines: list[list[Span]] = []
        self._asked: tuple[int, ParametersDialog] | None = None

    def on_mount(self) -> None:
        """Show the empty state."""
        self._draw()

    def receive_events(self, events: Sequence[Event]) -> None:
        """Remember statistics for the trends; open the parameters that were asked for."""
        for event in events:
            if isinstance(event, LayerStatistics):
                self._remember(event)
            elif isinstance(event, Inspection) and self._asked and event.request == self._asked[0]:
                if self._asked[1].is_attached:
                    self._asked[1].take(event)
                self._asked = None
            elif isinstance(event, Rejected) and self._asked and event.request == self._asked[0]:
                if self._asked[1].is_active:
                    self._asked[1].dismiss(None)
                self._asked = None
                self.post_message(Notice(event.reason, "warning"))

    def watch_lab(self, old: LabState, new: LabState) -> None:
        """Draw the newest statistics."""
        if not new.layers:
            self._newest = None
            self._trends.clear()
        seen = self._newest if new.moment is None else new.moment.layers
        rows, step = (seen.rows, seen.step) if seen is not None else ((), 0)
        if (rows, step) != (self.rows, self.step):
            self.rows, self.step = rows, step
            self.cursor = min(self.cursor, max(0, len(self.rows) - 1))
            self._draw()
        elif not self.rows and (old.state, old.moment) != (new.state, new.moment):
            self._draw()

    def _remember(self, statistics: LayerStatistics) -> None:
        if self._newest is not None and (
            statistics.step < self._newest.step
            or [row.component for row in statistics.rows] != [row.component for row in self._newest.rows]
        ):
            self._trends.clear()
        self._newest = statistics
        for row in statistics.rows:
            for column in COLUMNS:
                trend = self._trends.setdefault((row.component, column), deque(maxlen=TREND_LENGTH))
                trend.append(getattr(row, column))

    @property
    def _visible_rows(self) -> int:
        """How many rows fit between the heading and the sentence below."""
        return max(1, self.size.height - 1 - len(self._note()) - (1 if self.size.height > 10 else 0))

    def _note(self) -> list[str]:
        if not self.rows:
            return []
        text = shown_text(explain(self.rows[self.cursor], self.column, self.rows), one_line=True)
        most = 3 if self.size.height >= 14 else 1 if self.size.height < 8 else 2
        lines = wrap(text, max(10, self.size.width - 1))
        if len(lines) > most:
            lines = [*lines[: most - 1], lines[most - 1][: max(1, self.size.width - 2)] + "…"]
        return [*lines, *[""] * (most - len(lines))]

    def _draw(self) -> None:
        """Make the lines of the table anew; the terminal gets only what differs."""
        marked = sum(bool(find(row, self.rows)) for row in self.rows)
        parts = [NAMES[self.column]] if self.rows else []
        if self.rows:
            parts.append(f"at step {self.step:,}")
        if marked:
            parts.append(f"▲▼ {marked} out of range")
        show_title(self, Content("3 Layers" + (f" ── {' · '.join(parts)}" if parts else "")))
        layout = lay_out(self.size.width - 2, [short_name(row.component) for row in self.rows])
        self._keep_cursor_visible()
        self._lines = [
            table_row(row, self.rows, self._trends, layout, self.column)
            for row in self.rows[self._top : self._top + self._visible_rows]
        ]
        self._heading = heading(layout, self.column)
        self.refresh()

    def _keep_cursor_visible(self) -> None:
        visible = self._visible_rows
        self._top = max(0, min(self._top, self.cursor, len(self.rows) - visible))
        if self.cursor >= self._top + visible:
            self._top = self.cursor - visible + 1

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        width, base = self.size.width, self.rich_style
        if not self.rows:
            return self._empty_line(y, width)
        if y == 0:
            return self._strip([("  ", "heading"), *self._heading], width)
        if y <= len(self._lines):
            index = self._top + y - 1
            return self._strip(self._lines[y - 1], width, is_cursor=index == self.cursor)
        note = self._note()
        line = y - (self.size.height - len(note))
        if 0 <= line < len(note):
            return self._strip([(note[line], "note")], width)
        return Strip.blank(width, base)

    def _empty_line(self, y: int, width: int) -> Strip:
        if self.lab.moment is not None:
            text = [f"No norms were measured up to step {self.lab.moment.step:,}."]
        elif self.lab.is_training:
            text = ["Norms appear every other.norms_interval steps."]
        else:
            text = ["No norms yet.", "Press F5 to start training."]
        row = y - (self.size.height - len(text)) // 2
        return self._strip([(text[row].center(width), "note")] if 0 <= row < len(text) else [], width)

    def _strip(self, spans: Sequence[Span], width: int, is_cursor: bool | None = None) -> Strip:
        if is_cursor is not None:
            spans = [("▸ " if is_cursor else "  ", "name"), *spans]
        return table_line(self, "layers", spans, width, bool(is_cursor))

    def on_resize(self, event: Resize) -> None:
        """Lay out for the new size."""
        self._draw()

    def on_focus(self, event: Focus) -> None:
        """Show which row is in focus."""
        self.refresh()

    def on_blur(self, event: Blur) -> None:
        """No row is in focus."""
        self.refresh()

    def action_move(self, by: int) -> None:
        """Put the focus on another row."""
        self._go(self.cursor + by)

    def action_column(self, by: int) -> None:
        """Choose another column."""
        self.column = COLUMNS[(COLUMNS.index(self.column) + by) % len(COLUMNS)]
        self._draw()

    def action_parameters(self) -> None:
        """Ask the core for the parameters of the row in focus."""
        if not self.rows:
            self.post_message(Notice("There are no norms yet: start training first (F5)."))
            return
        component = self.rows[self.cursor].component
        self._asked = (next_request(), ParametersDialog(short_name(component)))
        self.app.push_screen(self._asked[1])
        self.post_message(SendCommand(Inspect(self._asked[0], "parameters", component)))

    def on_click(self, event: Click) -> None:
        """Put the focus on the row that was clicked; a second click opens its parameters."""
        offset = event.get_content_offset(self)
        if offset is not None and 1 <= offset.y <= len(self._lines):
            self._go(self._top + offset.y - 1)
            if event.chain == 2:
                self.action_parameters()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Move down."""
        self._go(self.cursor + 1)
        event.stop()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Move up."""
        self._go(self.cursor - 1)
        event.stop()

    def _go(self, row: int) -> None:
        self.cursor = min(max(0, row), max(0, len(self.rows) - 1))
        self._draw()
