"""Yes or no."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.dialogs.dialog import Dialog, paragraph


class ConfirmDialog(Dialog[bool]):
    """Ask whether to do something. Dismissed with True for yes, False for no, None for escape. No has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [("y", "choose('yes')", "Yes"), ("n", "choose('no')", "No")]

    def __init__(self, title: str, text: str, yes: str = "Yes", no: str = "No", note: str = "") -> None:
        super().__init__()
        self.title_text = title
        self.text = text
        self.note = note
        self.choices = (("no", no), ("yes", yes))

    def body(self) -> ComposeResult:
        """The question, and what it means."""
        yield paragraph(self.text)
        if self.note:
            yield paragraph(f"\n{self.note}", "note")

    def answer(self, choice: str) -> bool:
        """Whether the answer is yes."""
        return choice == "yes"
