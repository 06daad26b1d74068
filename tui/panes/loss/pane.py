"""The loss pane's widget: a legend, the plot, the list of metrics, and the keys that change what is shown."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from lmcore.experiments.comparison.axes import AXES
from lmcore.protocol.messages import Event, Rewind
from tui.bindings import pane_bindings
from tui.lab.state import LabState
from tui.messages import CompareRuns, Notice, SendCommand
from tui.panes.loss.legend import legend, readings, title
from tui.panes.loss.picture import Choice, axis_span, make_picture, reading_at
from tui.panes.loss.records import Install, Records
from tui.panes.loss.view import View
from tui.widgets.metric_list import MetricList
from tui.widgets.pane_title import show_title
from tui.widgets.plot import Picture, Plot


class LossPane(Widget, can_focus=True):
    """Shows the losses of the open run, with other runs behind it, or any other metric."""

    DEFAULT_CSS = """
    LossPane { layout: vertical; layers: base above; padding: 0 1; }
    LossPane #legend { height: 1; width: 100%; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    LossPane Plot { height: 1fr; width: 100%; }
    LossPane #empty { height: 1fr; width: 100%; content-align: center middle; text-align: center; color: $text-muted; }
    """

    BINDINGS: ClassVar[list[BindingType]] = pane_bindings("loss")

    lab: var[LabState] = var(LabState(), init=False)

    class Read(Message):
        """A run's file has been read, or cannot be: then `problem` says why."""

        def __init__(self, install: Install, problem: str) -> None:
            self.install = install
            self.problem = problem
            super().__init__()

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.choice = Choice()
        self.records = Records(lambda install, problem: self.post_message(self.Read(install, problem)))
        self.cursor: float | None = None  # set by the keys: a position on the x axis
        self._hovered: float | None = None
        self._is_stale = True
        self._legend = Content("")

    def compose(self) -> ComposeResult:
        """The legend or the reading, the plot, and what stands in its place before there is anything to draw."""
        yield Static(id="legend", markup=False)
        yield Plot(self._make_picture)
        yield Static(id="empty", markup=False)
        yield MetricList("loss (training and validation)")

    def on_mount(self) -> None:
        """Show the empty state."""
        self._show()

    def receive_events(self, events: Sequence[Event]) -> None:
        """Take what arrived into the history; it is drawn with the next state."""
        self._is_stale = self.records.take(events) or self._is_stale

    def watch_lab(self, old: LabState, new: LabState) -> None:
        """Draw what is new."""
        if old.run is not new.run and (old.run is None or new.run is None or old.run.folder != new.run.folder):
            self.choice = replace(self.choice, view=View())
            self.cursor = None
            self._is_stale = True
        if self._is_stale or (old.changes, old.state, old.moment) != (new.changes, new.state, new.moment):
            self._show()

    def on_loss_pane_read(self, event: Read) -> None:
        """Draw what was read from a file."""
        event.stop()
        event.install()
        if event.problem:
            self.post_message(Notice(event.problem, "error"))
        self._show()

    def overlay(self, folder: Path, on: bool) -> None:
        """Draw another run behind the open one, or no longer."""
        self.records.overlay(folder, on)
        self._show()

    def set_smoothing(self, smoothing: float) -> None:
        """Smooth with another weight."""
        if smoothing != self.choice.smoothing:
            self._choose(smoothing=smoothing)

    @property
    def _floor(self) -> float | None:
        return self.lab.run.floor if self.lab.run else None

    def _make_picture(self, columns: int, rows: int) -> Picture | None:
        changes = self.records.changes(self.lab.changes)
        seen = self.lab.moment.step if self.lab.moment is not None else None
        history, others = self.records.history, self.records.others
        return make_picture(history, others, self.choice, columns, changes, self._floor, seen)

    def _show(self) -> None:
        self._is_stale = False
        plot = self.query_one(Plot)
        is_empty = not self.records.history.series and not self.records.others
        plot.display = not is_empty
        empty = self.query_one("#empty", Static)
        empty.display = is_empty
        if is_empty:
            empty.update(Content(_what_to_do(self.lab)))
        plot.redraw()
        self._show_texts()

    def _show_texts(self) -> None:
        history = self.records.history
        seen = self.lab.moment.step if self.lab.moment is not None else None
        show_title(self, title(self.choice, history, self._floor, seen))
        position = self.cursor if self.cursor is not None else self._hovered
        self.query_one(Plot).move_cursor(position)
        if position is not None:
            changes = self.records.changes(self.lab.changes)
            read = reading_at(history, self.records.others, self.choice, position, changes)
            text = readings([*read, ("enter", "looks at the model there")] if self.cursor is not None else read)
        elif self.query_one(Plot).display:
            text = legend(self.choice, history, self.records.others, self._floor is not None)
        else:
            text = Content("")
        if text != self._legend:
            self._legend = text
            self.query_one("#legend", Static).update(text, layout=False)

    def _choose(self, **changes: object) -> None:
        self.choice = replace(self.choice, **changes)  # type: ignore[arg-type]
        self._show()

    def _span(self) -> tuple[float, float]:
        return axis_span(self.records.history, self.records.others, self.choice.axis)

    def action_axis(self) -> None:
        """Count steps, tokens or time; the same part of the run stays in sight."""
        self.cursor = None
        self._choose(axis=AXES[(AXES.index(self.choice.axis) + 1) % len(AXES)], view=View())

    def action_log_axis(self) -> None:
        """Change between a logarithmic and a linear axis."""
        self._choose(log_y=not self.choice.log_y)

    def action_zoom_by(self, factor: float) -> None:
        """See a smaller or a larger part, around the cursor where there is one."""
        self._choose(view=self.choice.view.zoomed(*self._span(), factor, self.cursor))

    def action_pan(self, direction: int) -> None:
        """Move the cursor, or else the window."""
        if self.cursor is None:
            self._choose(view=self.choice.view.panned(*self._span(), direction / 4))
            return
        left, right = self.choice.view.window(*self._span())
        plot = self.query_one(Plot)
        self.cursor = min(max(self.cursor + direction * (right - left) / plot.plot_width, left), right)
        self._show_texts()

    def action_everything(self) -> None:
        """See the whole run again."""
        self._choose(view=View())

    def action_cursor(self) -> None:
        """Read values with a cursor, or no longer."""
        first, last = self._span()
        self.cursor = None if self.cursor is not None else min(self.choice.view.window(first, last)[1], last)
        self._show_texts()

    def action_look_back(self) -> None:
        """Look at the model as it was at the cursor's step."""
        if self.cursor is None:
            self.post_message(Notice("Put the cursor on a step first (c, then the arrows)."))
            return
        step = max(0, round(self.records.history.step_at(self.cursor, self.choice.axis)))
        self.post_message(SendCommand(Rewind(step, nearest=True)))

    def action_leave(self) -> None:
        """Leave the cursor."""
        self.cursor = None
        self._show_texts()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the pane's only while there is a cursor to leave."""
        return self.cursor is not None if action == "leave" else True

    def action_compare(self) -> None:
        """Compare the open run with those that are drawn behind it."""
        own = [Path(self.lab.run.folder)] if self.lab.run else []
        self.post_message(CompareRuns((*own, *(other.folder for other in self.records.others))))

    def action_filter(self) -> None:
        """Choose a metric by name."""
        names = self.records.history.names
        if not names:
            self.post_message(Notice("There are no metrics yet: start training first (F5)."))
            return
        self.query_one(MetricList).open(names)

    def on_metric_list_chosen(self, event: MetricList.Chosen) -> None:
        """Show the metric that was chosen."""
        event.stop()
        self.focus()
        if event.metric is not None:
            self._choose(metric=event.metric)

    def on_plot_hovered(self, event: Plot.Hovered) -> None:
        """Read the values under the mouse."""
        event.stop()
        if event.x != self._hovered:
            self._hovered = event.x
            self._show_texts()

    def on_plot_zoomed(self, event: Plot.Zoomed) -> None:
        """Zoom with the wheel."""
        event.stop()
        self._choose(view=self.choice.view.zoomed(*self._span(), event.factor, event.x))

    def on_plot_dragged(self, event: Plot.Dragged) -> None:
        """Move the window with the mouse."""
        event.stop()
        self._choose(view=self.choice.view.panned(*self._span(), event.share))


def _what_to_do(lab: LabState) -> str:
    """The sentence that stands where the curves will be."""
    if lab.state == "preparing":
        return "The run is being prepared.\nThe first losses appear in a moment."
    if lab.state == "running":
        return "The first losses appear in a moment."
    if lab.core == "dead":
        return "The core is gone. Press F5 to start it again."
    if lab.state in ("paused", "finished"):
        return "Press F5 to train on." if lab.state == "paused" else "This run has no metrics."
    return "Press F5 to start training.\n\nThe loss appears here, step by step."
