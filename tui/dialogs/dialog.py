"""The frame that all dialogs share: a titled box over the dimmed screen, a row of buttons, escape cancels."""

from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Static

from tui.plain_text import shown_text

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None], Generic[Answer]):
    """A question over the screen. It is dismissed with the answer, or with None when it is cancelled.

    A dialog has a `title_text`, makes the widgets of its `body`, names its `choices` (button id → label), and turns the
    id of the pressed button into an answer by `answer`. The first choice has the focus.
    """

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        & > Vertical {
            width: 66; max-width: 96%; height: auto; max-height: 94%;
            padding: 1 2; border: round $primary; background: $surface;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        .dialog--text { width: 100%; height: auto; }
        .dialog--note { width: 100%; height: auto; color: $text-muted; }
        .dialog--problem { width: 100%; height: auto; color: $text-error; }
        .dialog--buttons { height: 1; margin-top: 1; align-horizontal: right; }
        Button, Button.-style-default {
            margin-left: 2; padding: 0 2; min-width: 8; width: auto; height: 1; border: none;
            background: $panel; color: $foreground;
            &:focus { background: $primary; color: $background; text-style: bold; background-tint: transparent; }
        }
    }
    Dialog:ansi Button:focus { background: ansi_default; color: ansi_default; text-style: bold reverse; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "cancel", "Cancel"),
        ("left,up", "app.focus_previous", "Previous"),
        ("right,down", "app.focus_next", "Next"),
    ]

    title_text = ""
    hint = "enter chooses · esc cancels"
    choices: tuple[tuple[str, str], ...] = ()

    def compose(self) -> ComposeResult:
        """The box: the body, then the buttons."""
        box = Vertical()
        box.border_title = Content(shown_text(self.title_text, one_line=True))
        box.border_subtitle = Content(self.hint)
        with box:
            yield from self.body()
            with Horizontal(classes="dialog--buttons"):
                for name, label in self.choices:
                    yield Button(Content(label), id=name, compact=True)

    def body(self) -> ComposeResult:
        """What stands above the buttons."""
        yield from ()

    def answer(self, choice: str) -> Answer | None:
        """What the dialog is dismissed with when the button `choice` is pressed."""
        return None

    def on_mount(self) -> None:
        """Give the first thing that can be answered the focus."""
        first = self.first_focus()
        if first is not None:
            first.focus()

    def first_focus(self) -> Widget | None:
        """The widget that has the focus at first: the first, safe button."""
        return self.query(Button).first() if self.choices else None

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        self.choose(event.button.id or "")

    def choose(self, choice: str) -> None:
        """Take the choice `choice`: end the dialog with its answer."""
        self.dismiss(self.answer(choice))

    def action_choose(self, choice: str) -> None:
        """Take a choice by its letter.

        Letters are bindings here: a key that a method alone handles also reaches the screen below.
        """
        self.choose(choice)

    def action_cancel(self) -> None:
        """End the dialog without an answer."""
        self.dismiss(None)


def paragraph(text: str, kind: str = "text") -> Static:
    """Plain text in a dialog; `kind` names its class: text, note, problem."""
    return Static(Content(shown_text(text)), classes=f"dialog--{kind}", markup=False)
