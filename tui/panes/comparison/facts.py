"""What a comparison found, as text for a width: verdicts, numbers, what differs, and where the runs part."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from lmcore.experiments.comparison.axes import Axis
from lmcore.experiments.comparison.difference import Difference
from lmcore.experiments.comparison.result import Comparison
from lmcore.experiments.comparison.tables import Table, outcome_table, parting, setting_table, verdict
from tui.plain_text import shown_text
from tui.widgets.wrap import wrap

Line = tuple[str, str]
"""A text and its style, one line of the page."""

_BETWEEN = "  "
_WIDEST_NAME = 26
_WIDEST_VALUE = 14


def facts(comparison: Comparison, differences: Sequence[Difference], metric: str, axis: Axis, width: int) -> Content:
    """The page of facts."""
    lines: list[Line] = []
    for difference in differences:
        seen = "bold $foreground" if difference.is_seen else "$foreground"
        lines += _paragraph(verdict(comparison, difference, metric, axis), width, seen)
    for note in comparison.notes:
        lines += _paragraph(f"▲ {note}", width, "$text-warning")
    lines += [("", ""), *_table_lines(outcome_table(comparison), 1, width, right=True)]
    table = setting_table(comparison)
    lines.append(("", ""))
    if table[1]:
        lines += _table_lines(table, 2, width)
    else:
        lines += _paragraph("Nothing differs in their configurations, data, code and machines.", width, "$foreground")
    for sentences in parting(comparison):
        lines.append(("", ""))
        for sentence in sentences:
            lines += _paragraph(sentence, width, "$foreground")
    return Content("\n").join(Content.styled(text, style) for text, style in lines)


def _paragraph(text: str, width: int, style: str) -> list[Line]:
    shown = shown_text(text, one_line=True)
    return [(shown[start:end], style) for start, end in wrap(shown, 0, width)]


def _table_lines(table: Table, names: int, width: int, right: bool = False) -> list[Line]:
    """A table whose first columns name the row; the others go on below, under their names again, where it is narrow."""
    headings, rows = table
    cells = [[shown_text(cell, one_line=True) for cell in row] for row in (headings, *rows)]
    widest = [max(cell_len(row[column]) for row in cells) for column in range(len(headings))]
    widths = [min(size, _WIDEST_NAME if column < names else _WIDEST_VALUE) for column, size in enumerate(widest)]
    lines: list[Line] = []
    for columns in _blocks(widths, names, width):
        lines += [("", "")] if lines else []
        for number, row in enumerate(cells):
            parts = [_cell(row[column], widths[column], right and column >= names) for column in columns]
            lines.append((_BETWEEN.join(parts).rstrip(), "$foreground" if number else "bold $text-muted"))
    return lines


def _blocks(widths: Sequence[int], names: int, width: int) -> list[list[int]]:
    """Which columns stand beside each other: the names, and as many others as there is room for."""
    blocks: list[list[int]] = []
    for column in range(names, len(widths)):
        block = [*(blocks[-1] if blocks else range(names)), column]
        if not blocks or sum(widths[c] + len(_BETWEEN) for c in block) - len(_BETWEEN) > width:
            blocks.append([*range(names), column])
        else:
            blocks[-1] = block
    return blocks


def _cell(text: str, width: int, right: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank
