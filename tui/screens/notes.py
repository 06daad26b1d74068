"""The notes of one run: a text that is saved when one leaves it."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from lmcore.experiments.runs.listing import RunError
from lmcore.experiments.runs.notes import read_notes, write_notes
from tui.messages import Notice
from tui.plain_text import shown_text

WHAT_FOR = "What you expect, what you see, what to try next: plain text, kept in the run's notes.md."


class NotesScreen(ModalScreen[None]):
    """Edits a run's notes. Escape saves and leaves; whatever else closes it saves, too."""

    DEFAULT_CSS = """
    NotesScreen {
        align: center middle;
        #notes-frame {
            width: 92; max-width: 100%; height: 70%; min-height: 12; max-height: 100%;
            border: round $primary; padding: 0 1; background: $surface;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        TextArea {
            height: 1fr; border: none; padding: 0; background: $surface;
            scrollbar-size-vertical: 1; scrollbar-background: $surface; scrollbar-color: $primary 40%;
            &:focus { border: none; }
        }
        #notes-foot { height: auto; color: $text-muted; margin-top: 1; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Save and close"),
        Binding("ctrl+s", "save", "Save"),
    ]

    def __init__(self, folder: Path, title: str) -> None:
        super().__init__()
        self.folder = folder
        self.title_of_run = title
        self.saved = ""  # as on disk, when it was last read or written
        self.text = ""  # as it is now
        self._is_given_up = False  # what cannot be saved is left behind

    def compose(self) -> ComposeResult:
        """The text, and below it whether it is saved."""
        frame = Vertical(id="notes-frame")
        frame.border_title = Content(shown_text(f"Notes of {self.title_of_run}", one_line=True))
        frame.border_subtitle = Content("^s save · esc saves and closes")
        with frame:
            yield TextArea(soft_wrap=True, tab_behavior="focus", show_line_numbers=False, compact=True)
            yield Static(id="notes-foot", markup=False)

    def on_mount(self) -> None:
        """Read what is there."""
        area = self.query_one(TextArea)
        try:
            self.saved = read_notes(self.folder)
        except RunError as error:
            area.read_only = self._is_given_up = True
            self._say(f"▲ {error}")
        else:
            self._show(self.saved)
            self._say(WHAT_FOR)
        area.focus()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Say whether there is something to save."""
        event.stop()
        self.text = event.text_area.text
        if not self._is_given_up:
            self._say("not saved yet" if self._is_changed else WHAT_FOR)

    @property
    def _is_changed(self) -> bool:
        return self.text.rstrip() != shown_text(self.saved).rstrip()

    def action_save(self) -> None:
        """Save, and go on writing."""
        if not self._is_given_up and self._save():
            self._say("saved")

    def action_leave(self) -> None:
        """Save and close; where that cannot be, a second time closes without."""
        if self._is_given_up or self._save():
            self.dismiss(None)

    def on_unmount(self) -> None:
        """Save what another way out would have lost."""
        if not self._is_given_up and self._is_changed and not self._save():
            self.app.post_message(Notice("The notes could not be saved.", "error"))

    def _save(self) -> bool:
        if not self._is_changed:
            return True
        try:
            self.saved, added = write_notes(self.folder, self.text, self.saved)
        except RunError as error:
            self._is_given_up = True
            self._say(f"▲ {error} Escape closes without saving.")
            return False
        if added:
            self._show(self.saved)
            self.app.post_message(Notice("Something else wrote these notes meanwhile; its text is kept below yours."))
        return True

    def _show(self, notes: str) -> None:
        self.text = shown_text(notes)
        for area in self.query(TextArea):  # it is gone when the screen is being closed
            area.load_text(self.text)
            area.move_cursor(area.document.end)

    def _say(self, text: str) -> None:
        for foot in self.query("#notes-foot").results(Static):
            foot.update(Content(shown_text(text)))
