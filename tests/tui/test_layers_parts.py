"""What is out of the ordinary in the layers, and the table's lines."""

from dataclasses import replace

import pytest

from lmcore.protocol.messages import LayerRow
from tests.tui.fake_core import layer_rows
from tui.panes.layers.health import COLUMNS, explain, find, norm_text, short_name
from tui.panes.layers.table import heading, lay_out, table_row

ROWS = layer_rows()
HEALTHY = LayerRow("blocks.0.attn", 10.0, 2e-2, 1e-3, 1.0)


def test_healthy_rows_are_not_marked() -> None:
    assert all(not find(row, ROWS) for row in ROWS)
    assert "about 1e-3 is healthy" in explain(HEALTHY, "update_ratio", ROWS)


@pytest.mark.parametrize(
    ("change", "direction", "word"),
    [
        ({"update_ratio": 0.5}, "▲", "learning_rate"),
        ({"update_ratio": 1e-7}, "▼", "hardly learn"),
        ({"gradient_norm": 1e-9}, "▼", "vanishes"),
        ({"gradient_norm": 900.0}, "▲", "explodes"),
        ({"activation_rms": 0.0}, "▼", "dead"),
        ({"activation_rms": 1e6}, "▲", "out of hand"),
        ({"weight_norm": float("nan")}, "✗", "not a finite number"),
    ],
)
def test_what_is_out_of_range_is_marked_and_explained(change: dict[str, float], direction: str, word: str) -> None:
    row = replace(HEALTHY, **change)
    rows = (row, *ROWS[1:])
    (finding,) = find(row, rows)
    assert finding.direction == direction and word in finding.sentence
    assert explain(row, "weight_norm", rows).startswith(f"{direction} 0 attn: ")


def test_a_component_without_parameters_has_dashes() -> None:
    row = LayerRow("ln_final", None, None, None, 1.0)
    assert not find(row, ROWS)
    assert explain(row, "update_ratio", ROWS) == "ln_final has no update ratio."


@pytest.mark.parametrize("width", [40, 56, 68, 76, 120, 200])
def test_lines_fit_their_width_and_columns_are_aligned(width: int) -> None:
    layout = lay_out(width, [short_name(row.component) for row in ROWS])
    trends = {(row.component, column): [1.0, 2.0] * 40 for row in ROWS for column in COLUMNS}
    lines = [heading(layout, "update_ratio")] + [table_row(r, ROWS, trends, layout, "update_ratio") for r in ROWS]
    widths = {sum(len(text) for text, _ in line) for line in lines[1:]}
    assert len(widths) == 1
    assert width < 56 or widths.pop() <= width


def test_where_there_is_room_each_column_has_its_trend() -> None:
    assert lay_out(68, ["0 attn"]).trend >= 4
    narrow = lay_out(58, ["0 attn"])
    assert narrow.trend == 0 and narrow.chosen_trend > 4


@pytest.mark.parametrize(
    ("value", "text"),
    [(14.23, "14.2"), (0.412, "0.41"), (1.1e-3, "1.1e-3"), (1234.0, "1,234"), (None, "–"), (0.0, "0")],
)
def test_norms_are_short(value: float | None, text: str) -> None:
    assert norm_text(value) == text
