"""Text from outside as text: which characters may be shown as they are, and the others made visible."""

import unicodedata

INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, format, surrogate, private, unassigned, separators

NEEDED = "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"
"""Format characters that belong to how text is written: they join or part letters and emoji, or can be seen."""


def is_plain(text: str) -> bool:
    """Whether all of the text may be shown as it is, on one line."""
    if text.isascii():
        return text.isprintable()
    return all(char in NEEDED or unicodedata.category(char) not in INVISIBLE for char in text)


def printable(text: str, keep: str = "") -> str:
    """The text with everything that a terminal could obey, or cannot show, written as an escape such as \\x1b."""
    if is_plain(text):
        return text
    return "".join(char if char in keep or is_plain(char) else _escape(char) for char in text)


def _escape(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte that is not UTF-8, of an argument or a file's name
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def plain_line(text: str) -> str:
    """The text on one line, with blanks for what cannot be shown."""
    return text if is_plain(text) else "".join(char if is_plain(char) else " " for char in text)
