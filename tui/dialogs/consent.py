"""Whether files of a person's own may run: where each is, its digest, and every line of it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from lmcore.protocol.messages import OwnFile
from tui.dialogs.dialog import paragraph
from tui.dialogs.long_text import ReadingDialog


class ConsentDialog(ReadingDialog[bool]):
    """Show the files as plain text and ask. Dismissed with True only for a yes; No has the focus."""

    DEFAULT_CSS = """
    ConsentDialog > Vertical { border: round $warning; }
    ConsentDialog VerticalScroll { max-height: 28; }
    ConsentDialog.-low > Vertical { padding: 0 2; }
    ConsentDialog.-low VerticalScroll { max-height: 12; margin-top: 0; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "choose('yes')", show=False),
        Binding("n", "choose('no')", show=False),
    ]

    title_text = "Run this code?"
    hint = "y yes · n no · ↑↓ read on · esc cancels"
    choices = (("no", "No"), ("yes", "Yes, run it"))

    def __init__(self, files: Sequence[OwnFile]) -> None:
        super().__init__()
        self.files = tuple(files)

    def body(self) -> ComposeResult:
        """The question, and each file with its place and its lines."""
        what = "this file of Python code" if len(self.files) == 1 else f"these {len(self.files)} files of Python code"
        yield paragraph(f"The configuration names {what}. It can do whatever you can do on this machine.")
        yield paragraph("Your answer is remembered for exactly these lines.", "note")
        with VerticalScroll(can_focus=False):
            for file in self.files:
                yield paragraph(f"{file.path}\nsha256 {file.digest}\n", "note")
                yield paragraph((file.text.rstrip("\n") or "(an empty file)") + "\n")

    def answer(self, choice: str) -> bool:
        """Whether the answer is yes."""
        return choice == "yes"
