"""The line in which prompts and commands are written: history on the arrows, completion on tab, pasted lines kept."""

import re
from itertools import accumulate
from typing import ClassVar

from rich.cells import cell_len, get_character_cell_size
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key, Paste
from textual.message import Message
from textual.widgets import Input, Static

from tui.panes.repl.completion import Completion
from tui.panes.repl.prompt_history import PromptHistory
from tui.plain_text import shown_text

LINE_END, TAB = "⏎", "⇥"
"""How a line feed and a tab within the one line look."""

_SHOWN = 6


class _Drawn(dict[int, str]):
    """For `str.translate`: one character for each, so that places in the prompt are places on the screen."""

    def __missing__(self, code: int) -> str:
        shown = shown_text(chr(code), one_line=True)
        self[code] = shown if len(shown) == 1 else "�"
        return self[code]


_DRAWN = _Drawn({ord("\n"): LINE_END, ord("\t"): TAB})


def as_prompt(line: str) -> str:
    """The prompt that a line means: itself, with one slash where it begins with two."""
    return line[1:] if line.startswith("//") else line


def as_line(prompt: str) -> str:
    """A prompt as it is written in the line."""
    return f"/{prompt}" if prompt.startswith("/") else prompt


class PromptLine(Input):
    """Where one writes. Its value is what is asked, character for character; what cannot be seen is only drawn."""

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
        """Enter hands the line over and empties it, before the next key; tab takes a completion, or leaves the line."""
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            line, self.value = self.value, ""
            if line:
                self.post_message(self.Asked(line))
        elif event.key == "tab" and self.completions:
            event.stop()
            event.prevent_default()
            self._fill(self.completions[self.chosen].line)

    def on_paste(self, event: Paste) -> None:
        """Keep the lines and tabs of what is pasted."""
        event.stop()
        event.prevent_default()
        self.replace(event.text.replace("\r\n", "\n").replace("\r", "\n"), *self.selection)

    def action_travel(self, by: int) -> None:
        """Through the completions while they are shown, else through the history."""
        if len(self.completions) > 1:
            self.chosen = (self.chosen + by) % len(self.completions)
            self.post_message(Input.Changed(self, self.value))
            return
        found = self.history.earlier(self.value) if by < 0 else self.history.later()
        if found is not None:
            self._recalled = found
            self._fill(found)

    def action_insert_line_end(self) -> None:
        """Go on in a new line."""
        self.insert_text_at_cursor("\n")

    def _fill(self, line: str) -> None:
        self.value = line
        self.cursor_position = len(line)

    @property
    def _value(self) -> Text:
        text = Text(self.value.translate(_DRAWN), no_wrap=True, overflow="ignore", end="")
        mark = self.get_component_rich_style("input--placeholder")
        for match in re.finditer(r"[\n\t]", self.value):
            text.stylize(mark, *match.span())
        return text

    def _position_to_cell(self, position: int) -> int:
        return cell_len(self.value[:position].translate(_DRAWN))

    def _cell_offset_to_index(self, offset: int) -> int:
        ends = accumulate(get_character_cell_size(char) for char in self.value.translate(_DRAWN))
        return sum(end <= offset + self.scroll_offset.x for end in ends)


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
