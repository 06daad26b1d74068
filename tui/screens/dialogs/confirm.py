"""Yes or no."""

from textual.app import ComposeResult

from tui.screens.dialogs.dialog import Dialog, paragraph


class ConfirmDialog(Dialog[bool]):
    """Ask whether to do something. Dismissed with True for yes, False for no, None for escape. No has the focus."""

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

    def key_y(self) -> None:
        """Yes, by its first letter."""
        self.dismiss(True)

    def key_n(self) -> None:
        """No, by its first letter."""
        self.dismiss(False)
