"""The verdict table of an ablation as lines of styled text, for any width. Pure functions.

Until the end there is no verdict: the lines say means and differences "so far", and how many seeds are in.
"""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from lmcore.experiments.ablation.page import HEADINGS, NUMBERS, table_rows
from lmcore.experiments.ablation.result import difference_so_far
from lmcore.protocol.results import AblationResult, ArmResult
from tui.lab.ablation import UNSEEN, UNSEEN_IN_SHORT
from tui.plain_text import shown_text

Span = tuple[str, str]
"""A text and its style."""

NOTHING = "–"

FOLDED = ("seconds to reach", "tokens to reach", "could see", "95 % interval", "p", "verdict")
"""The columns that go to a second line where a line is too narrow, the first ones first."""

MOST_ARM = 44
LEAST_ARM = 16
GAP = "  "


@dataclass(frozen=True)
class Row:
    """An arm: what stands under each heading, and how its verdict is drawn."""

    cells: dict[str, str]
    style: str


def rows_of(result: AblationResult) -> list[Row]:
    """A row for each arm, the baseline first: what the command line prints, and what is known so far."""
    rows = []
    for arm, texts in zip(result.arms, table_rows(result), strict=True):
        cells = dict(zip(HEADINGS, (shown_text(text, one_line=True) for text in texts), strict=True))
        if arm.verdict is None and arm.key and (so_far := difference_so_far(result, arm)) is not None:
            cells["difference"] = f"{so_far:+.4f} so far"
        if not arm.key:
            cells["verdict"] = _baseline(arm)
        rows.append(Row(cells, _style(arm)))
    return rows


def _baseline(arm: ArmResult) -> str:
    there = len(arm.losses)
    if arm.failures:
        return f"{arm.failures} of {len(arm.cells)} runs failed"
    return "" if there == len(arm.cells) else f"{there} of {len(arm.cells)} seeds so far"


def _style(arm: ArmResult) -> str:
    if arm.failures:
        return "$text-error"
    if arm.verdict is None:
        return "$text-muted"
    return {"better": "bold $success", "worse": "bold $text-warning"}.get(arm.verdict.outcome, "$foreground")


def verdict_lines(result: AblationResult, width: int) -> list[list[list[Span]]]:
    """For the headings and then for each arm its lines (one, or two where the width asks for it), as spans."""
    rows = rows_of(result)
    shown = [name for name in HEADINGS if any(row.cells[name] != NOTHING for row in rows)]
    if _width(shown, _widths(rows)) > width:
        for row in rows:
            row.cells["verdict"] = row.cells["verdict"].replace(UNSEEN, UNSEEN_IN_SHORT)
    widths = _widths(rows)
    folded: list[str] = []
    for name in FOLDED:
        if _width(shown, widths) > width and name in shown:
            shown.remove(name)
            folded.append(name)
    widths["arm"] = min(widths["arm"], max(LEAST_ARM, widths["arm"] - _width(shown, widths) + width))
    folded = [name for name in HEADINGS if name in folded]
    heading = Row({name: name for name in HEADINGS}, "")
    head = [(text, "$text-muted") for text, _ in _line(heading, shown, widths)]
    return [[head], *([_line(row, shown, widths), *_fold(row, folded, width)] for row in rows)]


def _widths(rows: list[Row]) -> dict[str, int]:
    found = {name: max(cell_len(name), *(cell_len(row.cells[name]) for row in rows)) for name in HEADINGS}
    return {**found, "arm": min(found["arm"], MOST_ARM)}


def _width(names: list[str], widths: dict[str, int]) -> int:
    return sum(widths[name] for name in names) + len(GAP) * (len(names) - 1)


def _aligned(name: str, text: str, widths: dict[str, int]) -> str:
    width = widths[name]
    if cell_len(text) > width:
        return f"{set_cell_size(text, width - 1)}…"
    space = " " * (width - cell_len(text))
    return f"{space}{text}" if name in NUMBERS else f"{text}{space}"


def _line(row: Row, shown: list[str], widths: dict[str, int]) -> list[Span]:
    styles = {"arm": "bold $foreground", "verdict": row.style}
    spans = [(f"{GAP}{_aligned(name, row.cells[name], widths)}", styles.get(name, "$foreground")) for name in shown]
    return [(spans[0][0].removeprefix(GAP), spans[0][1]), *spans[1:]]


def _fold(row: Row, folded: list[str], width: int) -> list[list[Span]]:
    """What had no room in the arm's line: the verdict first, then the rest as words, line by line."""
    lines: list[list[Span]] = []
    if "verdict" in folded and row.cells["verdict"]:
        lines.append([(f"  {row.cells['verdict']}", row.style)])
    words = [f"{name} {row.cells[name]}" for name in folded if name != "verdict" and row.cells[name] != NOTHING]
    text = ""
    for word in words:
        if text and cell_len(text) + 3 + cell_len(word) > width:
            lines.append([(text, "$text-muted")])
            text = ""
        text = f"{text} · {word}" if text else f"  {word}"
    return [*lines, [(text, "$text-muted")]] if text else lines
