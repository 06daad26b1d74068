"""Text from outside made safe to show in a cell of the screen, with the pictures that Unicode has of controls."""

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from lmcore.plain_text import is_plain, printable

_VISIBLE = {code: chr(0x2400 + code) for code in range(0x20)}  # the Unicode pictures of control characters
_VISIBLE[0x7F] = "␡"
del _VISIBLE[0x0A]
_ONE_LINE = {**_VISIBLE, 0x0A: "⏎", 0x09: " "}
_VISIBLE[0x09] = "    "


def shown_text(text: str, *, one_line: bool = False) -> str:
    """`text` as it may be written to a terminal: ESC becomes `␛`, what else is unseen an escape such as `\\u202e`.

    Line feeds stay unless `one_line`, then they become `⏎`; tabs become spaces. Pass the result to `Content`, `Text` or
    a `Static(markup=False)`: markup is not its business.
    """
    if is_plain(text):
        return text
    return printable(text.replace("\r\n", "\n").translate(_ONE_LINE if one_line else _VISIBLE), keep="\n")


class PlainLines(LineFilter):
    """The last door before the terminal: what must not reach it is left out, or �, whoever let it come so far.

    No text gets longer or shorter by it. Where a text is made, `shown_text` lets everything be seen.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """A line as it may be written to a terminal."""
        if all(segment.text.isprintable() for segment in segments):
            return segments
        left = [Segment(_harmless(segment.text), segment.style) for segment in segments]
        return [segment for segment in left if segment.text]


def _harmless(text: str) -> str:
    return "".join(char if is_plain(char) else "�" * cell_len(char) for char in text)
