"""Something broke: the sentence about it, and the traceback."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from lmcore.process.messages import Failed
from tui.screens.dialogs.dialog import Dialog, paragraph


class TracebackDialog(Dialog[None]):
    """Tell what broke. The last lines, which say where, are in sight at first."""

    DEFAULT_CSS = """
    TracebackDialog > Vertical { width: 108; border: round $error; }
    TracebackDialog VerticalScroll {
        height: auto; max-height: 24; margin-top: 1; padding: 0 1; background: $panel; scrollbar-size-vertical: 1;
    }
    TracebackDialog.-low VerticalScroll { max-height: 9; }
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
    ]

    title_text = "Something failed"
    hint = "enter closes · ↑↓ read on"
    choices = (("close", "Close"),)

    def __init__(self, failed: Failed) -> None:
        super().__init__()
        self.failed = failed

    def body(self) -> ComposeResult:
        """The sentence, the traceback, and what is safe."""
        yield paragraph(self.failed.message)
        with VerticalScroll(can_focus=False):
            yield paragraph(self.failed.traceback.rstrip("\n"))
        yield paragraph("\nThe run is kept as it was; nothing is lost. The log (l) has this, too.", "note")

    def on_mount(self) -> None:
        """Show the end of the traceback."""
        self.query_one(VerticalScroll).scroll_end(animate=False)

    def action_scroll(self, by: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
