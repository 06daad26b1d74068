"""The hooks pane's widget: a table drawn line by line, a hook in focus, and the keys that change the list."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.events import Blur, Click, Focus, MouseScrollDown, MouseScrollUp, Resize
from textual.reactive import var
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from lmcore.config import HookConfig
from lmcore.protocol.messages import (
    CoreDied,
    DescribeHooks,
    Event,
    HookDescription,
    HookStatistics,
    Rejected,
    StateChanged,
)
from tui.bindings import pane_bindings
from tui.dialogs import AskingDialog, ConfirmDialog
from tui.lab.hook_changes import free_name, moved
from tui.lab.state import LabState
from tui.messages import ChangeHooks, ConfigEdited, Notice, SendCommand, next_request
from tui.panes.hooks.catalogue import CatalogueDialog
from tui.panes.hooks.form import HookForm
from tui.panes.hooks.table import Layout, Shown, Span, explain, heading, lay_out, table_lines
from tui.widgets.pane_title import show_title
from tui.widgets.table_line import table_line

TREND_LENGTH = 48
"""How many of the last effects a trend holds."""

_EMPTY = (
    "No hooks yet.",
    "",
    "A hook changes how the model computes, learns or is judged.",
    "Press a to add one.",
)


class HooksPane(Widget, can_focus=True):
    """The hooks of the run that is open, or else those that the configuration declares for the next one."""

    DEFAULT_CSS = """
    HooksPane {
        padding: 0 1; border-subtitle-color: $text-muted;
        & > .hooks--heading, & > .hooks--about, & > .hooks--note, & > .hooks--off { color: $text-muted; }
        & > .hooks--name, & > .hooks--value { color: $foreground; }
        & > .hooks--on { color: $text-success; text-style: bold; }
        & > .hooks--waits { color: $text-warning; }
        & > .hooks--trend { color: $plot-raw; }
        & > .hooks--focus { background: $panel; text-style: bold; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = pane_bindings("hooks")

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"hooks--{part}"
        for part in ("heading", "about", "note", "off", "name", "value", "on", "waits", "trend", "focus")
    }

    lab: var[LabState] = var(LabState(), init=False)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = 0
        self.of_config: tuple[HookConfig, ...] | None = ()
        self.of_run: tuple[HookConfig, ...] = ()
        self._text = ""
        self._folder = Path()
        self._top = 0
        self._trends: dict[str, deque[float | None]] = {}
        self._drawn: list[Shown] = []
        self._heading: list[Span] = []
        self._lines: list[list[Span]] = []
        self._layout: Layout = lay_out(60, ())
        self._asked: tuple[int, Screen[Any], Callable[[HookDescription], object]] | None = None

    def on_mount(self) -> None:
        """Show what there is."""
        self._draw()

    @property
    def hooks(self) -> tuple[HookConfig, ...]:
        """The hooks that are shown and changed."""
        return self.of_run if self.lab.shows_run else self.of_config or ()

    @property
    def shown(self) -> list[Shown]:
        """The hooks with what the run tells of them."""
        rows = {row.name: row for row in self.lab.seen_hooks} if self.lab.shows_run else {}
        names = [hook.name or f"hooks[{index}]" for index, hook in enumerate(self.hooks)]
        return [
            Shown(name, hook, rows.get(name), self._trends.get(name, ()) if name in rows else ())
            for name, hook in zip(names, self.hooks, strict=True)
        ]

    @property
    def summary(self) -> str:
        """How many hooks there are and how many are on; empty without any."""
        on = sum(hook.enabled for hook in self.hooks)
        return f"{on} of {len(self.hooks)} on" if self.hooks else ""

    def take_config(self, edited: ConfigEdited) -> None:
        """Follow the configuration on the screen."""
        self._text, self._folder = edited.text, edited.path.parent if edited.path is not None else Path()
        if edited.hooks != self.of_config:
            self.of_config = edited.hooks
            self._draw()

    def receive_events(self, events: Sequence[Event]) -> None:
        """Remember effects for the trends; open what waits for a description."""
        for event in events:
            match event:
                case StateChanged(state="preparing"):
                    self._trends.clear()
                case HookStatistics():
                    self._remember(event)
                case HookDescription(request=request) if self._asked is not None and request == self._asked[0]:
                    (_, dialog, take), self._asked = self._asked, None
                    if dialog.is_attached:
                        take(event)
                case Rejected(request=request) if self._asked is not None and request == self._asked[0]:
                    self._give_up()
                    self.post_message(Notice(event.reason, "warning"))
                case CoreDied():
                    self._give_up()
                case _:
                    pass

    def watch_lab(self, old: LabState, new: LabState) -> None:
        """Follow the run's hooks, and what it tells of them."""
        if (old.run, old.changes, old.moment) != (new.run, new.changes, new.moment):
            self.of_run = new.seen_config.hooks if new.seen_config is not None else ()
        before, now = (
            (lab.hooks, lab.hooks_step, lab.run, lab.changes, lab.shows_run, lab.moment) for lab in (old, new)
        )
        if before != now:
            self._draw()

    def _remember(self, statistics: HookStatistics) -> None:
        for row in statistics.rows:
            trend = self._trends.setdefault(row.name, deque(maxlen=TREND_LENGTH))
            trend.append(row.effect if row.acting else None)

    # What is drawn

    def _most_notes(self) -> int:
        return 0 if not self.hooks else 3 if self.size.height >= 14 else 2 if self.size.height >= 9 else 1

    @property
    def _visible(self) -> int:
        """How many hooks fit between the heading and the sentences below."""
        room = self.size.height - 1 - self._most_notes() - (1 if self.size.height > 10 else 0)
        return max(1, room // self._layout.height)

    def _draw(self) -> None:
        """Make the lines anew; the terminal gets only what differs."""
        shown = self._drawn = self.shown
        self.cursor = min(self.cursor, max(0, len(shown) - 1))
        self._layout = lay_out(self.size.width - 2, shown)
        self._top = max(0, min(self._top, self.cursor, len(shown) - self._visible))
        if self.cursor >= self._top + self._visible:
            self._top = self.cursor - self._visible + 1
        self._heading = heading(self._layout)
        self._lines = [
            line
            for one in shown[self._top : self._top + self._visible]
            for line in table_lines(one, self._layout, self.lab.seen_step)
        ]
        parts = [self.summary] if shown else []
        if shown and self.lab.shows_run:
            step = self.lab.hooks_step if self.lab.moment is None else self.lab.moment.step
            parts.append(f"at step {step:,}" if self.lab.seen_hooks else "of the run")
        elif shown:
            parts.append("of the configuration")
        show_title(self, Content("5 Hooks" + (f" ── {' · '.join(parts)}" if parts else "")))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        width, shown = self.size.width, self._drawn
        if not shown:
            return self._empty_line(y, width)
        if y == 0:
            return self._strip([("  ", "heading"), *self._heading], width)
        if y <= len(self._lines):
            index = self._top + (y - 1) // self._layout.height
            is_cursor = index == self.cursor
            first = (y - 1) % self._layout.height == 0
            mark = "▸ " if is_cursor and first else "  "
            return self._strip([(mark, "name"), *self._lines[y - 1]], width, is_cursor and first)
        note = explain(shown[self.cursor], width - 1, self._most_notes())
        line = y - (self.size.height - len(note))
        return self._strip([(note[line], "note")] if 0 <= line < len(note) else [], width)

    def _empty_line(self, y: int, width: int) -> Strip:
        text: tuple[str, ...] = _EMPTY
        if self.of_config is None and not self.lab.shows_run:
            text = ("The configuration cannot be read as it is:", "mend it first (1).")
        row = y - (self.size.height - len(text)) // 2
        return self._strip([(text[row].center(width), "note")] if 0 <= row < len(text) else [], width)

    def _strip(self, spans: Sequence[Span], width: int, is_cursor: bool = False) -> Strip:
        return table_line(self, "hooks", spans, width, is_cursor)

    def on_resize(self, event: Resize) -> None:
        """Lay out for the new size."""
        self._draw()

    def on_focus(self, event: Focus) -> None:
        """Show which hook is in focus."""
        self.refresh()

    def on_blur(self, event: Blur) -> None:
        """No hook is in focus."""
        self.refresh()

    # Keys and mouse

    def action_move(self, by: int) -> None:
        """Put the focus on another hook."""
        self.cursor = min(max(0, self.cursor + by), max(0, len(self.hooks) - 1))
        self._draw()

    def action_switch(self) -> None:
        """Switch the hook in focus on or off."""
        hook = self._chosen()
        if hook is not None:
            self._replace(hook, hook.model_copy(update={"enabled": not hook.enabled}))

    def action_reorder(self, by: int) -> None:
        """Let the hook act earlier or later: hooks of one place act in their listed order."""
        hooks = moved(self.hooks, self.cursor, by)
        if hooks != self.hooks:
            self.cursor += by
            self.post_message(ChangeHooks(hooks))

    def action_remove(self) -> None:
        """Take the hook out of the list, after a question when a run goes on."""
        hook = self._chosen()
        if hook is None:
            return

        def remove(agreed: bool | None = True) -> None:
            if agreed:
                self.post_message(ChangeHooks(tuple(other for other in self.hooks if other != hook)))

        if not self.lab.has_open_run:
            remove()
            return
        question = f"{hook.name or hook.use} is taken out of the run from the next step on."
        note = "What it has learned or counted is lost; switched off (space) it costs nothing and stays."
        self.app.push_screen(ConfirmDialog("Remove", question, yes="Remove it", no="Keep it", note=note), remove)

    def action_add(self) -> None:
        """Choose from the catalogue, fill in the form, and put the new hook at the end of the list."""

        dialog = CatalogueDialog()

        def fill_in(chosen: str | None) -> None:
            described = dialog.described
            if chosen is None or described is None:
                return
            kind, _, use = chosen.partition(" ")
            names = [hook.name for hook in self.hooks]
            name = free_name(use.rpartition(":")[2] or "mine", names)
            first = HookConfig.model_construct(name=name, kind=kind, use=use)  # what cannot stand, the form says
            self.app.push_screen(HookForm("Add a hook", first, described, names, yes="Add"), add)

        def add(hook: HookConfig | None) -> None:
            if hook is not None:
                self.cursor = len(self.hooks)
                self.post_message(ChangeHooks((*self.hooks, hook)))

        self._describe(dialog, dialog.take, fill_in)

    def action_edit(self) -> None:
        """Edit the hook in focus."""
        hook = self._chosen()
        if hook is None:
            return
        names = [other.name for other in self.hooks if other != hook]

        dialog = AskingDialog("Edit a hook")

        def edit(described: HookDescription | None) -> None:
            if described is not None:
                self.app.push_screen(HookForm("Edit a hook", hook, described, names, yes="Change"), change)

        def change(changed: HookConfig | None) -> None:
            if changed is not None and changed != hook:
                self._replace(hook, changed)

        self._describe(dialog, dialog.dismiss, edit)

    def on_click(self, event: Click) -> None:
        """Put the focus on the hook that was clicked; a click on its state switches it, a second one edits it."""
        offset = event.get_content_offset(self)
        if offset is None or not 1 <= offset.y <= len(self._lines):
            return
        line, lines = divmod(offset.y - 1, self._layout.height)
        self.action_move(self._top + line - self.cursor)
        if event.chain == 2 and offset.x >= 10:
            self.action_edit()
        elif offset.x < 8 and lines == 0:
            self.action_switch()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Move down."""
        self.action_move(1)
        event.stop()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Move up."""
        self.action_move(-1)
        event.stop()

    def _chosen(self) -> HookConfig | None:
        if not self.hooks:
            self.post_message(Notice("There is no hook yet: a adds one."))
            return None
        return self.hooks[self.cursor]

    def _replace(self, hook: HookConfig, by: HookConfig) -> None:
        self.post_message(ChangeHooks(tuple(by if other == hook else other for other in self.hooks)))

    def _describe(
        self, dialog: Screen[Any], take: Callable[[HookDescription], object], then: Callable[[Any], None]
    ) -> None:
        """Open a dialog and ask the core what may be used, and where, which the dialog takes; then go on."""
        if self.lab.core != "ready":
            self.post_message(Notice("The core is not ready yet; try again in a moment."))
        elif not self.lab.has_open_run and self.of_config is None:
            self.post_message(Notice("Mend what is wrong with the configuration first (1).", "warning"))
        else:
            self._asked = (next_request(), dialog, take)
            self.app.push_screen(dialog, then)
            text = "" if self.lab.has_open_run else self._text
            self.post_message(SendCommand(DescribeHooks(self._asked[0], text, str(self._folder))))

    def _give_up(self) -> None:
        """Close the dialog that waits for what does not come."""
        if self._asked is not None and self._asked[1].is_active:
            self._asked[1].dismiss(None)
        self._asked = None
