"""The configuration as YAML text: highlighted, numbered, with undo."""

from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

_PARTS = {
    "yaml.field": "yaml--field",
    "string": "yaml--string",
    "string.escape": "yaml--field",
    "number": "yaml--number",
    "boolean": "yaml--word",
    "constant.builtin": "yaml--word",
    "comment": "yaml--comment",
    "error": "yaml--error",
}
"""tree-sitter's names of what it finds → the component classes that give their colours."""


class YamlText(TextArea):
    """The editor of the text. Tab leaves it, escape goes back to the form."""

    DEFAULT_CSS = """
    YamlText { height: 1fr; border: none; padding: 0; background: transparent;
        scrollbar-size-vertical: 1; scrollbar-background: $background; scrollbar-color: $primary 40%;
    }
    YamlText:focus { border: none; }
    YamlText > .yaml--field { color: $text-primary; }
    YamlText > .yaml--string { color: $text-accent; }
    YamlText > .yaml--number { color: $text-success; }
    YamlText > .yaml--word { color: $text-secondary; text-style: bold; }
    YamlText > .yaml--comment { color: $text-muted; text-style: italic; }
    YamlText:ansi > .yaml--comment { text-style: dim italic; }
    YamlText > .yaml--error { color: $text-error; text-style: underline; }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(_PARTS.values())

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Form"),
    ]

    class Left(Message):
        """The person wants to go back to the form."""

    def __init__(self) -> None:
        super().__init__("", language=None, theme="css", tab_behavior="focus", show_line_numbers=True, id="yaml")
        self.indent_width = 2

    def start_highlighting(self) -> None:
        """Read the text as YAML from now on, in the colours of the app's theme. Called when it is first looked at."""
        self.register_theme(self._make_theme())
        self.theme = "lab"
        if self.language is None:
            self.language = "yaml"

    def action_leave(self) -> None:
        """Go back to the form."""
        self.post_message(self.Left())

    def replace_text(self, text: str) -> None:
        """Bring the text to `text` by one edit of the characters that differ, which can be undone alone."""
        old = self.text
        if text == old:
            return
        shortest = min(len(old), len(text))
        start = next((i for i in range(shortest) if old[i] != text[i]), shortest)
        tail = next((i for i in range(shortest - start) if old[-1 - i] != text[-1 - i]), shortest - start)
        self.history.checkpoint()
        self.replace(text[start : len(text) - tail], self._location(start), self._location(len(old) - tail))
        self.history.checkpoint()

    def go_to(self, offset: int) -> None:
        """Put the cursor on a character of the text."""
        self.move_cursor(self._location(offset))
        self.scroll_cursor_visible(center=True)

    @property
    def offset_of_cursor(self) -> int:
        """Which character of the text the cursor stands on."""
        row, column = self.cursor_location
        lines = self.document.lines[:row]
        return sum(len(line) + len(self.document.newline) for line in lines) + column

    def _location(self, offset: int) -> tuple[int, int]:
        newline = self.document.newline
        before = self.text[:offset]
        row = before.count(newline)
        return row, len(before) - (before.rfind(newline) + len(newline) if row else 0)

    def _app_theme_changed(self) -> None:
        if self.theme == "lab":
            self.register_theme(self._make_theme())
        super()._app_theme_changed()

    def _make_theme(self) -> TextAreaTheme:
        styles = {}
        for part, name in _PARTS.items():
            style = self.get_component_rich_style(name)
            styles[part] = Style(
                color=style.color, bold=style.bold, dim=style.dim, italic=style.italic, underline=style.underline
            )
        return TextAreaTheme("lab", syntax_styles=styles)
