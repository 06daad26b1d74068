"""The list of runs: open one, resume it, lay it over the plot, rename it, delete it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DataTable, Input, Static

from lmcore.experiments.deletion import delete_run
from lmcore.experiments.runs import RunError, RunSummary, list_runs, rename_run
from tui.messages import Notice, OverlayRun, ResumeRun
from tui.plain_text import shown_text
from tui.screens.dialogs import ConfirmDialog, RenameDialog

_MARKS = {
    "running": "●",
    "finished": "✔",
    "stopped": "■",
    "failed": "✖",
    "interrupted": "◐",
    "damaged": "▲",
}

_COLUMNS = ("", "name", "status", "step", "train", "val", "floor", "begun")


def age(created: str, now: datetime | None = None) -> str:
    """How long ago something was begun: 40 s, 5 min, 3 h, 12 days ago. A dash if it is not known."""
    try:
        begun = datetime.fromisoformat(created)
    except ValueError:
        return "–"
    now = now or (datetime.now(begun.tzinfo) if begun.tzinfo else datetime.now())
    seconds = max(0.0, (now - begun).total_seconds())
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def cells(run: RunSummary, is_overlaid: bool, now: datetime | None = None) -> list[Text]:
    """A run as one row of the table, as plain text."""
    steps = f"{run.step:,} / {run.max_steps:,}" if run.max_steps else f"{run.step:,}"
    style = {"damaged": "bold", "failed": "bold"}.get(run.status, "")
    return [
        Text("◆" if is_overlaid else " "),
        Text(shown_text(run.title, one_line=True)[:40]),
        Text(f"{_MARKS.get(run.status, '?')} {run.status}", style=style),
        Text(steps, justify="right"),
        *(Text("–" if value is None else f"{value:.3f}", justify="right") for value in _losses(run)),
        Text(age(run.created, now), justify="right"),
    ]


def _losses(run: RunSummary) -> tuple[float | None, float | None, float | None]:
    return run.loss_train, run.loss_val, run.floor


class RunTable(DataTable[Text]):
    """The table; home and end go to the first and the last run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_top", "First", show=False),
        Binding("end", "scroll_bottom", "Last", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("j", "cursor_down", "Down", show=False),
    ]


