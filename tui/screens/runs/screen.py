"""The list of runs: find, sort, mark, tag and archive runs, open, resume, overlay, rename and delete them."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input

from lmcore.experiments.runs.deletion import delete_run
from lmcore.experiments.runs.listing import RunError, is_run, read_runs, rename_run, summarize
from lmcore.experiments.runs.summary import RunSummary
from lmcore.experiments.runs.tags import archive_run, tag_run
from tui.dialogs import ConfirmDialog, RenameDialog, TagsDialog
from tui.messages import CompareRuns, Notice, OverlayRun, ResumeRun, ShowMoments
from tui.screens.runs.frame import RunsFrame
from tui.screens.runs.listing import Listing
from tui.screens.runs.rows import about
from tui.screens.runs.table import RunTable
from tui.widgets.metric_list import MetricList

FIRST_BATCH_SECONDS = 0.1
"""While runs are read, those that are there are shown after so long, and then after twice as long each time."""

MOST_NAMED = 6
"""How many runs a question names; of more it says the number."""


KEYS = (
    # Before any key that follows, however fast: what is typed for the filter must never delete a run.
    Binding("slash", "filter", "find", show=False, priority=True),
    Binding("r", "resume", "resume"),
    Binding("m", "moments", "checkpoints"),
    Binding("o", "overlay", "overlay"),
    Binding("space", "mark", "mark"),
    Binding("c", "compare", "compare"),
    Binding("s", "sort", "sort"),
    Binding("S", "reverse", "reverse"),
    Binding("t", "tags", "tags"),
    Binding("a", "archive", "archive"),
    Binding("A", "show_archived", "all"),
    Binding("e", "notes", "notes"),
    Binding("n", "rename", "rename"),
    Binding("d,delete", "delete", "delete"),
    Binding("escape", "leave", "close"),
)
"""What can be done in the list, in the order of the line that tells it; the filter tells its own key, enter opens."""


class RunsScreen(ModalScreen[None]):
    """All runs of a folder. Files are read and written on threads; what is to happen to the lab is posted to it."""

    DEFAULT_CSS = """
    RunsScreen { align: center middle; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]

    def __init__(self, runs_folder: Path, overlaid: Iterable[Path] = (), open_run: Path | None = None) -> None:
        super().__init__()
        self.runs_folder = runs_folder
        self.open_run = open_run
        self.listing = Listing()
        self.frame = RunsFrame(runs_folder, KEYS)
        self.table = self.frame.table
        self.table.overlaid = {folder.name for folder in overlaid}
        self.is_read = False  # whether all runs are there

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """All runs, the newest first."""
        return self.listing.runs

    @property
    def matching(self) -> list[RunSummary]:
        """The runs that are shown, in their order."""
        return [run for _, run in self.table.lines]

    @property
    def run_here(self) -> RunSummary | None:
        """The run under the cursor."""
        return self.table.run_here

    @property
    def marked(self) -> list[RunSummary]:
        """The runs that are marked, the newest first, also those that are not shown at the moment."""
        return [run for run in self.runs if run.name in self.table.marked]

    @property
    def chosen(self) -> list[RunSummary]:
        """What a key acts on: the marked runs, or, where none is, the one under the cursor."""
        here = self.run_here
        return self.marked or ([here] if here is not None else [])

    @property
    def waits(self) -> bool:
        """Whether the keys of its rows have to wait: for the first of them, or for those that the filter means."""
        has_rows = self.is_read or bool(self.runs)
        return self.table.has_focus and (bool(self.listing.missing) or not has_rows)

    def compose(self) -> ComposeResult:
        """The frame; all is in it."""
        yield self.frame

    def on_mount(self) -> None:
        """Begin to read."""
        self.table.focus()
        self.frame.entitle("reading …")
        self.run_worker(self._read, thread=True, group="read")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the runs that fit what was typed."""
        self._look(self.listing.asked(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go back to the table."""
        self.table.focus()

    def on_key(self, event: Key) -> None:
        """Let the arrows move through the runs while one types."""
        if event.key in ("up", "down") and self.frame.line.has_focus:
            event.stop()
            event.prevent_default()
            self.table.action_move(-1 if event.key == "up" else 1)

    def on_run_table_moved(self, event: RunTable.Moved) -> None:
        """Tell about the run under the cursor."""
        self._tell()

    def on_run_table_chosen(self, event: RunTable.Chosen) -> None:
        """Open the run as it was last."""
        self._open(train=False)

    def on_metric_list_chosen(self, event: MetricList.Chosen) -> None:
        """Sort by what was chosen."""
        self.table.focus()
        if event.metric is not None:
            self._look(replace(self.listing, sort=event.metric, is_reversed=False))

    # Keys

    def action_resume(self) -> None:
        """Open the run and go on training."""
        self._open(train=True)

    def action_moments(self) -> None:
        """List the run's checkpoints, to open or to fork it at one."""
        run = self.run_here
        if run is not None:
            self.app.post_message(ShowMoments(run.folder))

    def action_overlay(self) -> None:
        """Lay the run's curves over the plot, or take them away."""
        run = self.run_here
        if run is not None:
            self.table.overlaid ^= {run.name}
            self.table.draw_anew()
            self.app.post_message(OverlayRun(run.folder, run.name in self.table.overlaid))

    def action_mark(self) -> None:
        """Mark the run, or no longer, and go on to the next."""
        run = self.run_here
        if run is not None:
            self.table.marked ^= {run.name}
            self.table.action_move(1)
            self.table.draw_anew()
            self.frame.entitle()

    def action_compare(self) -> None:
        """Compare the marked runs with the oldest of them; one alone, or that under the cursor, with the open run."""
        folders = [run.folder for run in reversed(self.chosen)]
        if len(folders) == 1 and self.open_run is not None and self.open_run.resolve() != folders[0].resolve():
            folders.insert(0, self.open_run)
        if len(folders) > 1:
            self.app.post_message(CompareRuns(tuple(folders)))
        else:
            self.frame.say(["A comparison needs two runs: mark them first (space)."])

    def action_sort(self) -> None:
        """Choose what to sort by; metrics that are not known yet are looked for beside it."""
        self.frame.metrics.open(self.listing.sortable())
        if not self.listing.values.metrics:
            self.run_worker(self._find_metrics, thread=True, group="values")

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._look(replace(self.listing, is_reversed=not self.listing.is_reversed))

    def action_show_archived(self) -> None:
        """Show the archived runs among the others, or no longer."""
        self._look(replace(self.listing, shows_archived=not self.listing.shows_archived))

    def action_tags(self) -> None:
        """Edit the tags of the run, or those that all marked runs have."""
        runs = self.chosen
        if not runs:
            return
        common = set(runs[0].tags).intersection(*(run.tags for run in runs))

        def change(line: str | None) -> None:
            if line is not None:
                wanted = set(line.split())
                self._change(runs, lambda run: tag_run(run.folder, wanted - common, common - wanted))

        self.app.push_screen(TagsDialog([run.name for run in runs], sorted(common)), change)

    def action_archive(self) -> None:
        """Archive the runs, or take them out of the archive if all of them are in it."""
        runs = self.chosen
        archived = not all(run.archived for run in runs)
        self._change(runs, lambda run: archive_run(run.folder, archived))

    def action_rename(self) -> None:
        """Ask for another title."""
        run = self.run_here
        if run is None:
            return

        def rename(title: str | None) -> None:
            if title is not None:
                self._change([run], lambda run: rename_run(run.folder, title))

        self.app.push_screen(RenameDialog(run.name, run.title), rename)

    def action_notes(self) -> None:
        """Edit the run's notes."""
        from tui.screens.notes import NotesScreen

        run = self.run_here
        if run is not None:
            self.app.push_screen(NotesScreen(run.folder, run.title))

    def action_delete(self) -> None:
        """Ask once, then delete the run, or those that are marked."""
        runs = self.chosen
        if not runs:
            return
        if self.open_run is not None and any(run.folder.resolve() == self.open_run.resolve() for run in runs):
            which = "This run" if len(runs) == 1 else "One of these runs"
            self.frame.say([f"▲ {which} is open in the lab; open another one first."])
            return

        def delete(answer: bool | None) -> None:
            if answer:
                self._change(runs, lambda run: delete_run(run.folder, self.runs_folder))

        if len(runs) == 1:
            text = f"Delete the run {runs[0].name}?"
        else:
            named = [f"  {run.name}" for run in runs[:MOST_NAMED]]
            more = [f"  and {len(runs) - MOST_NAMED} more"] if len(runs) > MOST_NAMED else []
            text = "\n".join([f"Delete these {len(runs)} runs?", *named, *more])
        note = "Checkpoints, metrics and samples are gone for good."
        self.app.push_screen(ConfirmDialog("Delete", text, yes="Delete", no="Keep", note=note), delete)

    def action_filter(self) -> None:
        """Find runs."""
        self.set_focus(self.frame.line)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A stroke that is typed is a part of the text."""
        return not isinstance(self.focused, Input) if action == "filter" else True

    def action_leave(self) -> None:
        """Leave the filter, or the list."""
        line = self.frame.line
        if line.has_focus or line.value:
            line.value = ""
            self.table.focus()
        else:
            self.dismiss(None)

    def _open(self, train: bool) -> None:
        run = self.run_here
        if run is not None:
            self.app.post_message(ResumeRun(run.folder, train=train))
            self.dismiss(None)

    # Reading and writing, on threads

    def _read(self) -> None:
        found: list[RunSummary] = []
        began, due = time.monotonic(), FIRST_BATCH_SECONDS
        try:
            for run in read_runs(self.runs_folder):
                found.append(run)
                if time.monotonic() - began > due:
                    self.app.call_later(self._take, tuple(found), False)
                    due *= 2
        except RunError as error:
            self.app.post_message(Notice(str(error), "error"))
        self.app.call_later(self._take, tuple(found), True)

    def _take(self, found: Sequence[RunSummary], is_all: bool) -> None:
        if self.is_attached:
            self.is_read = is_all
            self._look(self.listing.with_runs(found))

    def _look(self, listing: Listing) -> None:
        """Show the runs in another way, once the values that it takes are read."""
        self.listing = listing
        if missing := listing.missing:
            self.frame.entitle("reading …")
            self.run_worker(lambda: self._read_values(listing, missing), thread=True, group="values")
        else:
            self._show()

    def _read_values(self, listing: Listing, columns: list[str]) -> None:
        listing.values.read(listing.runs, columns)
        self.app.call_later(self._values_are_read)

    def _values_are_read(self) -> None:
        if self.is_attached and not self.listing.missing:
            self._show()

    def _find_metrics(self) -> None:
        self.listing.values.read_metrics(self.runs)
        self.app.call_later(self._offer_metrics)

    def _offer_metrics(self) -> None:
        if self.is_attached:
            self.frame.metrics.offer(self.listing.sortable())

    def _change(self, runs: Sequence[RunSummary], change: Callable[[RunSummary], object]) -> None:
        """Change runs one after the other, tell what could not be, and show them as they are then."""

        def work() -> None:
            now: dict[str, RunSummary | None] = {}
            for run in runs:
                try:
                    change(run)
                except RunError as error:
                    self.app.post_message(Notice(str(error), "error"))
                now[run.name] = summarize(run.folder) if is_run(run.folder) else None
            self.app.call_later(self._take_changed, now)

        self.run_worker(work, thread=True, group="change")

    def _take_changed(self, now: dict[str, RunSummary | None]) -> None:
        if self.is_attached:
            self.table.marked -= {name for name, run in now.items() if run is None}
            self._look(self.listing.updated(now))

    def _show(self) -> None:
        self.frame.show(self.listing)
        self._tell()

    def _tell(self) -> None:
        run = self.run_here
        if run is not None:
            self.frame.say(about(run))
        elif self.is_read:
            self.frame.say([self.listing.why_empty()])
