"""The parameters of one component, over the screen."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DataTable

from lmcore.protocol.messages import Inspection
from tui.lab.numbers import short_number
from tui.plain_text import shown_text


class ParametersDialog(ModalScreen[None]):
    """Shows the table that answers `Inspect "parameters"`."""

    DEFAULT_CSS = """
    ParametersDialog { align: center middle; }
    ParametersDialog > Vertical {
        width: auto; max-width: 96%; min-width: 50; height: auto; max-height: 90%; border: round $primary;
        background: $surface; padding: 1 2; border-subtitle-color: $text-muted;
    }
    ParametersDialog DataTable { width: auto; max-width: 100%; height: auto; max-height: 100%; background: $surface; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape,enter,q", "dismiss", "Close")]

    def __init__(self, component: str) -> None:
        super().__init__()
        self.component = component

    def compose(self) -> ComposeResult:
        """The table in a box."""
        box = Vertical()
        box.border_title = Content(shown_text(f"Parameters of {self.component}", one_line=True))
        box.border_subtitle = "esc closes"
        with box:
            yield DataTable(cursor_type="row", zebra_stripes=False)

    def on_mount(self) -> None:
        """Say what it waits for."""
        table: DataTable[Text] = self.query_one(DataTable)
        table.add_column("Asking the core …")
        table.focus()

    def take(self, inspection: Inspection) -> None:
        """Fill the table."""
        table: DataTable[Text] = self.query_one(DataTable)
        table.clear(columns=True)
        table.add_columns(*(Text(shown_text(heading, one_line=True)) for heading in inspection.headings))
        for row in inspection.rows:
            table.add_row(*(_cell(value) for value in row))


def _cell(value: str | float | None) -> Text:
    if isinstance(value, str):
        return Text(shown_text(value, one_line=True))
    if isinstance(value, int):
        return Text(f"{value:,}", justify="right")
    return Text(short_number(value, 4), justify="right")
