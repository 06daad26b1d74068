"""All ablations of a runs folder: how each stands and what came out. The newest first."""

import time
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from lmcore.experiments.ablation.listing import AblationSummary, list_ablations
from lmcore.experiments.runs.listing import RunError
from lmcore.protocol.results import AblationResult
from tui.lab.ablation import outcome
from tui.lab.numbers import rough_duration
from tui.messages import AskAblation
from tui.plain_text import shown_text
from tui.widgets.choice_table import ChoiceTable

_MARKS = {"running": "●", "finished": "✔", "interrupted": "◐", "damaged": "▲"}

_COLUMNS = ("name", "status", "arms × seeds", "runs in", "differ", "when")

_EMPTY = (
    "No ablations yet. n sets one up: a baseline and arms that differ from it in one value each, over the same seeds, "
    "and at the end a verdict on each."
)


class AblationsScreen(ModalScreen[None]):
    """The list. Enter opens one, n sets up another."""

    DEFAULT_CSS = """
    AblationsScreen {
        align: center middle;
        #frame {
            width: 112; max-width: 100%; height: 70%; min-height: 16; max-height: 100%;
            border: round $primary; padding: 0 1; background: $surface;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        #said { height: auto; max-height: 5; color: $text-muted; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,b", "leave", "Close"),
        Binding("n", "new", "New"),
        Binding("g", "go_on", "Go on"),
    ]

    def __init__(self, runs_folder: Path) -> None:
        super().__init__()
        self.runs_folder = runs_folder
        self.found: list[AblationSummary] = []
        self._is_read = False

    def compose(self) -> ComposeResult:
        """The table, and about the ablation under the cursor."""
        frame = Vertical(id="frame")
        frame.border_title = Content(shown_text(f"Ablations in {self.runs_folder}", one_line=True))
        frame.border_subtitle = Content("enter open · n new · g go on · esc")
        with frame:
            yield ChoiceTable()
            yield Static(id="said", markup=False)

    def on_mount(self) -> None:
        """Make the columns and begin to read."""
        table = self.query_one(ChoiceTable)
        for name in _COLUMNS:
            table.add_column(Text(name), key=name)
        table.focus()
        self._say("reading …")
        self.run_worker(self._read, thread=True, exclusive=True)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell about the ablation under the cursor."""
        self._tell()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open the ablation under the cursor."""
        if self._here is not None:
            self.app.post_message(AskAblation("show", self._here.folder))

    def action_new(self) -> None:
        """Set up another ablation."""
        self.app.post_message(AskAblation("new"))

    def action_go_on(self) -> None:
        """Go on with the ablation under the cursor."""
        here = self._here
        if here is None:
            return
        if here.status == "interrupted":
            self.app.post_message(AskAblation("go on", here.folder))
        else:
            self._say(f"{here.name} is {here.status}, so there is nothing to go on with.")

    def action_leave(self) -> None:
        """Close the list."""
        self.dismiss(None)

    @property
    def waits(self) -> bool:
        """Whether the keys of its rows have to wait."""
        return not self._is_read

    @property
    def _here(self) -> AblationSummary | None:
        row = self.query_one(ChoiceTable).cursor_row
        return self.found[row] if 0 <= row < len(self.found) else None

    def _read(self) -> None:
        try:
            found, problem = list_ablations(self.runs_folder), ""
        except RunError as error:
            found, problem = [], str(error)
        self.app.call_later(self._take, found, problem)

    def _take(self, found: list[AblationSummary], problem: str) -> None:
        if not self.is_attached:
            return
        self._is_read = True
        self.found = found
        table = self.query_one(ChoiceTable)
        for one in found:
            table.add_row(*cells(one, time.time()), key=one.folder.name)
        self._tell()
        if problem:
            self._say(f"▲ {problem}")

    def _tell(self) -> None:
        here = self._here
        if here is None:
            self._say(_EMPTY if self._is_read else "reading …")
        elif here.result is None:
            self._say(f"▲ {here.note}")
        else:
            steps = f"{here.result.steps:,} steps"
            self._say(f"{here.result.base}, {steps}: {outcome(here.result)}\n{here.folder}")

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(Content(shown_text(text)))


def cells(one: AblationSummary, now: float) -> list[Text]:
    """An ablation as one row of the table, as plain text."""
    result = one.result
    numbers = ("–",) * 3 if result is None else _numbers(result)
    ago = f"{rough_duration(max(0.0, now - one.changed))} ago" if one.changed else "–"
    return [
        Text(shown_text(one.name, one_line=True)[:44]),
        Text(f"{_MARKS[one.status]} {one.status}", style="bold" if one.status == "damaged" else ""),
        *(Text(number, justify="right") for number in (*numbers, ago)),
    ]


def _numbers(result: AblationResult) -> tuple[str, ...]:
    there = sum(len(arm.losses) for arm in result.arms)
    said = [arm.verdict.outcome for arm in result.arms if arm.verdict is not None]
    return (
        f"{len(result.arms)} × {len(result.seeds)}",
        f"{there} of {len(result.arms) * len(result.seeds)}",
        f"{len(said) - said.count('no difference')} of {len(said)}" if said else "–",
    )
