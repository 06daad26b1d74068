"""A table to choose a row from, as the lists that open over the panes have it."""

from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable


class ChoiceTable(DataTable[Text]):
    """Rows of plain text with a cursor on one; home and end go to the first and the last."""

    DEFAULT_CSS = """
    ChoiceTable {
        height: 1fr; background: $surface; background-tint: transparent; scrollbar-size: 1 1;
        scrollbar-background: $surface; scrollbar-color: $primary 40%;
        &:focus { background-tint: transparent; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("home", "scroll_top", "First", show=False),
        Binding("end", "scroll_bottom", "Last", show=False),
        Binding("k", "cursor_up", "Up", show=False),
        Binding("j", "cursor_down", "Down", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", zebra_stripes=False)
