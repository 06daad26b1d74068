"""All keys on one page, made from the table of bindings."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.bindings import PLACES, Place, entries, shown_keys

_LEFT: tuple[Place, ...] = ("everywhere",)


def help_text(place: Place) -> Content:
    """The keys of one place: a heading, then a line for each entry."""
    found = entries(place)
    width = max((len(shown_keys(entry)) for entry in found), default=0)
    parts: list[str | tuple[str, str]] = [(f"{PLACES[place]}\n", "bold $primary")]
    for entry in found:
        parts += [(f"  {shown_keys(entry):<{width}}", "bold $foreground"), f"   {entry.help}\n"]
    return Content.assemble(*parts)


class HelpScreen(ModalScreen[None]):
    """Shows what can be done, in two columns where there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,f1,q,enter", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """A box with everything that works everywhere, and beside it what works in each pane."""
        box = Vertical(id="help")
        box.border_title = "Keys"
        box.border_subtitle = "esc closes · F-keys work while typing, too · the mouse does as well"
        with box, VerticalScroll(), Horizontal():
            with Vertical():
                for place in _LEFT:
                    yield Static(help_text(place), markup=False)
            with Vertical():
                for place in PLACES:
                    if place not in _LEFT and entries(place):
                        yield Static(help_text(place), markup=False)

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()
