"""Why a new run makes several changes at once: what they are, and a line for the reason."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from tui.dialogs.ask_text import AskTextDialog
from tui.dialogs.dialog import paragraph


class ReasonDialog(AskTextDialog):
    """Ask for the reason. Dismissed with it, or None: then the run is not made."""

    DEFAULT_CSS = """
    ReasonDialog > Vertical { width: 84; border: round $warning; }
    ReasonDialog VerticalScroll {
        height: auto; max-height: 7; margin: 1 0; padding-left: 1; scrollbar-size-vertical: 1;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "scroll(-4)", show=False),
        Binding("pagedown", "scroll(4)", show=False),
    ]

    def __init__(self, against: str, differences: Sequence[str]) -> None:
        text = (
            f"The new run differs from {against} in {len(differences)} changes of what is learned, so their effects "
            "could not be told apart:"
        )
        super().__init__("More than one change", text, yes="Start it so")
        self.differences = tuple(differences)

    def body(self) -> ComposeResult:
        """The question, the changes, and the line."""
        question, line, verdict = super().body()
        yield question
        with VerticalScroll(can_focus=False):
            yield paragraph("\n".join(f"• {words}" for words in self.differences))
        yield paragraph("If it is to be so, say why; that is recorded with the run, and shown for ever.", "note")
        yield line
        yield verdict

    def action_scroll(self, by: int) -> None:
        """Read on, or back."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
