"""The page of the REPL: prompts, answers as they stream in, and notes, drawn row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from tui.panes.repl.side_by_side import Pair
from tui.plain_text import shown_text
from tui.widgets.wrap import wrap

Kind = Literal["prompt", "answer", "foot", "note", "problem"]

_MOST_ROWS = 6000
_KEPT_ROWS = 4000


@dataclass(eq=False)
class Entry:
    """One piece of the page. The first `lead` characters of an answer are the prompt that it continues."""

    kind: Kind
    text: str
    lead: int = 0
    is_open: bool = False  # more text is coming


@dataclass(frozen=True, eq=False)
class _Row:
    entry: Entry | Pair
    start: int
    end: int


class Transcript(ScrollView, can_focus=True):
    """The page. Text that is appended costs only its last row; old rows are dropped."""

    ALLOW_SELECT = True

    DEFAULT_CSS = """
    Transcript {
        height: 1fr; background: transparent; color: $foreground; overflow-x: hidden; scrollbar-size-vertical: 1;
        scrollbar-background: $background; scrollbar-color: $primary 40%;
    }
    Transcript > .transcript--prompt { color: $text-primary; text-style: bold; }
    Transcript > .transcript--lead { color: $text-muted; }
    Transcript > .transcript--answer { color: $foreground; }
    Transcript > .transcript--foot { color: $text-muted; }
    Transcript > .transcript--note { color: $text-muted; text-style: italic; }
    Transcript > .transcript--problem { color: $text-warning; }
    Transcript > .transcript--mark { color: $text-warning; text-style: bold reverse; }
    Transcript:ansi > .transcript--lead, Transcript:ansi > .transcript--foot { text-style: dim; }
    Transcript:ansi > .transcript--note { text-style: dim italic; }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--prompt",
        "transcript--lead",
        "transcript--answer",
        "transcript--foot",
        "transcript--note",
        "transcript--problem",
        "transcript--mark",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self.entries: list[Entry | Pair] = []
        self.empty_text: Sequence[str] = ()
        self._rows: list[_Row] = []
        self._strips: dict[_Row, Strip] = {}  # of rows that do not change any more
        self._styles: dict[str, Style] = {}

    @property
    def plain_text(self) -> str:
        """Everything on the page, as text."""
        return "\n".join(_MARKS.get(entry.kind, "") + entry.text for entry in self.entries)

    def add(self, kind: Kind, text: str, lead: int = 0, is_open: bool = False) -> Entry:
        """Put something at the end of the page. A page takes any text, and shows it as text."""
        entry = Entry(kind, shown_text(text), lead, is_open)
        self.entries.append(entry)
        self._lay_out(entry, 0)
        self._trim()
        self._changed(follow=True)
        return entry

    def add_after(self, entry: Entry, kind: Kind, text: str) -> None:
        """Put something directly below an entry, which may have others below it, or have left the page already."""
        if entry not in self.entries:
            return
        follow = self._is_at_end
        self.entries.insert(self.entries.index(entry) + 1, Entry(kind, shown_text(text)))
        self._lay_out_all()
        self._changed(follow)

    def append(self, entry: Entry, text: str) -> None:
        """Add text at the end of an entry that is still open."""
        follow = self._is_at_end
        entry.text += shown_text(text)
        count = len(self._rows)
        if self._rows and self._rows[-1].entry is entry:
            last = self._rows.pop()
            self._lay_out(entry, last.start)
            self._trim()
        else:
            self._lay_out_all()
        if len(self._rows) == count:
            self.refresh_lines(count - 1)
        else:
            self._changed(follow)

    def add_pair(self, pair: Pair) -> Pair:
        """Put two answers side by side at the end of the page."""
        self.entries.append(pair)
        self._lay_out(pair, 0)
        self._trim()
        self._changed(follow=True)
        return pair

    def redraw(self, pair: Pair) -> None:
        """Draw two answers anew: both grow, so any of their rows may differ."""
        follow = self._is_at_end
        if self._rows and self._rows[-1].entry is pair:
            while self._rows and self._rows[-1].entry is pair:
                self._strips.pop(self._rows.pop(), None)
            self._lay_out(pair, 0)
            self._trim()
        else:
            self._lay_out_all()
        self._changed(follow)

    def close(self, entry: Entry) -> None:
        """No more text comes for this entry."""
        entry.is_open = False
        self.refresh()

    def clear(self) -> None:
        """Empty the page, except for what is still being written."""
        self.entries = [entry for entry in self.entries if entry.is_open]
        self._lay_out_all()
        self._changed(follow=True)

    def say_when_empty(self, lines: Sequence[str]) -> None:
        """What stands on the page while it is empty."""
        if tuple(lines) != tuple(self.empty_text):
            self.empty_text = tuple(lines)
            if not self.entries:
                self.refresh()

    def on_resize(self, event: Resize) -> None:
        """Break the rows anew."""
        follow = self._is_at_end
        self._lay_out_all()
        self._changed(follow)

    def render_line(self, y: int) -> Strip:
        """One row of the page."""
        row_index = y + self.scroll_offset.y
        width, base = self.scrollable_content_region.width, self._style("page")
        if not self.entries:
            return self._empty_line(y, width, base)
        if row_index >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[row_index]
        strip = self._strips.get(row)
        if strip is None:
            strip = Strip([Segment(text, base + style) for text, style in self._pieces(row) if text])
            if not row.entry.is_open or row is not self._rows[-1]:
                self._strips[row] = strip
        if self.text_selection is not None:
            strip = self._with_selection(strip, row_index)
        return strip.adjust_cell_length(width, base).apply_offsets(0, row_index)

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        super().notify_style_update()
        self._strips.clear()
        self._styles.clear()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that was selected with the mouse; rows that were only wrapped are joined again."""
        parts: list[str] = []
        for index, row in enumerate(self._rows):
            span = selection.get_span(index)
            if span is None:
                continue
            start, end = span
            text = self._row_text(row)
            parts.append(text[start : len(text) if end == -1 else end])
            goes_on = index + 1 < len(self._rows) and self._rows[index + 1].entry is row.entry
            continues = goes_on and isinstance(row.entry, Entry)
            broken = continues and row.entry.text[row.end : row.end + 1] not in ("\n", "")
            parts.append((" " if row.entry.text[row.end] == " " else "") if broken else "\n")
        return ("".join(parts).rstrip("\n"), "\n") if parts else None

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw the selection."""
        self.refresh()

    @property
    def _is_at_end(self) -> bool:
        return self.scroll_offset.y >= self.max_scroll_y - 1

    def _pieces(self, row: _Row) -> list[tuple[str, Style]]:
        entry = row.entry
        if isinstance(entry, Pair):
            return [(text, self._style(style)) for text, style in entry.lines[row.start]]
        mark = _MARKS[entry.kind] if row.start == 0 else " " * len(_MARKS[entry.kind])
        style = self._style(entry.kind)
        cursor = "▌" if entry.is_open and row is self._rows[-1] else ""
        lead_end = min(max(entry.lead, row.start), row.end)
        return [
            (mark, style),
            (entry.text[row.start : lead_end], self._style("lead")),
            (entry.text[lead_end : row.end], style),
            (cursor, style),
        ]

    def _row_text(self, row: _Row) -> str:
        return "".join(text for text, _ in self._pieces(row))

    def _style(self, kind: str) -> Style:
        found = self._styles.get(kind)
        if found is None:
            style = self.rich_style if kind == "page" else self.get_component_rich_style(f"transcript--{kind}")
            found = self._styles[kind] = (
                style
                if kind == "page"
                else Style(
                    color=style.color, bold=style.bold, italic=style.italic, dim=style.dim, reverse=style.reverse
                )
            )
        return found

    def _empty_line(self, y: int, width: int, base: Style) -> Strip:
        top = max(0, (self.size.height - len(self.empty_text)) // 2)
        text = self.empty_text[y - top] if 0 <= y - top < len(self.empty_text) else ""
        return Strip([Segment(text.center(width), base + self._style("foot"))]).adjust_cell_length(width, base)

    def _with_selection(self, strip: Strip, row_index: int) -> Strip:
        selection = self.text_selection
        span = selection.get_span(row_index) if selection is not None else None
        if span is None:
            return strip
        text = strip.text
        start, end = span
        first = strip.index_to_cell_position(min(start, len(text)))
        last = strip.cell_length if end == -1 else strip.index_to_cell_position(min(end, len(text)))
        style = self.screen.get_component_rich_style("screen--selection")
        before, within, after = strip.crop(0, first), strip.crop(first, last), strip.crop(last)
        marked = Strip([Segment(part.text, (part.style or Style()) + style) for part in within])
        return Strip.join([before, marked, after])

    def _lay_out(self, entry: Entry | Pair, start: int) -> None:
        width = self.scrollable_content_region.width or 80
        if isinstance(entry, Pair):
            entry.lay_out(width - 1)
            self._rows += [_Row(entry, index, index + 1) for index in range(len(entry.lines))]
            return
        room = width - len(_MARKS[entry.kind]) - 1
        self._rows += [_Row(entry, first, last) for first, last in wrap(entry.text, start, room)]

    def _lay_out_all(self) -> None:
        self._rows = []
        self._strips.clear()
        for entry in self.entries:
            self._lay_out(entry, 0)
        self._trim()

    def _trim(self) -> None:
        if len(self._rows) <= _MOST_ROWS:
            return
        del self._rows[: len(self._rows) - _KEPT_ROWS]
        self._strips.clear()
        first = self._rows[0].entry
        self.entries = self.entries[self.entries.index(first) :]

    def _changed(self, follow: bool) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows))
        if follow:
            self.scroll_end(animate=False, immediate=True, x_axis=False)
        self.refresh()


_MARKS: dict[str, str] = {"prompt": "› ", "answer": "", "foot": "", "note": "", "problem": "▲ "}
