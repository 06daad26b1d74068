"""The list's table: it draws the lines that are visible and no others, so that hundreds of runs cost what a few do."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lmcore.clock import local_now
from lmcore.experiments.runs.summary import RunSummary
from tui.screens.runs.listing import Line, Listing
from tui.screens.runs.rows import Layout, heading, lay_out, row
from tui.widgets.table_line import table_line

_FAR = 1_000_000


class RunTable(ScrollView, can_focus=True):
    """Runs, one a line, under a heading that stays; the cursor stays on its run whatever is shown around it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "runs--heading",
        "runs--chosen",
        "runs--name",
        "runs--tree",
        "runs--tag",
        "runs--value",
        "runs--muted",
        "runs--warning",
        "runs--mark",
        "runs--focus",
    }

    DEFAULT_CSS = """
    RunTable {
        height: 1fr; overflow-x: hidden; overflow-y: auto; background: $surface; scrollbar-size: 1 1;
        scrollbar-background: $surface; scrollbar-color: $primary 40%;
        .runs--heading { color: $text-muted; }
        .runs--chosen { color: $foreground; text-style: bold; }
        .runs--name { color: $foreground; }
        .runs--tree { color: $text-muted; }
        .runs--tag { color: $accent; }
        .runs--value { color: $foreground; }
        .runs--muted { color: $text-muted; }
        .runs--warning { color: $error; text-style: bold; }
        .runs--mark { color: $accent; text-style: bold; }
        .runs--focus { background: $panel; text-style: bold; }
        &:ansi .runs--focus { text-style: bold reverse; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", f"move(-{_FAR})", "First", show=False),
        Binding("end", f"move({_FAR})", "Last", show=False),
        Binding("enter", "choose", "Open", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another run."""

    class Chosen(Message):
        """The run under the cursor is to be opened."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Sequence[Line] = ()
        self.marked: set[str] = set()  # names
        self.overlaid: set[str] = set()
        self._listing = Listing()
        self._cursor = 0
        self._was_moved = False  # until then it stands at the top, also while the runs are still being read
        self._layout: Layout | None = None
        self._now = local_now()

    @property
    def run_here(self) -> RunSummary | None:
        """The run under the cursor."""
        return self.lines[self._cursor][1] if self._cursor < len(self.lines) else None

    def show(self, listing: Listing, lines: Sequence[Line]) -> None:
        """Show these lines; a cursor that was moved goes with its run, if that is still there."""
        here = self.run_here if self._was_moved else None
        self._listing, self.lines = listing, lines
        self._now = local_now()
        at = next((i for i, (_, run) in enumerate(lines) if here is not None and run.name == here.name), None)
        self._cursor = min(self._cursor, max(0, len(lines) - 1)) if at is None else at
        self.virtual_size = Size(self.size.width, len(lines) + 1)
        self.draw_anew()
        self._keep_cursor_visible()

    def draw_anew(self) -> None:
        """Draw what is visible with the present marks, and for the present width."""
        self._layout = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The heading, or the run on a line of the screen."""
        width = self.size.width
        if self._layout is None:
            runs = [run for _, run in self.lines]
            self._layout = lay_out(width - 2, runs, self._listing.sort, self._listing.is_reversed)
        index = y - 1 + int(self.scroll_offset.y)
        if y == 0 or index >= len(self.lines):
            return table_line(self, "runs", heading(self._layout) if y == 0 and self.lines else [], width)
        depth, run = self.lines[index]
        names = {"marked": self.marked, "overlaid": self.overlaid}
        flags = [flag for flag, those in names.items() if run.name in those]
        value = self._listing.values.of(run, self._listing.sort) if self._listing.sort else None
        spans = row(depth, run, self._layout, value, flags, self._now)
        return table_line(self, "runs", spans, width, is_cursor=index == self._cursor, even_unfocused=True)

    def on_resize(self, event: Resize) -> None:
        """Lay the columns out anew."""
        self.virtual_size = Size(self.size.width, len(self.lines) + 1)
        self.draw_anew()
        self._keep_cursor_visible()

    def on_click(self, event: Click) -> None:
        """Move the cursor to a run; a double click opens it."""
        index = event.y - 1 + int(self.scroll_offset.y)
        if event.y >= 1 and index < len(self.lines):
            self.action_move(index - self._cursor)
            if event.chain == 2:
                self.action_choose()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._was_moved = True
        at = max(0, min(len(self.lines) - 1, self._cursor + by))
        if at != self._cursor:
            self._cursor = at
            self._keep_cursor_visible()
            self.refresh()
            self.post_message(self.Moved())

    def action_page(self, by: int) -> None:
        """Move the cursor by as many runs as are visible."""
        self.action_move(by * max(1, self.size.height - 2))

    def action_choose(self) -> None:
        """Open the run under the cursor."""
        if self.run_here is not None:
            self.post_message(self.Chosen())

    def _keep_cursor_visible(self) -> None:
        visible = max(1, self.size.height - 1)
        top = int(self.scroll_target_y)
        if not top <= self._cursor < top + visible:
            top = self._cursor if self._cursor < top else self._cursor - visible + 1
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
