"""Quitting while a run is going."""

from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.dialogs.dialog import Dialog, paragraph


class QuitDialog(Dialog[Literal["save", "stay"]]):
    """Ask what becomes of the run that is going. Dismissed with "save" (stop it, save it, quit) or "stay" (or None)."""

    BINDINGS: ClassVar[list[BindingType]] = [("s", "choose('save')", "Stop and save")]

    choices = (("stay", "Stay"), ("save", "Stop and save"))
    hint = "enter chooses · esc stays"
    title_text = "Quit"

    def __init__(self, run: str, step: int, max_steps: int) -> None:
        super().__init__()
        self.run = run
        self.step = step
        self.max_steps = max_steps

    def body(self) -> ComposeResult:
        """What is going on."""
        yield paragraph(f"The run {self.run} is going: step {self.step:,} of {self.max_steps:,}.")
        yield paragraph(
            "\nIts step is finished, a checkpoint is saved, and it can be resumed from there at any time.", "note"
        )

    def answer(self, choice: str) -> Literal["save", "stay"]:
        """The button's meaning."""
        return "save" if choice == "save" else "stay"
