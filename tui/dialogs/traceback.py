"""Something broke: the sentence about it, and the traceback."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from lmcore.protocol.messages import Failed
from tui.dialogs.dialog import paragraph
from tui.dialogs.long_text import ReadingDialog


class TracebackDialog(ReadingDialog[None]):
    """Tell what broke. The last lines, which say where, are in sight at first."""

    DEFAULT_CSS = """
    TracebackDialog > Vertical { border: round $error; }
    TracebackDialog VerticalScroll { max-height: 24; }
    TracebackDialog.-low VerticalScroll { max-height: 9; }
    """

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
