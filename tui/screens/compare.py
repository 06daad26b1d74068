"""Runs compared: their curves and differences, what differs and where they part, and samples side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from lmcore.experiments.comparison.axes import AXES
from lmcore.experiments.comparison.result import Comparison, compare
from lmcore.experiments.comparison.samples import sample_steps, samples_at
from lmcore.experiments.runs.folder import RunError
from tui.lab.history import History
from tui.messages import Notice
from tui.panes.comparison.facts import facts
from tui.panes.comparison.legends import curves_title, difference_legend, overlay_legend, samples_title
from tui.panes.comparison.pictures import (
    DrawnDifference,
    difference_picture,
    drawn_differences,
    drawn_runs,
    overlay_picture,
    shown_span,
    values_at,
)
from tui.panes.comparison.samples import side_by_side
from tui.panes.loss.legend import readings
from tui.panes.loss.picture import Choice, OtherRun, axis_span
from tui.panes.loss.view import View
from tui.screens.home import ALL_PANES_FROM
from tui.widgets.metric_list import MetricList
from tui.widgets.plot import Picture, Plot

PARTS = {"curves": "1 Curves", "facts": "2 Facts", "samples": "3 Samples"}
"""The parts of the screen and their titles."""

KEYS = "/ metric · x axis · y log · c cursor · +- zoom · ←→ samples · tab part · f first · r read again · esc closes"
FEW_KEYS = "/ metric · x axis · y log · c cursor · +- zoom · ←→ samples · f first · r read"
"""The keys in a line, where there is less room."""


@dataclass(frozen=True)
class Shown:
    """What was worked out for one choice of runs, metric and axis."""

    comparison: Comparison
    runs: Sequence[OtherRun]
    choice: Choice
    differences: Sequence[DrawnDifference]


class CompareScreen(ModalScreen[None]):
    """Reads the runs, and works out differences, on a thread; the first of the runs is what the others are compared
    with. Where the terminal is small, one part is shown at a time."""

    DEFAULT_CSS = """
    CompareScreen {
        background: $background;
        layers: base above;
        #compare-tabs { display: none; height: 1; width: 100%; }
        #compare-keys { height: 1; width: 100%; color: $text-muted; padding: 0 1; }
        #compare-parts {
            height: 1fr; layout: grid; grid-size: 2 2; grid-columns: 1fr 1fr; grid-rows: 3fr 2fr;
            & > * {
                border: round $lab-border; border-title-color: $text-muted; padding: 0 1; height: 100%;
                scrollbar-size: 1 1; scrollbar-background: $background; scrollbar-color: $primary 40%;
                &:focus, &:focus-within {
                    border: round $primary; border-title-color: $foreground; border-title-style: bold;
                    background-tint: transparent;
                }
            }
        }
        #curves { row-span: 2; }
        Plot { width: 100%; height: 3fr; }
        #difference { height: 2fr; }
        .compare--legend { height: auto; max-height: 3; width: 100%; color: $text-muted; }
        #facts Static, #samples Static { width: 100%; height: auto; }
        &.-tabs #compare-parts { grid-size: 1 1; grid-columns: 1fr; grid-rows: 1fr; }
        &.-tabs #curves { row-span: 1; }
        &.-tabs #compare-tabs { display: block; }
        MetricList { offset: 2 2; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close"),
        Binding("x", "axis", "Axis"),
        Binding("y", "log_axis", "Log"),
        Binding("slash", "metric", "Metric"),
        Binding("plus,equals_sign", "zoom(0.5)", "Closer"),
        Binding("minus", "zoom(2.0)", "Wider"),
        Binding("0", "zoom(0.0)", "Everything"),
        Binding("f", "first", "Another first run"),
        Binding("r", "read_again", "Read again"),
        Binding("1", "part('curves')", "Curves"),
        Binding("2", "part('facts')", "Facts"),
        Binding("3", "part('samples')", "Samples"),
        Binding("tab", "next_part", "Next part"),
        Binding("c", "cursor", "Cursor"),
        Binding("left", "move(-1)", "Earlier samples, or the cursor to the left"),
        Binding("right", "move(1)", "Later samples, or the cursor to the right"),
        Binding("shift+left", "move(-10)", "The cursor far to the left"),
        Binding("shift+right", "move(10)", "The cursor far to the right"),
    ]

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self.folders = tuple(folders)
        self.shown: Shown | None = None
        self.part = "curves"
        self.sample_step: int | None = None
        self.cursor: float | None = None  # set by the keys: a position on the x axis
        self._hovered: float | None = None
        self._choice: Choice | None = None  # what is asked for; it is shown when it has been worked out

    def compose(self) -> ComposeResult:
        """The parts, and the keys below."""
        yield Static(id="compare-tabs", markup=False)
        with Container(id="compare-parts"):
            with _Curves(id="curves"):
                yield Static("reading …", id="curves-legend", classes="compare--legend", markup=False)
                yield Plot(self._overlay, id="overlay")
                yield Static(id="difference-legend", classes="compare--legend", markup=False)
                yield Plot(self._difference, id="difference")
            with VerticalScroll(id="facts"):
                yield Static(markup=False)
            with VerticalScroll(id="samples"):
                yield Static(markup=False)
        yield Static(id="compare-keys", markup=False)
        yield MetricList()

    def on_mount(self) -> None:
        """Begin to read."""
        for part, title in PARTS.items():
            self.query_one(f"#{part}").border_title = Content(title)
        self.action_part("curves")
        self.action_read_again()

    def on_resize(self, event: Resize) -> None:
        """Choose the layout for the size."""
        width, height = event.size
        self.set_class(width < ALL_PANES_FROM[0] or height < ALL_PANES_FROM[1], "-tabs")
        self.query_one("#compare-keys", Static).update(Content(KEYS if width >= len(KEYS) + 2 else FEW_KEYS))
        self._arrange()
        self.call_after_refresh(self._show_texts)

    # Reading and working out, on a thread

    def action_read_again(self) -> None:
        """Read the runs, which may have gone on."""
        self.run_worker(self._read, thread=True, exclusive=True)

    def _read(self) -> None:
        try:
            comparison = compare(self.folders)
            shown = self._work_out(comparison, drawn_runs(comparison), self._choice or Choice(comparison.metric))
        except RunError as error:
            self.app.call_later(self._refuse, str(error))
        else:
            self.app.call_later(self._take, shown)

    def _refuse(self, problem: str) -> None:
        self.app.post_message(Notice(problem, "error"))
        self.dismiss(None)

    @staticmethod
    def _work_out(comparison: Comparison, runs: Sequence[OtherRun], choice: Choice) -> Shown:
        for run in runs:
            run.history.smoothed(choice.metric, choice.smoothing)  # is kept, so that drawing need not wait for it
        found = comparison.differences(choice.metric, choice.axis, choice.smoothing)
        return Shown(comparison, runs, choice, drawn_differences(found))

    def _choose(self, choice: Choice) -> None:
        """Show another metric or axis, as soon as its differences have been worked out."""
        shown = self.shown
        self._choice = choice
        if shown is None:
            return

        def work() -> None:
            self.app.call_later(self._take, self._work_out(shown.comparison, shown.runs, choice))

        self.run_worker(work, thread=True, exclusive=True)

    def _take(self, shown: Shown) -> None:
        if self.is_attached and (self._choice is None or self._choice == shown.choice):
            self.shown, self._choice = shown, shown.choice
            self._show_texts()
            for plot in self.query(Plot):
                plot.redraw()

    # Showing

    def _overlay(self, columns: int, rows: int) -> Picture | None:
        return overlay_picture(self.shown.runs, self.shown.choice, columns) if self.shown else None

    def _difference(self, columns: int, rows: int) -> Picture | None:
        if self.shown is None:
            return None
        choice = self.shown.choice
        return difference_picture(self.shown.differences, choice.axis, shown_span(self.shown.runs, choice), columns)

    def _show_texts(self) -> None:
        shown = self.shown
        if shown is None:
            return
        self.query_one("#curves").border_title = curves_title(PARTS["curves"], shown.choice)
        self._show_cursor()
        self.query_one("#difference-legend", Static).update(difference_legend(shown.differences))
        page, said = self.query_one("#facts"), self.query_one("#samples")
        differences = [one.difference for one in shown.differences]
        text = facts(shown.comparison, differences, shown.choice.metric, shown.choice.axis, _room(page))
        page.query_one(Static).update(text)
        samples = samples_at(shown.comparison.runs, self.sample_step)
        styles = {run.letter: f"$plot-{run.style}" for run in shown.runs}
        said.query_one(Static).update(side_by_side(samples, styles, _room(said)))
        said.border_title = samples_title(PARTS["samples"], samples, sample_steps(shown.comparison.runs))

    def _show_cursor(self) -> None:
        """Show where values are read, and these in the place of the legend."""
        if self.shown is None:
            return
        position = self.cursor if self.cursor is not None else self._hovered
        for plot in self.query(Plot):
            plot.move_cursor(position)
        text = overlay_legend(self.shown.comparison)
        if position is not None:
            text = readings(values_at(self.shown.runs, self.shown.differences, self.shown.choice, position))
        self.query_one("#curves-legend", Static).update(text)

    def _arrange(self) -> None:
        one = self.has_class("-tabs")
        names = [f"[{title}]" if part == self.part else f" {title} " for part, title in PARTS.items()]
        self.query_one("#compare-tabs", Static).update(Content(f" {'  '.join(names)}"))
        for part in PARTS:
            self.query_one(f"#{part}").display = part == self.part or not one

    # Keys

    def action_part(self, part: str) -> None:
        """Go to a part."""
        self.part = part
        self._arrange()
        self.query_one(f"#{part}").focus()
        self.call_after_refresh(self._show_texts)

    def action_next_part(self) -> None:
        """Go to the next part."""
        parts = list(PARTS)
        self.action_part(parts[(parts.index(self.part) + 1) % len(parts)])

    def action_axis(self) -> None:
        """Count steps, tokens or time."""
        if self._choice is not None:
            axis = AXES[(AXES.index(self._choice.axis) + 1) % len(AXES)]
            self.cursor = None
            self._choose(replace(self._choice, axis=axis, view=View()))

    def action_log_axis(self) -> None:
        """Change between a logarithmic and a linear axis."""
        if self._choice is not None:
            self._choose(replace(self._choice, log_y=not self._choice.log_y))

    def action_zoom(self, factor: float) -> None:
        """See a smaller or a larger part of the axis, up to its end; everything again for the factor 0."""
        self._zoom(factor)

    def _zoom(self, factor: float, around: float | None = None) -> None:
        if self.shown is not None and self._choice is not None:
            first, last = axis_span(History(), self.shown.runs, self._choice.axis)
            view = self._choice.view.zoomed(first, last, factor, around) if factor else View()
            self._choose(replace(self._choice, view=view))

    def action_first(self) -> None:
        """Compare with the next run instead of the first."""
        self.folders = (*self.folders[1:], *self.folders[:1])
        self.action_read_again()

    def action_metric(self) -> None:
        """Choose a metric by name."""
        if self.shown is not None:
            names = {name for run in self.shown.comparison.runs for name in run.curves.names}
            self.query_one(MetricList).open(sorted(names))

    def on_metric_list_chosen(self, event: MetricList.Chosen) -> None:
        """Show the metric that was chosen."""
        event.stop()
        self.query_one(f"#{self.part}").focus()
        if event.metric is not None and self._choice is not None:
            self._choose(replace(self._choice, metric=event.metric))

    def action_cursor(self) -> None:
        """Read values with a cursor, or no longer."""
        if self.shown is not None:
            self.cursor = None if self.cursor is not None else shown_span(self.shown.runs, self.shown.choice)[1]
            self._show_cursor()

    def action_move(self, by: int) -> None:
        """Move the cursor, or else show the samples of an earlier or a later step."""
        if self.shown is None:
            return
        if self.cursor is not None:
            left, right = shown_span(self.shown.runs, self.shown.choice)
            width = self.query_one("#overlay", Plot).plot_width
            self.cursor = min(max(self.cursor + by * (right - left) / width, left), right)
            self._show_cursor()
            return
        if steps := sample_steps(self.shown.comparison.runs):
            here = steps.index(self.sample_step) if self.sample_step in steps else len(steps) - 1
            self.sample_step = steps[min(max(here + by, 0), len(steps) - 1)]
            self._show_texts()

    def on_plot_hovered(self, event: Plot.Hovered) -> None:
        """Read the values under the mouse."""
        event.stop()
        if event.x != self._hovered:
            self._hovered = event.x
            self._show_cursor()

    def on_plot_zoomed(self, event: Plot.Zoomed) -> None:
        """Zoom with the wheel."""
        event.stop()
        self._zoom(event.factor, event.x)

    def action_leave(self) -> None:
        """Leave the cursor, or close the screen."""
        if self.cursor is None:
            self.dismiss(None)
        else:
            self.action_cursor()


class _Curves(Vertical, can_focus=True):
    """The plots, which take the focus together."""


def _room(page: Widget) -> int:
    """Columns that a page has for its text, beside a scrollbar whether it is there yet or not."""
    return max(20, page.scrollable_content_region.width - (0 if page.show_vertical_scrollbar else 1))
