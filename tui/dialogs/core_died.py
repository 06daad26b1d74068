"""The core's process is gone: how it ended, its last lines, and what can be done."""

import signal
from typing import Literal

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from lmcore.protocol.messages import CoreDied
from tui.dialogs.dialog import Dialog, paragraph

_LAST_LINES = 40


def ending(exit_code: int | None) -> str:
    """How a process ended, in words: its exit code, or the signal that ended it."""
    if exit_code is None:
        return "It does not answer any more; its exit code is not known."
    if exit_code >= 0:
        return f"It ended with exit code {exit_code}."
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        return f"It was ended by signal {-exit_code}."
    also = ", as happens when memory runs out" if name == "SIGKILL" else ""
    return f"It was ended by signal {-exit_code} ({name}{also})."


class CoreDiedDialog(Dialog[Literal["restart", "close"]]):
    """Tell how the core ended. Dismissed with "restart" or "close" (or None)."""

    DEFAULT_CSS = """
    CoreDiedDialog > Vertical { width: 88; border: round $error; }
    CoreDiedDialog VerticalScroll { height: auto; max-height: 14; margin-top: 1; padding: 0 1; background: $panel; }
    """

    hint = "enter chooses · esc closes"
    title_text = "The core is gone"

    def __init__(self, died: CoreDied) -> None:
        super().__init__()
        self.died = died
        restart = "Restart from the last checkpoint" if died.run else "Restart the core"
        self.choices = (("restart", restart), ("close", "Close"))

    def body(self) -> ComposeResult:
        """How it ended, what is safe, its last lines."""
        yield paragraph(f"The process that holds the model is gone. {ending(self.died.exit_code)}")
        if self.died.run:
            yield paragraph(f"\n{self.died.run} can go on from its last checkpoint; its metrics are on disk.", "note")
        if self.died.log_tail:
            with VerticalScroll():
                yield paragraph("\n".join(self.died.log_tail[-_LAST_LINES:]))
        else:
            yield paragraph("\nIt printed nothing.", "note")

    def on_mount(self) -> None:
        """Show the end of the last lines."""
        for box in self.query(VerticalScroll):
            box.scroll_end(animate=False)

    def answer(self, choice: str) -> Literal["restart", "close"]:
        """The button's meaning."""
        return "restart" if choice == "restart" else "close"
