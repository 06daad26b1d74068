"""The layers' table as lines of styled text, for any width. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmcore.protocol.messages import LayerRow
from tui.panes.layers.health import COLUMNS, HEADINGS, SHORT_HEADINGS, Column, find, norm_text, short_name
from tui.plain_text import shown_text
from tui.widgets.sparkline import sparkline

Span = tuple[str, str]
"""A text and the name of its style: name, value, chosen, heading, trend, high, low."""

Trends = Mapping[tuple[str, Column], Sequence[float | None]]
"""The last values of each component and column, oldest first."""

_VALUE = 8
_MARK = 1


@dataclass(frozen=True)
class Layout:
    """How the columns share a width: of the names, of each column's trend (0: none), of the chosen column's trend."""

    name: int
    trend: int
    chosen_trend: int

    @property
    def group(self) -> int:
        """Width of one column with its mark and trend."""
        return _VALUE + _MARK + self.trend


def lay_out(width: int, names: Sequence[str]) -> Layout:
    """Trends beside each value where there is room, else one at the end for the chosen column."""
    name = min(max([7, *(len(name) for name in names)]), 14)
    each = (width - name) // len(COLUMNS) - _VALUE - _MARK
    if each >= 4:
        return Layout(name, min(each, 24), 0)
    rest = width - name - len(COLUMNS) * (_VALUE + _MARK) - 1
    return Layout(name, 0, min(24, rest) if rest >= 6 else 0)


def heading(layout: Layout, chosen: Column) -> list[Span]:
    """The line above the rows."""
    spans: list[Span] = [(" " * layout.name, "heading")]
    for column in COLUMNS:
        text = f"   {HEADINGS[column]}" if layout.trend else SHORT_HEADINGS[column].rjust(_VALUE)
        spans.append((text.ljust(layout.group)[: layout.group], "chosen" if column == chosen else "heading"))
    if layout.chosen_trend:
        spans.append((" trend".rjust(layout.chosen_trend + 1), "heading"))
    return spans


def table_row(row: LayerRow, rows: Sequence[LayerRow], trends: Trends, layout: Layout, chosen: Column) -> list[Span]:
    """One component's line."""
    name = shown_text(short_name(row.component), one_line=True)
    spans: list[Span] = [(name[: layout.name].ljust(layout.name), "name")]
    marks = {finding.column: finding.direction for finding in find(row, rows)}
    for column in COLUMNS:
        value: float | None = getattr(row, column)
        mark = marks.get(column, "")
        style = {"▲": "high", "✗": "high", "▼": "low"}.get(mark, "value")
        spans.append((norm_text(value).rjust(_VALUE), style))
        spans.append((mark or " ", style))
        if layout.trend:
            spans.append((sparkline(trends.get((row.component, column), ()), layout.trend), "trend"))
    if layout.chosen_trend:
        spans.append((" " + sparkline(trends.get((row.component, chosen), ()), layout.chosen_trend), "trend"))
    return spans
