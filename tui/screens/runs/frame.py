"""What the list of runs looks like: the filter and what is said of it, the table, about the run, the keys."""

from collections.abc import Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Input, Static

from tui.bindings import shown_key
from tui.plain_text import shown_text
from tui.screens.runs.listing import Listing
from tui.screens.runs.table import RunTable
from tui.widgets.metric_list import MetricList

HINT = "/ find: words, tag:mine, loss/val<1.9, optimizer=muon, -not"


class RunsFrame(Vertical):
    """The box of the list. Its title says which runs are shown and in which order, its last lines what the keys do."""

    DEFAULT_CSS = """
    RunsFrame {
        width: 150; max-width: 100%; height: 90%; min-height: 24; max-height: 100%; layers: base above;
        border: round $primary; padding: 0 1; background: $surface; border-title-style: bold;
        #runs-filter { height: 1; border: none; padding: 0; &:focus { border: none; } }
        #runs-remark { height: 1; color: $text-muted; }
        #runs-about { height: 3; color: $text-muted; margin-top: 1; }
        #runs-keys { height: auto; color: $text-muted; }
    }
    """

    def __init__(self, runs_folder: Path, keys: Sequence[Binding]) -> None:
        super().__init__(id="runs-frame")
        self.line = Input(id="runs-filter", placeholder=HINT, compact=True)
        self.table = RunTable()
        self.metrics = MetricList("time: the newest first, forks under their parents")
        folder = str(runs_folder)
        self._folder = folder if len(folder) <= 24 else f"…/{runs_folder.name}"[-24:]
        named = [(shown_key(key.key.partition(",")[0]), key.description) for key in keys if key.show]
        self._keys = [("enter", "open"), *named]
        self._listing = Listing()

    def compose(self) -> ComposeResult:
        """All parts, from above."""
        yield self.line
        yield Static(id="runs-remark", markup=False)
        yield self.table
        yield Static(id="runs-about", markup=False)
        yield Static(id="runs-keys", markup=False)
        yield self.metrics

    def on_resize(self, event: Resize) -> None:
        """Break the line of keys where it has to be."""
        self.query_one("#runs-keys", Static).update(line_of_keys(self._keys, self.content_size.width))

    def show(self, listing: Listing) -> None:
        """Show these runs."""
        lines = listing.lines()
        self.table.show(listing, lines)
        self.query_one("#runs-remark", Static).update(Content(shown_text(listing.remark(), one_line=True)))
        self._listing = listing
        self.entitle()

    def entitle(self, instead: str = "") -> None:
        """Write the title: what of the runs is shown, or something `instead`."""
        state = instead or self._listing.heading(len(self.table.lines), len(self.table.marked))
        self.border_title = Content(shown_text(f"Runs in {self._folder} ── {state}", one_line=True))

    def say(self, lines: Sequence[str]) -> None:
        """Write below the table."""
        self.query_one("#runs-about", Static).update(Content(shown_text("\n".join(lines))))


def line_of_keys(keys: Sequence[tuple[str, str]], width: int) -> Content:
    """Keys and what they do, on as many lines as a width takes."""
    parts: list[str | tuple[str, str]] = []
    room = 0
    for key, does in keys:
        length = len(key) + len(does) + 4
        parts.append("\n" if parts and length - 3 > room else " · " if parts else "")
        room = (width if parts[-1] != " · " else room) - length
        parts += [(key, "$foreground"), f" {does}"]
    return Content.assemble(*parts)
