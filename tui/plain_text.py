"""Text from outside made safe to show in a cell of the screen, with the pictures that Unicode has of controls."""

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
