"""Choosing what a new hook uses: the catalogue by kind, filtered as one types."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from lmcore.protocol.messages import HookDescription, HookEntry
from tui.dialogs.dialog import Dialog
from tui.plain_text import shown_text

KINDS = ("forward", "backward", "update", "loss")

OWN = "one of your own: FILE.py:NAME, beside the configuration"


class CatalogueDialog(Dialog[str]):
    """Choose an entry. Dismissed with its kind and name, as in `forward zero`; without a name for one's own."""

    DEFAULT_CSS = """
    CatalogueDialog > Vertical { width: 104; }
    CatalogueDialog Input { margin-bottom: 1; }
    CatalogueDialog OptionList {
        height: auto; max-height: 26; border: none; padding: 0; background: transparent; scrollbar-size-vertical: 1;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    CatalogueDialog.-low OptionList { max-height: 11; }
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]

    title_text = "Add a hook"
    hint = "↑↓ choose · enter takes it · esc cancels"
    choices = (("cancel", "Cancel"), ("take", "Take it"))

    def __init__(self) -> None:
        super().__init__()
        self.described: HookDescription | None = None
        self.entries: list[HookEntry] = []
        self.matching: list[str] = []
        self.waits = False  # it was to be taken what there is, before that was known

    def take(self, described: HookDescription) -> None:
        """Fill the list with what there is."""
        self.described = described
        self.entries = sorted(described.entries, key=lambda entry: (KINDS.index(entry.kind), entry.name))
        self._fill(self.query_one(Input).value)
        if self.waits:
            self._take()

    def body(self) -> ComposeResult:
        """The line that filters, and the list."""
        yield Input(placeholder="find: a kind, a name, or a word of what it does", compact=True)
        yield OptionList(markup=False, compact=True)

    def first_focus(self) -> Widget:
        """The line."""
        return self.query_one(Input)

    def on_mount(self) -> None:
        """Say what the list waits for."""
        if self.described is None:
            self.query_one(OptionList).add_option(Option("Asking the core …", disabled=True))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the entries that hold all words that were typed."""
        if self.described is not None:
            self._fill(event.value)

    def on_key(self, event: Key) -> None:
        """Let the arrows move through the list while one types."""
        options = self.query_one(OptionList)
        actions = {
            "up": options.action_cursor_up,
            "down": options.action_cursor_down,
            "pageup": options.action_page_up,
            "pagedown": options.action_page_down,
        }
        if event.key in actions and self.query_one(Input).has_focus:
            event.stop()
            event.prevent_default()
            actions[event.key]()  # type: ignore[no-untyped-call]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take what was chosen."""
        event.stop()
        self.dismiss(self.matching[event.option_index])

    def on_input_submitted(self) -> None:
        """Take what is highlighted."""
        self._take()

    def choose(self, choice: str) -> None:
        """Take what is highlighted, or cancel."""
        if choice == "take":
            self._take()
        else:
            self.dismiss(None)

    def _fill(self, typed: str) -> None:
        words = typed.lower().split()
        width = max([12, *(len(entry.name) for entry in self.entries)])
        options: list[Option] = []
        self.matching = []
        before = ""
        for entry in found_entries(self.entries, words):
            kind = entry.kind if entry.kind != before else ""
            before = entry.kind
            self.matching.append(f"{entry.kind} {entry.name}")
            name = shown_text(entry.name, one_line=True)
            about = shown_text(entry.summary, one_line=True)
            options.append(
                Option(
                    Content.assemble((f" {kind:<10}", "$text-primary"), f"{name:<{width}}  ", (about, "$text-muted"))
                )
            )
        self.matching.append("forward ")
        options.append(Option(Content.assemble((f" {'own':<10}", "$text-primary"), (OWN, "$text-muted"))))
        shown = self.query_one(OptionList)
        shown.clear_options()
        shown.add_options(options)
        shown.highlighted = 0

    def _take(self) -> None:
        highlighted = self.query_one(OptionList).highlighted
        self.waits = self.described is None
        if highlighted is not None and not self.waits:
            self.dismiss(self.matching[highlighted])


def found_entries(entries: Sequence[HookEntry], words: Sequence[str]) -> list[HookEntry]:
    """The entries that hold all words: first those that have them in their kinds and names."""
    named = [entry for entry in entries if all(word in f"{entry.kind} {entry.name}".lower() for word in words)]
    told = [
        entry
        for entry in entries
        if all(word in f"{entry.kind} {entry.name} {entry.summary}".lower() for word in words) and entry not in named
    ]
    return [*named, *told]
