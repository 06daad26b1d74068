"""One ablation: its runs as a grid that fills, and below it the table that says what came out."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import DataTable, Static

from lmcore.experiments.ablation.listing import AblationSummary
from lmcore.protocol.messages import (
    AblationBegan,
    AblationCell,
    AblationEnded,
    AblationStands,
    CoreDied,
    Event,
    Progress,
)
from tui.lab.ablation import AblationState, advance_ablation
from tui.messages import AskAblation, Notice, OverlayRun, ResumeRun
from tui.plain_text import shown_text
from tui.screens.ablation.grid import Cell, cells_of
from tui.screens.ablation.shown import Shown, head, notes, shown_live, shown_summary
from tui.screens.ablation.verdicts import verdict_lines

TELLING = (Progress, AblationBegan, AblationCell, AblationStands, AblationEnded, CoreDied)
"""The events that change what is shown."""

_GROWING = ("table", "notes")
"""The places whose height follows their text; all else is drawn without laying the screen out anew."""

_CELL = 10
"""Columns of one run in the grid."""

_MARK = "▸ "
"""Stands before the arm under the cursor."""


class Grid(DataTable[Text]):
    """The runs; arrows go from one to the next."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--waiting",
        "grid--training",
        "grid--saved",
        "grid--failed",
        "grid--done",
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "cursor_up", "Up", show=False),
        Binding("j", "cursor_down", "Down", show=False),
    ]


