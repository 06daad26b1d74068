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
from tui.widgets.option_arrows import move_while_typing


def matching_names(names: Sequence[str], typed: str, first: str = "") -> list[str]:
    """The names that hold every word that was typed, in any case and order. The empty name, shown as `first`, leads."""
    words = typed.lower().split()
    offered = ("", *names) if first else names
    return [name for name in offered if all(word in (name or first).lower() for word in words)]


class MetricList(Vertical):
    """A list that opens over what is below it. `first`: what the empty name is called that leads; empty: none does."""

    DEFAULT_CSS = """
    MetricList {
        display: none; layer: above; dock: top; width: 60; max-width: 100%; height: auto; max-height: 100%;
        background: $panel; padding: 0 1;
        Input { border: none; height: 1; padding: 0; background: $panel; }
        OptionList {
            border: none; height: auto; max-height: 10; padding: 0; background: $panel; scrollbar-size: 1 1;
            scrollbar-background: $panel; scrollbar-color: $primary 40%;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "close", "Close")]

    class Chosen(Message):
        """A metric was chosen, or the empty name. None: nothing was chosen."""

        def __init__(self, metric: str | None) -> None:
            self.metric = metric
            super().__init__()

    def __init__(self, first: str = "") -> None:
        super().__init__()
        self._first = first
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

    def offer(self, names: Sequence[str]) -> None:
        """Show more names, found since it was opened, without disturbing what is typed."""
        if self.display and list(names) != list(self._names):
            self._names = names
            self._fill(self.query_one(Input).value)

    def _fill(self, typed: str) -> None:
        self._matching = matching_names(self._names, typed, self._first)
        options = self.query_one(OptionList)
        options.clear_options()
        shown = (shown_text(name or self._first, one_line=True) for name in self._matching)
        options.add_options([Option(Content(text)) for text in shown])
        if self._matching:
            options.highlighted = 0
        else:
            why = "No metric has this in its name" if self._names else "No metric is recorded yet"
            options.add_option(Option(why, disabled=True))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter."""
        event.stop()
        self._fill(event.value)

    def on_key(self, event: Key) -> None:
        """Let the arrows move through the names while one types."""
        move_while_typing(event, self.query_one(Input), self.query_one(OptionList))

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
