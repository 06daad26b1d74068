"""Two answers to one prompt with one seed, beside each other, the first token that differs marked."""

from dataclasses import dataclass, field
from typing import Literal

from rich.cells import cell_len

from tui.widgets.wrap import wrap

Span = tuple[str, str]
"""A text and the name of its style."""

BESIDE_FROM = 60
"""Columns from which the two stand side by side; below, one stands above the other."""

_BETWEEN = " │ "


@dataclass(eq=False)
class Side:
    """One of the two answers: its heading, its tokens so far, and how it ended."""

    heading: str
    pieces: list[str] = field(default_factory=list)
    end: str = ""
    failed: bool = False

    @property
    def text(self) -> str:
        """The answer so far, without the prompt."""
        return "".join(self.pieces)


@dataclass(eq=False)
class Pair:
    """Two answers on the page. `lines` are what is drawn, made anew by `lay_out` when something has changed."""

    prompt: str
    left: Side
    right: Side
    kind: Literal["pair"] = "pair"
    is_open: bool = True
    lines: list[list[Span]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Both answers as text, one above the other."""
        parts = [f"{side.heading}\n{self.prompt}{side.text}" for side in (self.left, self.right)]
        return "\n\n".join([*parts, self.verdict])

    @property
    def first_difference(self) -> int | None:
        """Which token is the first that differs, from 0; None while there is none."""
        left, right = self.left.pieces, self.right.pieces
        both = min(len(left), len(right))
        found = next((index for index in range(both) if left[index] != right[index]), None)
        if found is None and not self.is_open and len(left) != len(right):
            return both
        return found

    @property
    def verdict(self) -> str:
        """The difference in a sentence; empty while both answers may still be the same."""
        index = self.first_difference
        if index is not None:
            words = [f'"{side.pieces[index]}"' if index < len(side.pieces) else "its end" for side in self.sides]
            where = f"Token {index + 1} is the first that differs"
            return f"{where}: {words[0]} without, {words[1]} with.".replace("\n", "⏎")
        if self.is_open or any(side.failed for side in self.sides):
            return ""
        return "Both are the same, token for token."

    @property
    def sides(self) -> tuple[Side, Side]:
        """Without, and with."""
        return self.left, self.right

    def lay_out(self, width: int) -> None:
        """Make the lines for a width."""
        if width >= BESIDE_FROM:
            column = (width - len(_BETWEEN)) // 2
            headings = max(len(wrap(side.heading, 0, column)) for side in self.sides)  # so that the texts begin level
            left, right = (self._column(side, column, headings) for side in self.sides)
            height = max(len(left), len(right))
            blank: list[Span] = [(" " * column, "foot")]
            left += [blank] * (height - len(left))
            right += [blank] * (height - len(right))
            self.lines = [[*a, (_BETWEEN, "foot"), *b] for a, b in zip(left, right, strict=True)]
        else:
            self.lines = [*self._column(self.left, width), [("", "foot")], *self._column(self.right, width)]
        verdict = self.verdict
        self.lines += [[(verdict[start:end], "foot")] for start, end in wrap(verdict, 0, width)] if verdict else []
        self.lines.append([("", "foot")])

    def _column(self, side: Side, width: int, headings: int = 1) -> list[list[Span]]:
        """One answer in so many columns: heading (of so many lines at least), text, ending; all lines equally wide."""
        lines = [_padded([(side.heading[start:end], "prompt")], width) for start, end in wrap(side.heading, 0, width)]
        lines += [_padded([], width)] * (headings - len(lines))
        text = self.prompt + side.text
        index = self.first_difference
        mark = mark_end = len(text)
        if index is not None and index < len(side.pieces):
            mark = len(self.prompt) + sum(len(piece) for piece in side.pieces[:index])
            mark_end = mark + len(side.pieces[index])
        borders = [(0, "lead"), (len(self.prompt), "answer"), (mark, "mark"), (mark_end, "answer")]
        for start, end in wrap(text, 0, width):
            line: list[Span] = []
            for number, (begins, style) in enumerate(borders):
                until = borders[number + 1][0] if number + 1 < len(borders) else len(text)
                piece = text[max(start, begins) : max(start, min(end, until))]
                if piece:
                    line.append((piece, style))
            lines.append(_padded(line, width))
        if side.end:
            style = "problem" if side.failed else "foot"
            lines += [_padded([(side.end[start:end], style)], width) for start, end in wrap(side.end, 0, width)]
        return lines


def _padded(line: list[Span], width: int) -> list[Span]:
    used = sum(cell_len(text) for text, _ in line)
    return [*line, (" " * max(0, width - used), "answer")]
