"""One line of text: a new name, a path to save to."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui.dialogs.dialog import Dialog, paragraph
from tui.plain_text import shown_text


class AskTextDialog(Dialog[str]):
    """Ask for one line of text. Dismissed with it, or None.

    `problem_with` returns a sentence when a text cannot be taken, and "" when it can. `warning_about` returns one
    to know before enter is pressed (that a file will be replaced), or "", and `meaning_of` what a right text comes to.
    They are shown as one types. Where the text `may_be_empty`, an empty line is an answer too.
    """

    DEFAULT_CSS = """
    AskTextDialog Input { margin-top: 1; }
    AskTextDialog #verdict { width: 100%; height: auto; min-height: 1; color: $text-warning; }
    """

    hint = "enter accepts · esc cancels"

    def __init__(
        self,
        title: str,
        text: str,
        value: str = "",
        *,
        yes: str = "Save",
        problem_with: Callable[[str], str] = lambda _: "",
        warning_about: Callable[[str], str] = lambda _: "",
        meaning_of: Callable[[str], str] = lambda _: "",
        may_be_empty: bool = False,
    ) -> None:
        super().__init__()
        self.title_text = title
        self.text = text
        self.value = shown_text(value, one_line=True)
        self.problem_with = problem_with
        self.warning_about = warning_about
        self.meaning_of = meaning_of
        self.may_be_empty = may_be_empty
        self.choices = (("cancel", "Cancel"), ("yes", yes))

    def body(self) -> ComposeResult:
        """The question, the line, and the verdict on it."""
        yield paragraph(self.text)
        yield Input(self.value, compact=True, select_on_focus=False)
        yield Static("", id="verdict", markup=False)

    def first_focus(self) -> Widget:
        """The line of text."""
        return self.query_one(Input)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong with the text, if anything, or what it means."""
        value, verdict = event.value.strip(), Content("")
        if value and (sentence := self.problem_with(value) or self.warning_about(value)):
            verdict = Content(f"▲ {shown_text(sentence)}")
        elif value and (sentence := self.meaning_of(value)):
            verdict = Content.styled(shown_text(sentence), "$text-muted")
        self.query_one("#verdict", Static).update(verdict)

    def on_input_submitted(self) -> None:
        """Accept the text if it can be taken."""
        self._accept()

    def choose(self, choice: str) -> None:
        """Accept the text, or cancel."""
        if choice == "yes":
            self._accept()
        else:
            self.dismiss(None)

    def _accept(self) -> None:
        value = self.query_one(Input).value.strip()
        if (value or self.may_be_empty) and not self.problem_with(value):
            self.dismiss(value)
