"""The line that names the panes when only one of them is shown."""

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from tui.bindings import PLACES, Place

TABS: tuple[Place, ...] = ("config", "loss", "layers", "repl", "hooks")


class TabBar(Widget):
    """One word for each pane; the open one stands out by brackets and weight, not by colour alone."""

    DEFAULT_CSS = """
    TabBar { height: 1; width: 100%; display: none; }
    """

    class Chosen(Message):
        """A tab was clicked."""

        def __init__(self, place: Place) -> None:
            self.place = place
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._active: Place = "config"

    def show(self, active: Place) -> None:
        """Mark the pane that is open."""
        if active != self._active:
            self._active = active
            self.refresh()

    def render(self) -> Content:
        """The line."""
        parts: list[str | tuple[str, str]] = [" "]
        for place in TABS:
            name = PLACES[place]
            parts.append((f"[{name}]", "bold $primary") if place == self._active else (f" {name} ", "$text-muted"))
            parts.append(" ")
        return Content.assemble(*parts)

    def on_click(self, event: Click) -> None:
        """Open the pane whose name was clicked."""
        column = 1
        for place in TABS:
            width = len(PLACES[place]) + 3
            if column <= event.x < column + width:
                self.post_message(self.Chosen(place))
            column += width
