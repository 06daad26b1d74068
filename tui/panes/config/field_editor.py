"""The one line in which a field's value is edited, laid over the value."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import Blur
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Input

from tui.panes.config.field_edits import editable_text, yaml_of
from tui.panes.config.rows import Row


class FieldEditor(Input):
    """Edits one row's value. Enter and the arrows up and down accept, escape gives up, leaving it accepts."""

    DEFAULT_CSS = """
    FieldEditor {
        layer: editor; height: 1; border: none; padding: 0; display: none; background: $surface; color: $foreground;
        text-style: bold;
        &:focus { border: none; background-tint: transparent; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Give up"),
        Binding("up", "accept(-1)", "Accept", show=False),
        Binding("down", "accept(1)", "Accept", show=False),
    ]

    class Typed(Message):
        """The value as typed so far, as YAML."""

        def __init__(self, key: str, yaml: str) -> None:
            self.key = key
            self.yaml = yaml
            super().__init__()

    class Done(Message):
        """Editing has ended: with a new value as YAML, or None; then the cursor moves by `move` rows."""

        def __init__(self, key: str, yaml: str | None, move: int) -> None:
            self.key = key
            self.yaml = yaml
            self.move = move
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="field-editor", compact=True, select_on_focus=True)
        self.row: Row | None = None
        self._first = ""

    def open(self, row: Row, place: Region) -> None:
        """Edit a row's value at a place of the form."""
        self.row = row
        self._first = editable_text(row)
        with self.prevent(Input.Changed):
            self.value = self._first
        self.styles.offset = (place.x, place.y)
        self.styles.width = place.width
        self.display = True
        self.screen.set_focus(self)

    def action_give_up(self) -> None:
        """End without a change."""
        self._end(None, 0)

    def action_accept(self, move: int = 0) -> None:
        """End with what was typed."""
        if self.row is not None:
            is_same = self.value == self._first
            self._end(None if is_same else yaml_of(self.row, self.value), move)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what the value would be."""
        event.stop()
        if self.row is not None:
            self.post_message(self.Typed(self.row.key, yaml_of(self.row, event.value)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter accepts."""
        event.stop()
        self.action_accept()

    def _on_blur(self, event: Blur) -> None:
        super()._on_blur(event)
        self.action_accept()

    def _end(self, yaml: str | None, move: int) -> None:
        row, self.row = self.row, None
        if row is not None:
            self.display = False
            self.post_message(self.Done(row.key, yaml, move))