class RunsScreen(ModalScreen[None]):
    """All runs of a folder. It reads on a thread, and posts to the app what is to happen."""

    DEFAULT_CSS = """
    RunsScreen {
        align: center middle;
        #runs-frame {
            width: 104; max-width: 100%; height: 80%; min-height: 16; max-height: 100%;
            border: round $primary; padding: 0 1; background: $surface;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        RunTable {
            height: 1fr; background: $surface; background-tint: transparent; scrollbar-size: 1 1;
            scrollbar-background: $surface; scrollbar-color: $primary 40%;
        }
        #runs-filter { height: 1; border: none; padding: 0; margin-bottom: 1; &:focus { border: none; } }
        #runs-about { height: auto; max-height: 4; color: $text-muted; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("slash", "filter", "Find"),
        Binding("r", "resume", "Resume"),
        Binding("o", "overlay", "Overlay"),
        Binding("n", "rename", "Rename"),
        Binding("d,delete", "delete", "Delete"),
    ]

    def __init__(self, runs_folder: Path, overlaid: Iterable[Path] = (), open_run: Path | None = None) -> None:
        super().__init__()
        self.runs_folder = runs_folder
        self.overlaid = {folder.name for folder in overlaid}
        self.open_run = open_run
        self.runs: list[RunSummary] = []
        self.matching: list[RunSummary] = []
        self._is_read = False

    @property
    def run_here(self) -> RunSummary | None:
        """The run under the cursor."""
        row = self.query_one(RunTable).cursor_row
        return self.matching[row] if 0 <= row < len(self.matching) else None

    def compose(self) -> ComposeResult:
        """The filter, the table, and about the run under the cursor."""
        frame = Vertical(id="runs-frame")
        frame.border_title = Content(shown_text(f"Runs in {self.runs_folder}", one_line=True))
        frame.border_subtitle = Content("enter open · r resume · o overlay · n rename · d delete · / find · esc")
        with frame:
            yield Input(id="runs-filter", placeholder="/ find by name, status, hash", compact=True)
            yield RunTable(cursor_type="row", zebra_stripes=False)
            yield Static(id="runs-about", markup=False)

    def on_mount(self) -> None:
        """Make the columns and begin to read."""
        table = self.query_one(RunTable)
        for name in _COLUMNS:
            table.add_column(Text(name), key=name or "overlay")
        table.focus()
        self._say("reading …")
        self._reload()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the runs that hold what was typed."""
        self._fill()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go back to the table."""
        self.query_one(RunTable).focus()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell about the run under the cursor."""
        self._tell()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open the run as it was last."""
        self._open(train=False)

    def action_resume(self) -> None:
        """Open the run and go on training."""
        self._open(train=True)

    def action_overlay(self) -> None:
        """Lay the run's curves over the plot, or take them away."""
        run = self.run_here
        if run is None:
            return
        self.overlaid ^= {run.name}
        self.app.post_message(OverlayRun(run.folder, run.name in self.overlaid))
        self._fill()

    def action_rename(self) -> None:
        """Ask for another title."""
        run = self.run_here
        if run is None:
            return

        def rename(title: str | None) -> None:
            if title is not None:
                self._change(lambda: rename_run(run.folder, title))

        self.app.push_screen(RenameDialog(run.name, run.title), rename)

    def action_delete(self) -> None:
        """Ask, then delete the run."""
        run = self.run_here
        if run is None:
            return
        if self.open_run is not None and run.folder.resolve() == self.open_run.resolve():
            self._say("▲ This run is open in the lab; open another one first.")
            return

        def delete(answer: bool | None) -> None:
            if answer:
                self._change(lambda: delete_run(run.folder, self.runs_folder))

        note = "Its checkpoints, metrics and samples are gone for good."
        dialog = ConfirmDialog("Delete", f"Delete the run {run.name}?", yes="Delete", no="Keep", note=note)
        self.app.push_screen(dialog, delete)

    def action_filter(self) -> None:
        """Find runs."""
        self.query_one("#runs-filter", Input).focus()

    def action_leave(self) -> None:
        """Leave the filter, or the list."""
        line = self.query_one("#runs-filter", Input)
        if line.has_focus or line.value:
            line.value = ""
            self.query_one(RunTable).focus()
        else:
            self.dismiss(None)

    def _open(self, train: bool) -> None:
        run = self.run_here
        if run is not None:
            self.app.post_message(ResumeRun(run.folder, train=train))
            self.dismiss(None)

    def _reload(self) -> None:
        self.run_worker(self._read, thread=True, exclusive=True)

    def _read(self) -> None:
        try:
            found = list_runs(self.runs_folder)
        except RunError as error:
            self.app.call_later(self._take, [], str(error))
        else:
            self.app.call_later(self._take, found, "")

    def _take(self, found: list[RunSummary], problem: str) -> None:
        if not self.is_attached:
            return
        self._is_read = True
        self.runs = found
        self._fill()
        if problem:
            self._say(f"▲ {problem}")

    def _fill(self) -> None:
        table = self.query_one(RunTable)
        here = self.run_here
        words = self.query_one("#runs-filter", Input).value.lower().split()
        self.matching = [run for run in self.runs if all(word in _searched(run) for word in words)]
        now = datetime.now().astimezone()
        table.clear()
        for run in self.matching:
            table.add_row(*cells(run, run.name in self.overlaid, now), key=run.name)
        at = next((i for i, run in enumerate(self.matching) if here is not None and run.name == here.name), 0)
        table.move_cursor(row=at)
        self._tell()

    def _tell(self) -> None:
        run = self.run_here
        if run is not None:
            parts = [run.name]
            parts += [f"{run.parameters:,} parameters"] if run.parameters else []
            parts += [f"seed {run.seed}"] if run.seed is not None else []
            parts += [f"config {run.config_hash[:8]}"] if run.config_hash else []
            self._say(" · ".join(parts) + (f"\n▲ {run.note}" if run.note else ""))
        elif self._is_read:
            empty = "No runs yet: F5 in the lab starts the first." if not self.runs else "No run has these words."
            self._say(empty)

    def _say(self, text: str) -> None:
        self.query_one("#runs-about", Static).update(Content(shown_text(text)))

    def _change(self, change: Callable[[], None]) -> None:
        def work() -> None:
            try:
                change()
            except RunError as error:
                self.app.post_message(Notice(str(error), "error"))
            self._read()

        self.run_worker(work, thread=True, exclusive=True)


def _searched(run: RunSummary) -> str:
    return f"{run.name} {run.title} {run.status} {run.config_hash}".lower()
