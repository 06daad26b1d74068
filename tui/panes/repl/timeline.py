"""The timeline of the fixed prompt: what the model would have said at each evaluation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.plain_text import shown_text


@dataclass(frozen=True)
class Moment:
    """One evaluation: the step, the prompt, what the model made of it, and the validation loss where it is known."""

    step: int
    prompt: str
    text: str
    loss: float | None = None


def merged(*sources: Iterable[Moment]) -> tuple[Moment, ...]:
    """The moments of several sources by step; of two at one step the later source's, but no loss is forgotten."""
    found: dict[int, Moment] = {}
    for source in sources:
        for moment in source:
            before = found.get(moment.step)
            loss = moment.loss if moment.loss is not None or before is None else before.loss
            found[moment.step] = Moment(moment.step, moment.prompt, moment.text, loss)
    return tuple(found[step] for step in sorted(found))


class MomentList(ScrollView, can_focus=True):
    """A line for each evaluation, with a cursor."""

    DEFAULT_CSS = """
    MomentList {
        height: 40%; max-height: 12; background: transparent; overflow-x: hidden; scrollbar-size-vertical: 1;
        scrollbar-background: $background; scrollbar-color: $primary 40%;
    }
    MomentList > .moments--quiet { color: $text-muted; }
    MomentList > .moments--cursor { background: $panel; color: $foreground; text-style: bold; }
    MomentList:focus > .moments--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
    MomentList:ansi > .moments--quiet { text-style: dim; }
    MomentList:ansi > .moments--cursor { background: ansi_default; color: ansi_default; text-style: underline; }
    MomentList:ansi:focus > .moments--cursor {
        background: ansi_default; color: ansi_default; text-style: bold reverse;
    }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"moments--quiet", "moments--cursor"}

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left,k", "move(-1)", "Earlier", show=False),
        Binding("down,right,j", "move(1)", "Later", show=False),
        Binding("pageup", "move(-10)", "Much earlier", show=False),
        Binding("pagedown", "move(10)", "Much later", show=False),
        Binding("home", "move(-1000000)", "First", show=False),
        Binding("end", "move(1000000)", "Last", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another evaluation."""

    def __init__(self) -> None:
        super().__init__(id="moments")
        self.moments: tuple[Moment, ...] = ()
        self.cursor = 0

    def show(self, moments: tuple[Moment, ...]) -> None:
        """Show these; the cursor stays on its step, or at the end if it was there."""
        here = self.moments[self.cursor].step if self.moments else None
        was_last = self.cursor >= len(self.moments) - 1
        self.moments = moments
        at = next((index for index, moment in enumerate(moments) if moment.step == here), None)
        self.cursor = len(moments) - 1 if was_last or at is None else at
        self.cursor = max(0, self.cursor)
        self._measure()
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move through the evaluations."""
        target = max(0, min(self.cursor + by, len(self.moments) - 1))
        if target != self.cursor:
            self.cursor = target
            self._measure()
            self.refresh()
            self.post_message(self.Moved())

    def on_click(self, event: Click) -> None:
        """Choose a line."""
        self.action_move(event.y + self.scroll_offset.y - self.cursor)

    def on_resize(self, event: Resize) -> None:
        """Keep the cursor in sight."""
        self._measure()

    def render_line(self, y: int) -> Strip:
        """Step, loss, and the beginning of the text."""
        width, base = self.scrollable_content_region.width, self.rich_style
        index = y + self.scroll_offset.y
        if index >= len(self.moments):
            text = (
                "  no evaluation yet: the model is asked the fixed prompt at each"
                if not self.moments and y == 0
                else ""
            )
            return Strip([Segment(text, base + self._style("quiet"))]).adjust_cell_length(width, base)
        moment = self.moments[index]
        loss = "" if moment.loss is None else f"{moment.loss:.3f}"
        is_here = index == self.cursor
        cursor = self._style("cursor") if is_here else Style()
        quiet = Style() if is_here else self._style("quiet")
        lead = f"{'▌' if is_here else ' '}{moment.step:>8,}  {loss:>6}  "
        text = shown_text(moment.prompt + moment.text, one_line=True)[: width * 2]
        strip = Strip([Segment(lead, base + quiet + cursor), Segment(text, base + cursor)])
        return strip.adjust_cell_length(width, base + cursor)

    def _style(self, kind: str) -> Style:
        style = self.get_component_rich_style(f"moments--{kind}")
        return style if kind == "cursor" else Style(color=style.color, dim=style.dim)

    def _measure(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, max(1, len(self.moments)))
        height, top = self.size.height, self.scroll_offset.y
        if height and not top <= self.cursor < top + height:
            self.scroll_to(y=self.cursor if self.cursor < top else self.cursor - height + 1, animate=False, force=True)


class Timeline(Widget):
    """The evaluations, and the whole text of the one under the cursor."""

    DEFAULT_CSS = """
    Timeline { layout: vertical; height: 1fr; }
    Timeline #moment-head { height: 1; color: $text-muted; }
    Timeline VerticalScroll {
        height: 1fr; margin-top: 1; scrollbar-size-vertical: 1;
        scrollbar-background: $background; scrollbar-color: $primary 40%;
    }
    Timeline #moment-text { width: 1fr; height: auto; }
    """

    def compose(self) -> ComposeResult:
        """A headline, the list, the text."""
        yield Static(id="moment-head", markup=False)
        yield MomentList()
        with VerticalScroll(can_focus=False):
            yield Static(id="moment-text", markup=False)

    def show(self, moments: Sequence[Moment]) -> None:
        """Show these evaluations."""
        self.query_one(MomentList).show(tuple(moments))
        self._show_text()

    def on_moment_list_moved(self) -> None:
        """Show the text of the evaluation under the cursor."""
        self._show_text()

    def _show_text(self) -> None:
        found = self.query_one(MomentList)
        if not found.moments:
            self.query_one("#moment-head", Static).update(Content("the fixed prompt at each evaluation · esc closes"))
            self.query_one("#moment-text", Static).update(Content(""))
            return
        moment = found.moments[found.cursor]
        place = f"evaluation {found.cursor + 1} of {len(found.moments)} · ↑↓ move · esc closes"
        head = Content(f"    step     val  {place}")
        self.query_one("#moment-head", Static).update(head, layout=False)
        text = Content.assemble((shown_text(moment.prompt), "dim"), shown_text(moment.text))
        self.query_one("#moment-text", Static).update(text)
        self.query_one(VerticalScroll).scroll_home(animate=False)
