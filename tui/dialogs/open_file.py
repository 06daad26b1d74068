"""Choosing a configuration file: a list of the known ones, and a line for any other path."""

from collections.abc import Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lmcore.places import at_home, is_file, shown_path
from tui.dialogs.dialog import Dialog, paragraph
from tui.plain_text import shown_text
from tui.widgets.option_arrows import move_while_typing


class OpenFileDialog(Dialog[Path]):
    """Choose a file among `paths`, filtered as one types, or type the path of another. Dismissed with the path."""

    DEFAULT_CSS = """
    OpenFileDialog Input { margin: 1 0; }
    OpenFileDialog OptionList { height: auto; max-height: 12; border: none; padding: 0; background: transparent; }
    OpenFileDialog #verdict { height: 1; color: $text-warning; }
    """

    title_text = "Open a configuration"
    hint = "↑↓ choose · enter opens · esc cancels"
    choices = (("cancel", "Cancel"), ("open", "Open"))

    def __init__(self, paths: Sequence[Path], current: Path | None = None) -> None:
        super().__init__()
        self.paths = list(paths)
        self.current = current
        self.matching: list[Path] = []

    def body(self) -> ComposeResult:
        """The line that filters or names a path, and the list."""
        yield paragraph("Choose one, or type any path:")
        yield Input(placeholder="filter, or a path", compact=True)
        yield OptionList(markup=False, compact=True)
        yield Static("", id="verdict", markup=False)

    def first_focus(self) -> Widget:
        """The line."""
        return self.query_one(Input)

    def on_mount(self) -> None:
        """Fill the list."""
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the paths that contain what was typed."""
        self._fill(event.value.strip())

    def on_key(self, event: Key) -> None:
        """Let the arrows move through the list while one types."""
        move_while_typing(event, self.query_one(Input), self.query_one(OptionList))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the path that was chosen."""
        event.stop()
        self.dismiss(self.matching[event.option_index])

    def on_input_submitted(self) -> None:
        """Open what is highlighted, or the path that was typed."""
        self._open()

    def choose(self, choice: str) -> None:
        """Open, or cancel."""
        if choice == "open":
            self._open()
        else:
            self.dismiss(None)

    def _fill(self, typed: str) -> None:
        words = typed.lower().split()
        self.matching = [path for path in self.paths if all(word in shown_path(path).lower() for word in words)]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([Option(self._label(path)) for path in self.matching])
        if self.matching:
            options.highlighted = self.matching.index(self.current) if self.current in self.matching else 0
        self.query_one("#verdict", Static).update(Content(self._verdict(typed)))

    def _label(self, path: Path) -> Content:
        mark = "● " if path == self.current else "  "
        return Content(mark + shown_text(shown_path(path), one_line=True))

    def _verdict(self, typed: str) -> str:
        if self.matching or not typed:
            return ""
        is_there = is_file(at_home(typed))
        return "enter opens this file" if is_there else f"▲ there is no file {shown_text(typed, one_line=True)}"

    def _open(self) -> None:
        typed = at_home(self.query_one(Input).value.strip())
        highlighted = self.query_one(OptionList).highlighted
        if self.query_one(Input).value.strip() and is_file(typed):
            self.dismiss(typed)
        elif self.matching and highlighted is not None:
            self.dismiss(self.matching[highlighted])
