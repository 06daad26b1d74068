"""Stands where a dialog will, which needs to know something from the core first."""

from typing import Any

from textual.app import ComposeResult

from tui.dialogs.dialog import Dialog, paragraph


class AskingDialog(Dialog[Any]):
    """Opens at once, and is dismissed with the core's answer. Keys wait for what comes then; escape gives up."""

    hint = "esc cancels"
    waits = True

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title_text = title

    def body(self) -> ComposeResult:
        """What it waits for."""
        yield paragraph("Asking the core …", "note")