class AblationScreen(Screen[None]):
    """Shows an ablation of earlier days, or, without one, that of this session as it goes on."""

    DEFAULT_CSS = """
    AblationScreen {
        background: $background;
        #ablation {
            width: 100%; height: 100%; border: round $primary; padding: 0 1;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        #head { height: 1; width: 100%; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        Grid {
            height: auto; max-height: 50%; margin-top: 1; background: $background;
            scrollbar-size: 1 1; scrollbar-background: $background; scrollbar-color: $primary 40%;
        }
        Grid:focus { background-tint: transparent; }
        Grid > .datatable--header { background: $background; color: $text-muted; text-style: none; }
        .grid--waiting { color: $text-muted; }
        .grid--training { color: $success; text-style: bold; }
        .grid--saved { color: $warning; }
        .grid--failed { color: $error; text-style: bold; }
        .grid--done { color: $foreground; }
        #about { height: 2; width: 100%; margin: 1 0; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        #results { height: 1fr; scrollbar-size-vertical: 1; }
        #table { width: 100%; height: auto; text-wrap: nowrap; }
        #notes { width: 100%; height: auto; margin-top: 1; color: $text-muted; }
        &.-low Grid, &.-low #notes { margin-top: 0; }
        &.-low #about { margin: 0; }
    }
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("o", "overlay", "Overlay"),
        Binding("s,f8", "stop", "Stop"),
        Binding("g,f5", "go_on", "Go on"),
        Binding("a", "list", "All"),
        Binding("n", "new", "New"),
        Binding("pageup", "read(-8)", show=False),
        Binding("pagedown", "read(8)", show=False),
    ]

    def __init__(
        self,
        runs_folder: Path,
        state: AblationState | None = None,
        summary: AblationSummary | None = None,
        overlaid: Iterable[str] = (),
    ) -> None:
        """`overlaid`: names of the runs whose curves lie over the loss plot already."""
        super().__init__()
        self.runs_folder = runs_folder
        self.state = state
        self.summary = summary
        self.overlaid = set(overlaid)
        self.preparing = ""
        self._shown: Shown | None = None
        self._cells: dict[tuple[str, int], Cell] = {}
        self._words: dict[tuple[str, int], str] = {}  # what the grid's cells say
        self._lines: list[int] = []  # how many lines the table's head and each arm take
        self._said: dict[str, Content] = {}  # what stands in each place: drawn again only when it differs
        self._has_news = False

    def compose(self) -> ComposeResult:
        """What is compared, the grid, about the run under the cursor, and the table."""
        frame = Vertical(id="ablation")
        with frame:
            yield Static(id="head", markup=False)
            yield Grid(id="grid", cursor_type="cell", zebra_stripes=False)
            yield Static(id="about", markup=False)
            with VerticalScroll(id="results", can_focus=False):
                yield Static(id="table", markup=False)
                yield Static(id="notes", markup=False)

    def on_mount(self) -> None:
        """Show what is known."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw_anew())
        self.query_one(Grid).focus()
        self.show()

    def on_resize(self, event: Resize) -> None:
        """Lay the grid and the table out anew."""
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._words = {}
        self.call_after_refresh(self.show)

    def receive_events(self, events: Iterable[Event]) -> None:
        """Follow the ablation that goes on; what is new is drawn when the lab's budget allows (`show_received`)."""
        if self.summary is not None:
            return
        for event in events:
            self.state = advance_ablation(self.state, event)
            if isinstance(event, Progress) and self.state is None:
                share = "" if event.fraction is None else f" {event.fraction:.0%}".replace("%", " %")
                self.preparing = f"{event.what}{share}"
            self._has_news |= isinstance(event, TELLING)

    def show_received(self) -> None:
        """Draw what the core told since the last time."""
        if self._has_news:
            self.show()

    def show(self) -> None:
        """Draw what has changed."""
        self._has_news = False
        if not self.is_attached or not self.query(Grid):
            return
        if self.summary is not None:
            self._shown = shown_summary(self.summary)
        elif self.state is not None:
            self._shown = shown_live(self.state)
        self._show_frame()
        if self._shown is None:
            self._say("about", f"preparing: {self.preparing}" if self.preparing else "preparing …")
            return
        self._show_grid(self._shown)
        self._show_about()
        self._show_results(self._shown)

    # What can be done

    def on_data_table_cell_highlighted(self, event: DataTable.CellHighlighted) -> None:
        """Tell about the run under the cursor."""
        if self._shown is not None:
            self._show_about()
            self._show_results(self._shown)
            self._follow_cursor()

    async def on_data_table_cell_selected(self, event: DataTable.CellSelected) -> None:
        """Open the run under the cursor in the lab."""
        cell = self._cell_here
        if cell is None or not cell.run:
            self._tell("This run has not begun, so there is nothing to open yet.")
        elif cell.is_training:
            self._tell("This run is training; it opens when it is finished. o lays its curve over the loss plot.")
        else:
            self.app.post_message(ResumeRun(self.runs_folder / cell.run))
            await self.run_action("app.pane('loss')")

    def action_overlay(self) -> None:
        """Lay the run's curve over the loss plot, or take it away."""
        cell = self._cell_here
        if cell is None or not cell.run:
            self._tell("This run has not begun, so it has no curve yet.")
            return
        self.overlaid ^= {cell.run}
        on = cell.run in self.overlaid
        self.app.post_message(OverlayRun(self.runs_folder / cell.run, on))
        self._tell(f"{cell.run} {'lies over' if on else 'is gone from'} the loss plot (2).")
        self.show()

    def action_stop(self) -> None:
        """Stop the ablation that goes on."""
        if self.summary is None and (self.state is None or self.state.is_going):
            self.app.post_message(AskAblation("stop"))
        else:
            self._tell("This ablation is not going here, so there is nothing to stop.")

    def action_go_on(self) -> None:
        """Go on with an ablation that was stopped."""
        if self._shown is None or self._shown.status == "running":
            self._tell("It is going.")
        elif self._shown.status == "finished":
            self._tell("It is finished, so there is nothing to go on with.")
        else:
            self.app.post_message(AskAblation("go on", self._shown.folder))

    def action_list(self) -> None:
        """Go to the list of all ablations."""
        self.app.post_message(AskAblation("list"))

    def action_new(self) -> None:
        """Set up another ablation."""
        self.app.post_message(AskAblation("new"))

    def action_read(self, by: int) -> None:
        """Read on in the table."""
        self.query_one("#results").scroll_relative(y=by, animate=False)

    def action_leave(self) -> None:
        """Leave; what goes on goes on."""
        self.dismiss(None)

    # Drawing

    @property
    def _here(self) -> tuple[str, int] | None:
        """The arm and the seed under the cursor."""
        shown, at = self._shown, self.query_one(Grid).cursor_coordinate
        if shown is None or not (at.row < len(shown.arms) and at.column < len(shown.seeds)):
            return None
        return shown.arms[at.row], shown.seeds[at.column]

    @property
    def _cell_here(self) -> Cell | None:
        here = self._here
        return None if here is None else self._cells.get(here)

    def _tell(self, text: str) -> None:
        self.app.post_message(Notice(text))

    def _say(self, place: str, text: str | Content) -> None:
        content = text if isinstance(text, Content) else Content(shown_text(text))
        kept = self._said.get(place)
        if kept is None or not kept.is_same(content):
            self._said[place] = content
            self.query_one(f"#{place}", Static).update(content, layout=place in _GROWING)

    def _show_frame(self) -> None:
        shown = self._shown
        frame = self.query_one("#ablation")
        frame.border_title = Content(shown_text(f"Ablation {shown.name if shown else ''}", one_line=True))
        keys = ["↑↓←→ run", "enter open", "o overlay"]
        if self.summary is None and (shown is None or shown.status == "running"):
            keys.append("s stop")
        elif shown is not None and shown.can_go_on:
            keys.append("g go on")
        keys += ["n new", "a all", "esc back"]
        frame.border_subtitle = Content(" · ".join(keys))
        self._say("head", "" if shown is None else head(shown, time.monotonic()))

    def _show_grid(self, shown: Shown) -> None:
        grid = self.query_one(Grid)
        self._cells = cells_of(shown.arms, shown.seeds, shown.live, shown.result)
        words = {at: f"{'◆ ' if cell.run in self.overlaid else ''}{cell.word[0]}" for at, cell in self._cells.items()}
        if set(words) != set(self._words):
            at = grid.cursor_coordinate
            grid.clear(columns=True)
            for seed in shown.seeds:
                grid.add_column(Text(f"seed {seed}", justify="right"), key=str(seed), width=_CELL)
            for arm in shown.arms:
                row = [self._text(words[arm, seed], self._cells[arm, seed]) for seed in shown.seeds]
                grid.add_row(*row, key=arm, label=self._label(arm))
            grid.move_cursor(row=at.row, column=at.column)
        else:
            for (arm, seed), word in words.items():
                if word != self._words[arm, seed]:
                    grid.update_cell(arm, str(seed), self._text(word, self._cells[arm, seed]))
        self._words = words

    def _label(self, arm: str) -> Text:
        label = Text(shown_text(arm, one_line=True))
        label.truncate(max(14, self.size.width * 3 // 10), overflow="ellipsis")
        return label

    def _text(self, word: str, cell: Cell) -> Text:
        grid = self.query_one(Grid)
        return Text(word, grid.get_component_rich_style(f"grid--{cell.word[1]}", partial=True), justify="right")

    def _show_about(self) -> None:
        here, cell, shown = self._here, self._cell_here, self._shown
        if shown is not None and not shown.arms:
            self._say("about", f"▲ {shown.reason}")
        elif here is not None and cell is not None:
            run = f"\n{cell.run}" if cell.run else "\n"
            self._say("about", f"{here[0]}, seed {here[1]} · {cell.about}{run}")

    def _show_results(self, shown: Shown) -> None:
        if shown.result is None:
            self._say("table", "The table of what came out fills as runs finish." if shown.arms else "")
            self._say("notes", "")
            return
        width = max(20, self.query_one("#results").size.width - len(_MARK))
        here = self._here
        parts: list[str | tuple[str, str]] = []
        self._lines = []
        for row, lines in enumerate(verdict_lines(shown.result, width)):
            is_here = row > 0 and here is not None and shown.result.arms[row - 1].name == here[0]
            self._lines.append(len(lines))
            for number, line in enumerate(lines):
                mark = (_MARK, "bold $primary") if is_here and number == 0 else " " * len(_MARK)
                parts += [mark, *line, "\n"]
        self._say("table", Content.assemble(*parts[:-1]))
        self._say("notes", "\n".join(notes(shown)))

    def _follow_cursor(self) -> None:
        """Let the table show the arm under the cursor."""
        row = self.query_one(Grid).cursor_coordinate.row + 1
        if row < len(self._lines):
            place = Region(0, sum(self._lines[:row]), 1, self._lines[row])
            self.query_one("#results").scroll_to_region(place, animate=False)
