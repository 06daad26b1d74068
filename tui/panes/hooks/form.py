"""The form of one hook: a line for each thing that can be set, and a picker of places with their shapes."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus, Key
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lmcore.config import HookConfig
from lmcore.protocol.messages import HookDescription
from tui.dialogs.dialog import Dialog, paragraph
from tui.panes.hooks.fields import FieldError, entry_of, fields_of, hook_from
from tui.panes.hooks.places import Place, matched, places_of, suggested
from tui.plain_text import shown_text
from tui.widgets.option_arrows import move_while_typing


class HookForm(Dialog[HookConfig]):
    """Fill in a hook. Dismissed with it. What can be checked without the model is checked at once."""

    DEFAULT_CSS = """
    HookForm > Vertical { width: 92; }
    HookForm #fields-of-hook { height: auto; max-height: 16; margin-top: 1; scrollbar-size-vertical: 1; }
    HookForm .line { height: 1; }
    HookForm .line Static { width: 16; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    HookForm .line Input { width: 1fr; }
    HookForm .line:focus-within Static { color: $foreground; text-style: bold; }
    HookForm #about-field, HookForm #places-head { height: 1; width: 100%; color: $text-muted; text-wrap: nowrap; }
    HookForm #about-field { margin: 1 0; text-overflow: ellipsis; }
    HookForm #about-field.-wrong { color: $text-warning; }
    HookForm OptionList {
        height: 9; border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    HookForm.-low > Vertical { padding: 0 2; }
    HookForm.-low #fields-of-hook { max-height: 7; margin-top: 0; }
    HookForm.-low #about-field { margin: 0; }
    HookForm.-low OptionList { height: 4; }
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]

    hint = "tab next · ↑↓ pick a place · enter accepts · esc cancels"

    def __init__(
        self, title: str, first: HookConfig, described: HookDescription, taken: Sequence[str], yes: str = "Add"
    ) -> None:
        super().__init__()
        self.first = first
        self.described = described
        self.taken = list(taken)
        self.entry = entry_of(first, described)
        self.fields = fields_of(first, self.entry)
        self.title_text = f"{title} ── {first.kind} {first.use}" if self.entry is not None else title
        self.choices = (("cancel", "Cancel"), ("yes", yes))
        self._offered: tuple[Place, ...] = ()

    def body(self) -> ComposeResult:
        """What the function does, the lines, what the line in focus takes, the places."""
        text = self.entry.summary if self.entry else "A function of your own. It runs only after you have agreed to it."
        yield paragraph(text, "note")
        with VerticalScroll(id="fields-of-hook", can_focus=False):
            for number, field in enumerate(self.fields):
                with Horizontal(classes="line"):
                    yield Static(Content(shown_text(field.name, one_line=True)), markup=False)
                    value, empty = (shown_text(text, one_line=True) for text in (field.value, field.empty))
                    yield Input(value, placeholder=empty, id=f"field-{number}", compact=True)
        yield Static(id="about-field", markup=False)
        yield Static(id="places-head", markup=False)
        yield OptionList(markup=False, compact=True)

    def on_mount(self) -> None:
        """List the places."""
        self.query_one(OptionList).can_focus = False
        self._offer()

    def first_focus(self) -> Widget:
        """The place where there is none yet, else the first argument, else the name."""
        keys = [field.key for field in self.fields]
        first = "use" if "use" in keys and not self.first.use else "at" if not self.first.at else keys[2]
        return self._line(first)

    @property
    def typed(self) -> dict[str, str]:
        """What stands in each line."""
        return {field.key: self._line(field.key).value for field in self.fields}

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what the lines come to."""
        if self._key_of(event.input) in ("at", "kind"):
            self._offer()
        self._show_about()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the line in focus takes."""
        self._show_about()

    def on_key(self, event: Key) -> None:
        """In the line of the place the arrows go through the list and take what they come to."""
        options = self.query_one(OptionList)
        if move_while_typing(event, self._line("at"), options):
            self._pick(options.highlighted or 0)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the place that was clicked."""
        event.stop()
        self._pick(event.option_index)

    def on_input_submitted(self) -> None:
        """Accept the form if it can stand."""
        self._accept()

    def choose(self, choice: str) -> None:
        """Accept the form, or cancel."""
        if choice == "yes":
            self._accept()
        else:
            self.dismiss(None)

    def _line(self, key: str) -> Input:
        number = next(number for number, field in enumerate(self.fields) if field.key == key)
        return self.query_one(f"#field-{number}", Input)

    def _key_of(self, line: Widget | None) -> str:
        return next((field.key for field in self.fields if self._line(field.key) is line), "")

    def _kind(self) -> str:
        return self.typed.get("kind", self.first.kind).strip()

    def _pick(self, index: int) -> None:
        line = self._line("at")
        with self.prevent(Input.Changed):
            line.value = self._offered[index][0]
        line.cursor_position = len(line.value)
        self._show_head()
        self._show_about()

    def _offer(self) -> None:
        self._offered = suggested(self._line("at").value.strip(), self._kind(), self.described)
        width = max([0, *(len(name) for name, _ in self._offered)])
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            [
                Option(
                    Content.assemble(
                        f"  {shown_text(name, one_line=True):<{width}}   ",
                        (shown_text(shape, one_line=True), "$text-muted"),
                    )
                )
                for name, shape in self._offered
            ]
        )
        self._show_head()

    def _show_head(self) -> None:
        at, kind = self._line("at").value.strip(), self._kind()
        total = len(places_of(kind, self.described))
        found = len(matched(at, kind, self.described)) if at else 0
        if found:
            text = f"at means {found} of {total} places:" if found > 1 else f"at means 1 of {total} places:"
        elif self._offered:
            text = f"{len(self._offered)} of {total} places{' have this in their names' if at else ''}:"
        else:
            text = f"None of {total} places has this in its name."
        self.query_one("#places-head", Static).update(Content(text), layout=False)

    def _show_about(self) -> None:
        focused = self._key_of(self.focused)
        help_text = next((field.help for field in self.fields if field.key == focused), "")
        self._say(help_text)

    def _say(self, text: str, is_wrong: bool = False) -> None:
        about = self.query_one("#about-field", Static)
        about.set_class(is_wrong, "-wrong")
        about.update(Content(f"{'▲ ' if is_wrong else ''}{shown_text(text, one_line=True)}"), layout=False)

    def _accept(self) -> None:
        try:
            hook = hook_from(self.first, self.typed, self.described, self.taken)
        except FieldError as error:
            if error.field in [field.key for field in self.fields]:
                self._line(error.field).focus()
            self.call_after_refresh(self._say, str(error), True)
            return
        self.dismiss(hook)
