"""Choosing a metric by name: a line that filters the names seen so far as one types."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from tui.plain_text import shown_text

LOSSES = "loss (training and validation)"


def matching_names(names: Sequence[str], typed: str) -> list[str]:
    """The names that hold every word that was typed, in any case and order. The losses together come first."""
    words = typed.lower().split()
    return [name for name in ("", *names) if all(word in (name or LOSSES).lower() for word in words)]


class MetricList(Vertical):
    """A list that opens over the plot."""

    DEFAULT_CSS = """
    MetricList {
        display: none; layer: above; dock: top; width: 60; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; padding: 0 1;
        Input { border: none; height: 1; padding: 0; background: $panel; }
        OptionList { border: none; height: auto; max-height: 10; padding: 0; background: $panel; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "close", "Close")]

    class Chosen(Message):
        """A metric was chosen; the empty name means the losses. None: nothing was chosen."""

        def __init__(self, metric: str | None) -> None:
            self.metric = metric
            super().__init__()

    def __init__(self, has_losses: bool = True) -> None:
        """`has_losses`: offer both losses together, under the empty name."""
        super().__init__()
        self._has_losses = has_losses
        self._names: Sequence[str] = ()
        self._matching: list[str] = []

    def compose(self) -> ComposeResult:
        """The line and the names."""
        yield Input(placeholder="a part of a metric's name", compact=True)
        yield OptionList(markup=False, compact=True)

    def open(self, names: Sequence[str]) -> None:
        """Show the list and take the keys."""
        self._names = names
        self.display = True
        line = self.query_one(Input)
        line.value = ""
        self._fill("")
        line.focus()

    def _fill(self, typed: str) -> None:
        self._matching = [name for name in matching_names(self._names, typed) if name or self._has_losses]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(Content(shown_text(name or LOSSES, one_line=True))) for name in self._matching])
        if self._matching:
            options.highlighted = 0

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter."""
        event.stop()
        self._fill(event.value)

    def on_key(self, event: Key) -> None:
        """Let the arrows move through the names while one types."""
        if event.key in ("up", "down") and self.query_one(Input).has_focus:
            event.stop()
            event.prevent_default()
            options = self.query_one(OptionList)
            (options.action_cursor_up if event.key == "up" else options.action_cursor_down)()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the highlighted name."""
        event.stop()
        highlighted = self.query_one(OptionList).highlighted
        if highlighted is not None and highlighted < len(self._matching):
            self._close(self._matching[highlighted])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the name that was clicked."""
        event.stop()
        self._close(self._matching[event.option_index])

    def action_close(self) -> None:
        """Choose nothing."""
        self._close(None)

    def _close(self, metric: str | None) -> None:
        self.display = False
        self.post_message(self.Chosen(metric))
