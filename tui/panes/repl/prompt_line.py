"""The line in which prompts and commands are written: history on the arrows, completion on tab, pasted lines kept."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import Input, Static

from tui.panes.repl.completion import Completion
from tui.panes.repl.prompt_history import PromptHistory
from tui.plain_text import shown_text

LINE_END = "⏎"
"""Stands for a line feed within the one line."""

_SHOWN = 6


def as_prompt(line: str) -> str:
    """The prompt that a line means: ⏎ and `\\n` are line feeds, a doubled slash at the beginning is one."""
    text = line.replace(LINE_END, "\n").replace("\\n", "\n")
    return text[1:] if text.startswith("//") else text


def as_line(prompt: str) -> str:
    """A prompt as it is written in the line."""
    line = shown_text(prompt.replace("\r\n", "\n").replace("\r", "\n").replace("\n", LINE_END), one_line=True)
    return f"/{line}" if line.startswith("/") else line


class PromptLine(Input):
    """Where one writes. It posts what was asked; the pane knows what to do with it."""

    DEFAULT_CSS = """
    PromptLine { height: 1; border: none; padding: 0; background: $surface; &:focus { border: none; } }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "travel(-1)", "Earlier prompt", show=False),
        Binding("down", "travel(1)", "Later prompt", show=False),
        Binding("ctrl+j,alt+enter", "insert_line_end", "New line", show=False),
    ]

    class Asked(Message):
        """A line was entered, as it was written."""

        def __init__(self, line: str) -> None:
            self.line = line
            super().__init__()

    def __init__(self, history: PromptHistory) -> None:
        super().__init__(id="prompt", compact=True, select_on_focus=False)
        self.history = history
        self.completions: list[Completion] = []
        self.chosen = 0
        self._recalled = ""

    @property
    def is_recalled(self) -> bool:
        """Whether the line is as it came from the history."""
        return bool(self.value) and self.value == self._recalled

    def offer(self, completions: list[Completion]) -> None:
        """Take these completions for tab and the arrows."""
        self.completions = completions
        self.chosen = 0

    def on_key(self, event: Key) -> None:
        """Tab takes the completion, where there is one; otherwise it leaves the line."""
        if event.key == "tab" and self.completions:
            event.stop()
            event.prevent_default()
            self._fill(self.completions[self.chosen].line)

    def on_paste(self, event: Paste) -> None:
        """Keep the lines of what is pasted."""
        event.stop()
        event.prevent_default()
        self.insert_text_at_cursor(as_line(event.text).removeprefix("/" if event.text.startswith("/") else ""))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the line over and empty it."""
        event.stop()
        line = self.value
        self.value = ""
        self.post_message(self.Asked(line))

    def action_travel(self, by: int) -> None:
        """Through the completions while they are shown, else through the history."""
        if len(self.completions) > 1:
            self.chosen = (self.chosen + by) % len(self.completions)
            self.post_message(Input.Changed(self, self.value))
            return
        found = self.history.earlier(self.value) if by < 0 else self.history.later()
        if found is not None:
            self._recalled = shown_text(found, one_line=True)
            self._fill(self._recalled)

    def action_insert_line_end(self) -> None:
        """Go on in a new line."""
        self.insert_text_at_cursor(LINE_END)

    def _fill(self, line: str) -> None:
        self.value = line
        self.cursor_position = len(line)


class CompletionList(Static):
    """How the command in the line may go on; nothing while a prompt is written."""

    DEFAULT_CSS = """
    CompletionList { height: auto; display: none; background: $panel; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__("", id="completions", markup=False)

    def show(self, completions: list[Completion], chosen: int) -> None:
        """Show the ones around the chosen one."""
        self.display = bool(completions)
        first = max(0, min(chosen - _SHOWN + 1, len(completions) - _SHOWN)) if len(completions) > _SHOWN else 0
        lines: list[Content] = []
        width = max((len(completion.label) for completion in completions), default=0)
        for index, completion in enumerate(completions[first : first + _SHOWN], first):
            mark = "▸ " if index == chosen else "  "
            label = f"{mark}{shown_text(completion.label, one_line=True):{width}}  "
            style = "bold" if index == chosen else ""
            lines.append(Content.assemble((label, style), (shown_text(completion.help, one_line=True), "dim")))
        more = len(completions) - _SHOWN
        if more > 0:
            lines.append(Content.styled(f"  {more} more · ↑↓ choose · tab takes", "dim"))
        self.update(Content("\n").join(lines))
