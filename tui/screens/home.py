"""The home screen: four places for five panes at once, or one at a time where the terminal is small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.events import Click, DescendantFocus, Resize
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from lmcore.protocol.messages import Event
from tui.bindings import PLACES, Place
from tui.lab.parts import Listens, ShowsLab
from tui.lab.state import LabState
from tui.messages import Notice
from tui.panes.layers import LayersPane
from tui.panes.loss import LossPane
from tui.widgets.footer_line import FooterLine
from tui.widgets.status_line import StatusLine
from tui.widgets.tab_bar import TABS, TabBar

if TYPE_CHECKING:  # the panes that need the schema are loaded after the first frame
    from tui.panes.config import ConfigPane
    from tui.panes.hooks import HooksPane
    from tui.panes.repl import ReplPane

ALL_PANES_FROM = (120, 36)
"""Columns and rows from which four panes are shown at once."""
SHARED: tuple[Place, Place] = ("layers", "hooks")
"""Two panes that share a place where four are shown: the one that was used last is there."""
SMALLEST = (60, 18)
"""Columns and rows below which a sentence is all there is."""


class HomeScreen(Screen[None]):
    """Composes the panes, gives each the state it shows, and decides which of them are visible."""

    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self.active: Place = "config"
        self.is_zoomed = False
        self.shared: Place = SHARED[0]
        self.config: ConfigPane | None = None  # the panes that need the schema come after the first frame
        self.hooks: HooksPane | None = None
        self.repl: ReplPane | None = None
        self.has_panes = False
        self._last_focus: dict[Place, Widget] = {}
        self._lab = LabState()

    def compose(self) -> ComposeResult:
        """The state above, the panes, the keys below."""
        yield StatusLine()
        yield TabBar()
        with Container(id="panes"):
            yield _Frame("config", "reading the configuration …")
            yield LossPane(id="loss")
            yield LayersPane(id="layers")
            yield _Frame("hooks", "")
            yield _Frame("repl", "")
        yield FooterLine()
        yield Static(id="too-small", markup=False)

    @property
    def loss(self) -> LossPane:
        """The loss pane."""
        return self.query_one(LossPane)

    def pane(self, place: Place) -> Widget:
        """The pane of a place, or the frame that keeps the place for it."""
        return next(pane for pane in self.panes if _place_of(pane) == place)

    @property
    def panes(self) -> Iterable[Widget]:
        """The panes that are there, in their order."""
        return self.query_one("#panes").children

    @property
    def shows_all(self) -> bool:
        """Whether four panes are visible at once."""
        return not (self.has_class("-tabs") or self.is_zoomed)

    async def mount_panes(self, path: Path | None, runs_folder: Path | None) -> ConfigPane:
        """Load the panes that need the schema, put them into their places, and show a configuration.

        `runs_folder`: where runs are; None: where the configuration says.
        """
        from lmcore.config import ConfigError, find_config
        from tui.panes.config import ConfigPane
        from tui.panes.hooks import HooksPane
        from tui.panes.repl import ReplPane

        try:
            path = find_config(str(path or "baseline"))
        except ConfigError as error:
            self.post_message(Notice(str(error), "error"))
        config = ConfigPane(path, runs_folder, id="config")
        other = config.config.other.runs_folder if config.config is not None else "runs"
        self.config, self.hooks = config, HooksPane(id="hooks")
        self.repl = ReplPane(runs_folder or Path(other), id="repl")
        active = self.active  # removing a frame moves the focus on
        for frame, pane in zip(self.query(_Frame), (self.config, self.hooks, self.repl), strict=True):
            pane.display = frame.display
            await self.query_one("#panes").mount(pane, before=frame)
            await frame.remove()
        if config.config is not None:
            self.repl.use_settings(config.config.sampling)
        self.focus_pane(active)
        self.has_panes = True
        return config

    @property
    def is_whole(self) -> bool:
        """Whether its parts are there: not before it is composed, and no longer while the app closes."""
        return self.is_mounted and bool(self.query(StatusLine)) and bool(self.query(FooterLine))

    def show(self, lab: LabState, title: str, source: str, waiting: bool) -> None:
        """Give a state to everything that is visible."""
        self._lab = lab
        self.query_one(StatusLine).show(lab, title, source, waiting)
        self._show_footer()
        for pane in self.panes:
            if (pane.display or pane is self.hooks) and isinstance(pane, ShowsLab):
                pane.lab = lab
        self._show_shared()

    def receive_events(self, events: Sequence[Event]) -> None:
        """Hand a batch from the core to the panes that want to hear it."""
        for pane in self.panes:
            if isinstance(pane, Listens):
                pane.receive_events(events)

    def focus_pane(self, place: Place) -> None:
        """Give a pane the focus, showing it where only one is shown."""
        self.active = place
        if place in SHARED:
            self.shared = place
        self._arrange()
        last = self._last_focus.get(place)
        if last is not None and last.is_attached and last.focusable:
            last.focus()
        else:
            self.pane(place).focus()

    def focus_next_pane(self) -> None:
        """Give the next pane the focus."""
        self.focus_pane(TABS[(TABS.index(self.active) + 1) % len(TABS)])

    def toggle_zoom(self, zoomed: bool | None = None) -> None:
        """Show the active pane alone, or all panes again."""
        self.is_zoomed = not self.is_zoomed if zoomed is None else zoomed
        self._arrange()

    def on_resize(self, event: Resize) -> None:
        """Choose the layout for the size."""
        width, height = event.size
        self.set_class(width < ALL_PANES_FROM[0] or height < ALL_PANES_FROM[1], "-tabs")
        is_too_small = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(is_too_small, "-too-small")
        if is_too_small:
            text = (
                f"lmlab needs at least {SMALLEST[0]} × {SMALLEST[1]} characters; this terminal has {width} × {height}."
            )
            self.query_one("#too-small", Static).update(Content(text))
        self._arrange()

    def on_screen_resume(self) -> None:
        """Catch up after another screen was in front."""
        self._show_footer()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Remember which pane is in use."""
        pane = next((pane for pane in self.panes if pane in event.widget.ancestors_with_self), None)
        if pane is not None:
            self.active = _place_of(pane)
            if self.active in SHARED:
                self.shared = self.active
            self._last_focus[self.active] = event.widget
        self.query_one(TabBar).show(self.active)
        self._show_footer()

    def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        """Open a pane by its tab."""
        self.focus_pane(event.place)

    def _arrange(self) -> None:
        """Show the panes that should be visible, and give those that were hidden the present state."""
        self.set_class(self.is_zoomed, "-zoomed")
        self._show_shared()
        self.query_one(TabBar).show(self.active)
        for pane in self.panes:
            place = _place_of(pane)
            pane.display = place == self.active or (self.shows_all and (place not in SHARED or place == self.shared))
            if pane.display and isinstance(pane, ShowsLab):
                pane.lab = self._lab

    def _show_shared(self) -> None:
        """Name in the border of the one pane the other that can stand in its place."""
        for place, other in (SHARED, SHARED[::-1]):
            summary = self.hooks.summary if self.hooks is not None and other == "hooks" else ""
            text = f"{PLACES[other]}{f' · {summary}' if summary else ''}" if self.shows_all else ""
            pane = self.pane(place)
            if str(pane.border_subtitle or "") != text:
                pane.border_subtitle = Content(text)

    def on_click(self, event: Click) -> None:
        """Change places by a click on the name in the border."""
        for place, other in (SHARED, SHARED[::-1]):
            pane = self.pane(place)
            if event.widget is pane and self.shows_all and event.screen_y == pane.region.bottom - 1:
                self.focus_pane(other)
                return

    def _show_footer(self) -> None:
        from textual.widgets import Input, TextArea

        self.query_one(FooterLine).show(self._lab, self.active, isinstance(self.focused, Input | TextArea))


def _place_of(pane: Widget) -> Place:
    return pane.place if isinstance(pane, _Frame) else next(place for place in TABS if place == pane.id)


class _Frame(Static, can_focus=True):
    """Stands in the place of a pane that is still being loaded."""

    def __init__(self, place: Place, text: str) -> None:
        super().__init__(Content(text), markup=False)
        self.place = place
        self.border_title = Content(PLACES[place])
