"""All keys on one page, made from the table of bindings."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.bindings import PLACES, Place, entries, shown_keys

_COLUMNS: tuple[tuple[Place, ...], ...] = (("everywhere", "layers", "hooks"), ("config", "loss", "repl"))
"""Which places stand in which column, so that both are about as long."""


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

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (104, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,f1,q,enter", "dismiss", "Close")]

    def compose(self) -> ComposeResult:
        """A box with a list of keys for each place."""
        box = Vertical(id="help")
        box.border_title = "Keys"
        box.border_subtitle = "esc closes · F-keys work while typing, too · the mouse does as well"
        with box, VerticalScroll(), Horizontal():
            for places in _COLUMNS:
                with Vertical():
                    for place in places:
                        yield Static(help_text(place), markup=False)

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()
