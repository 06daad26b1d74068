"""Text from anywhere in a page of Markdown, where it stays text. Needs no torch."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from lmcore.plain_text import plain_line

MARKS = "\\|<>`*[]~&"
"""Characters that would be marks wherever they stand."""

AT_WORD_EDGE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
"""A _ that has no letter or digit beside it, on either side: there alone it is a mark."""

AT_LINE_START = re.compile(r"^(#|[-+=]|\d+(?=[.)]))")


def as_text(text: str) -> str:
    """Text that stays text inside of a line or a table: one line, without its marks."""
    plain = plain_line(text)
    for mark in MARKS:
        plain = plain.replace(mark, f"\\{mark}")
    return AT_WORD_EDGE.sub(r"\\_", plain)


def as_quote(text: str) -> list[str]:
    """Text of several lines as a quotation, line by line; what would begin a heading or a list stays text."""
    lines = [AT_LINE_START.sub(_unmarked, as_text(line).strip()) for line in text.strip().splitlines()]
    # A backslash at the end keeps the line's end.
    ends = ["\\" if line and following else "" for line, following in pairwise([*lines, ""])]
    return [f"> {line}{end}".rstrip() for line, end in zip(lines, ends, strict=True)]


def _unmarked(match: "re.Match[str]") -> str:
    start = match.group()
    return f"{start}\\" if start.isdigit() else f"\\{start}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> list[str]:
    """A table; the columns named in `right` are aligned to the right."""
    ruled = ["---:" if heading in right else "---" for heading in headings]
    lines = [f"| {' | '.join(map(as_text, row))} |" for row in (headings, *rows)]
    return [lines[0], f"| {' | '.join(ruled)} |", *lines[1:]]
