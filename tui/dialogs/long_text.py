"""A dialog with a text that may be longer than the screen: arrows and page keys read on."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from tui.dialogs.dialog import Answer, Dialog


class ReadingDialog(Dialog[Answer]):
    """Its body holds one VerticalScroll, which cannot be focused: the keys of the dialog move it."""

    DEFAULT_CSS = """
    ReadingDialog > Vertical { width: 108; }
    ReadingDialog VerticalScroll {
        height: auto; margin-top: 1; padding: 0 1; background: $panel; scrollbar-size-vertical: 1;
    }
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]

    def action_scroll(self, by: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
