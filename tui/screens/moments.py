"""The moments of a run that one can go back to: look at one, or fork the run there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DataTable, Static

from lmcore.protocol.messages import (
    Event,
    ListMoments,
    MomentList,
    MomentSource,
    Rejected,
    Rewind,
    StateChanged,
    ValueChanged,
)
from tui.lab.history import History, read_history
from tui.lab.numbers import short_number
from tui.lab.state import LabState
from tui.messages import ForkRun, Notice, ResumeRun, SendCommand, next_request
from tui.panes.loss.marks import mark_name
from tui.panes.loss.picture import TRAIN, VALIDATION
from tui.panes.loss.records import read_past_changes
from tui.plain_text import shown_text
from tui.widgets.choice_table import ChoiceTable

ASK_AGAIN = 1.0
"""Seconds between two looks at which moments there are while the run trains on."""

_COLUMNS = ("", "step", "kept in", "train", "val", "changed from here on")
_PLACES: dict[MomentSource, str] = {"memory": "memory", "checkpoint": "checkpoint", "beginning": "the beginning"}


@dataclass(frozen=True)
class MomentRow:
    """One line of the list. Losses in nats per token, where they were measured at this very step."""

    step: int
    place: str
    train: float | None
    validation: float | None
    changes: tuple[str, ...]  # what was changed from here on, before the next later line

    def cells(self, is_seen: bool) -> list[Text]:
        """The line as plain text."""
        return [
            Text("◂" if is_seen else " "),
            Text(f"{self.step:,}", justify="right"),
            Text(self.place),
            *(Text("–" if loss is None else short_number(loss), justify="right") for loss in self.losses),
            Text(", ".join(self.changes)),
        ]

    @property
    def losses(self) -> tuple[float | None, float | None]:
        """Training and validation loss."""
        return self.train, self.validation


def rows_of(found: MomentList, history: History, changes: Sequence[ValueChanged]) -> list[MomentRow]:
    """The lines for the moments that there are, the latest first; the present, if any, above all."""
    moments = [(step, _PLACES[source]) for step, source in found.moments]
    if found.present is not None:
        moments.append((found.present, "the present"))
    rows: list[MomentRow] = []
    for step, place in reversed(moments):
        later = rows[-1].step if rows else None
        made = [change for change in changes if step <= change.step and (later is None or change.step < later)]
        train, validation = _loss(history, TRAIN, step), _loss(history, VALIDATION, step)
        rows.append(MomentRow(step, place, train, validation, tuple(map(mark_name, made))))
    return rows


def _loss(history: History, name: str, step: int) -> float | None:
    series = history.series.get(name)
    point = series.at(step) if series is not None else None
    return point[1] if point is not None and point[0] == step else None


class MomentsScreen(ModalScreen[None]):
    """The moments of the open run, as long as it is open, or the checkpoints of another one, from its folder."""

    DEFAULT_CSS = """
    MomentsScreen {
        align: center middle;
        #moments-frame {
            width: 92; max-width: 100%; height: 80%; min-height: 16; max-height: 100%;
            border: round $primary; padding: 0 1; background: $surface;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        #moments-about { height: 2; color: $text-muted; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,m,ctrl+g", "leave", "Close"),
        Binding("f", "fork", "Fork"),
        Binding("n", "now", "Present"),
    ]

    def __init__(
        self,
        lab: LabState | None = None,
        history: History | None = None,
        changes: Sequence[ValueChanged] = (),
        folder: Path | None = None,
    ) -> None:
        """The open run of `lab`, with what is known of it, or the run in `folder`."""
        super().__init__()
        self.run_folder = folder or Path(lab.run.folder if lab is not None and lab.run is not None else "")
        title = lab.run.title or lab.run.name if lab is not None and lab.run is not None else self.run_folder.name
        self.title_text = shown_text(title, one_line=True)
        self.is_open_run = folder is None
        self.rows: list[MomentRow] = []
        self.waits = True  # for the core's first answer
        self.seen = lab.moment.step if lab is not None and lab.moment is not None else None  # None: the present
        self.is_training = lab is not None and lab.is_training
        self._history = history or History()
        self._changes = changes
        self._request = 0

    @property
    def row_here(self) -> MomentRow | None:
        """The moment under the cursor."""
        row = self.query_one(ChoiceTable).cursor_row
        return self.rows[row] if 0 <= row < len(self.rows) else None

    def compose(self) -> ComposeResult:
        """The table, and about the moment under the cursor."""
        frame = Vertical(id="moments-frame")
        frame.border_title = Content(f"{'Back to' if self.is_open_run else 'Checkpoints of'} {self.title_text}")
        keys = "enter look · f fork · n present · esc" if self.is_open_run else "enter open there · f fork · esc"
        frame.border_subtitle = Content(keys)
        with frame:
            yield ChoiceTable()
            yield Static(id="moments-about", markup=False)

    def on_mount(self) -> None:
        """Make the columns and ask the core what there is."""
        table = self.query_one(ChoiceTable)
        for name in _COLUMNS:
            table.add_column(Text(name), key=name or "seen")
        table.focus()
        self._ask()
        if self.is_open_run:
            self.set_interval(ASK_AGAIN, self._ask_again)
        else:
            self.run_worker(self._read, thread=True)

    def receive_events(self, events: Iterable[Event]) -> None:
        """Take the answer."""
        for event in events:
            match event:
                case MomentList(request=request) if request == self._request:
                    self.waits = False
                    self._fill(rows_of(event, self._history, self._changes))
                case Rejected(request=request) if request == self._request:
                    self.waits = False
                    self._say(f"▲ {event.reason}")
                case StateChanged() if self.is_open_run:
                    self.is_training = event.state == "running"
                    self.seen = None if event.moment is None else event.moment.step
                case _:
                    pass

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell about the moment under the cursor."""
        self._tell()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Look at the moment, or open the run there."""
        row = self.row_here
        if row is None:
            return
        if self.is_open_run:
            is_present = event.cursor_row == 0
            self.app.post_message(SendCommand(Rewind() if is_present else Rewind(row.step, nearest=True)))
        else:
            self.app.post_message(ResumeRun(self.run_folder, at=str(row.step)))
        self.dismiss(None)

    def action_fork(self) -> None:
        """Fork the run at the moment."""
        row = self.row_here
        if row is not None:
            self.dismiss(None)
            self.app.post_message(ForkRun(self.run_folder, row.step, self.title_text))

    def action_now(self) -> None:
        """Look at the present again."""
        if self.is_open_run:
            self.app.post_message(SendCommand(Rewind()))
            self.dismiss(None)

    def action_leave(self) -> None:
        """Close the list."""
        self.dismiss(None)

    def _ask_again(self) -> None:
        """Follow a run that trains on, until the person has gone to a line: then nothing moves under the cursor."""
        if self.is_training and self.query_one(ChoiceTable).cursor_row == 0:
            self._ask()

    def _ask(self) -> None:
        self._request = next_request()
        run = "" if self.is_open_run else str(self.run_folder.resolve())
        self.app.post_message(SendCommand(ListMoments(self._request, run)))

    def _read(self) -> None:
        """Read the curves of a run that is not open."""
        try:
            history, (changes, problem) = read_history(self.run_folder), read_past_changes(self.run_folder)
        except (ValueError, OSError):
            return  # its checkpoints can be opened all the same
        if problem:
            self.app.post_message(Notice(f"{self.run_folder.name}: {problem}", "warning"))
        self.app.call_later(self._take, history, changes)

    def _take(self, history: History, changes: Sequence[ValueChanged]) -> None:
        self._history, self._changes = history, changes
        if self.is_attached:
            self._ask()

    def _fill(self, rows: list[MomentRow]) -> None:
        table, here = self.query_one(ChoiceTable), self.row_here
        is_first = not self.rows
        if rows == self.rows:
            return
        wanted = self.seen if is_first or here is None else here.step
        if not is_first and table.cursor_row == 0 and self.is_open_run:
            wanted = None  # on the present, which moves on
        self.rows = rows
        table.clear()
        for number, row in enumerate(rows):
            is_seen = row.step == self.seen or (self.is_open_run and self.seen is None and number == 0)
            table.add_row(*row.cells(is_seen), key=str(row.step))
        at = 0 if wanted is None else min(range(len(rows)), key=lambda i: abs(rows[i].step - wanted), default=0)
        table.move_cursor(row=at)
        self._tell()

    def _tell(self) -> None:
        row = self.row_here
        if row is None:
            self._say("No checkpoint yet, and no step in memory." if self._request else "")
            return
        if not self.is_open_run:
            self._say("enter opens the run as it was there; f makes a new run that goes on from there.")
            return
        present = self.rows[0].step
        if row.step == present:
            text = "The present: where training goes on."
        else:
            text = f"{present - row.step:,} step{'' if present - row.step == 1 else 's'} before the present."
            text += " Training is paused while you look." if self.is_training else ""
        self._say(f"{text}\nenter shows it in all panes, until F5 or n; f begins a new run there.")

    def _say(self, text: str) -> None:
        self.query_one("#moments-about", Static).update(Content(shown_text(text)))
