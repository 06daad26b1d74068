"""One run as a line, for any width and any run; ages; the line of keys."""

from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lmcore.experiments.runs.summary import RunSummary
from tui.screens.runs.frame import line_of_keys
from tui.screens.runs.listing import Listing
from tui.screens.runs.rows import about, age, heading, lay_out, row

texts = st.text(max_size=50)
numbers = st.none() | st.floats()
runs = st.builds(
    RunSummary,
    name=texts,
    title=texts,
    folder=st.just(Path("runs/x")),
    status=st.sampled_from(["finished", "interrupted", "damaged", "else"]),
    step=st.integers(0, 10**12),
    max_steps=st.integers(0, 10**12),
    created=st.sampled_from(["", "yesterday", "2026-01-02T03:04:05+01:00", "2026-01-02T03:04:05", "0001-01-01"]),
    loss_train=numbers,
    loss_val=numbers,
    floor=numbers,
    config_hash=texts,
    note=texts,
    parent=texts,
    tags=st.lists(texts, max_size=3).map(tuple),
    archived=st.booleans(),
    confounded=texts,
)
sorts = st.sampled_from(["", "step", "loss/val", "loss/train", "floor", "grad/l2_norm/blocks.0.attn.query.weight"])


def plain(run: RunSummary, width: int = 120) -> list[str]:
    return [text.strip() for text, _ in row(0, run, lay_out(width, [run])) if text.strip()]


@given(runs, st.integers(40, 200), sorts, st.booleans(), st.integers(0, 30), numbers | texts)
def test_every_line_is_as_wide_as_its_heading(
    run: RunSummary, width: int, sort: str, is_reversed: bool, depth: int, value: float | str | None
) -> None:
    layout = lay_out(width, [run], sort, is_reversed)
    line = "".join(text for text, _ in row(depth, run, layout, value, ["marked"]))
    above = "".join(text for text, _ in heading(layout))
    assert cell_len(above) == len(above) and "\x1b" not in line and "\n" not in line
    if layout.name > 20:  # deeper trees than that leave no room for names
        assert cell_len(line) == len(above) <= max(width, 76)
    assert all("\x1b" not in part and "\n" not in part for part in about(run))


def test_what_is_sorted_by_has_a_column_at_any_width() -> None:
    for width in (70, 100, 150):
        for sort, name in (("loss/train", "train ↑"), ("floor", "floor ↑"), ("grad/l2_norm/global", "/global ↑")):
            assert name in "".join(text for text, _ in heading(lay_out(width, [], sort)))


def test_a_row_says_when_nothing_is_known() -> None:
    run = RunSummary("n", "t", Path("n"), "stopped", 0, 0, "", None, None, None, "")
    assert plain(run) == ["t", "■ stopped", "0", "–", "–", "–", "–"]


def test_what_is_confounded_says_so_and_why() -> None:
    run = RunSummary("n", "t", Path("n"), "finished", 1, 1, "", None, None, None, "", confounded="two [b] at once")
    assert plain(run)[0] == "t ▲" and "▲ confounded: two [b] at once" in about(run)


def test_ages_read_well() -> None:
    now = datetime(2026, 1, 10, 12)
    ages = [age((now - timedelta(seconds=s)).isoformat(), now) for s in (5, 90, 7200, 36 * 3600, 5 * 86400, -50)]
    assert ages == ["5 s ago", "2 min ago", "2 h ago", "36 h ago", "5 days ago", "0 s ago"]
    assert age("yesterday", now) == "–" and age("2026-01-02T03:04:05+01:00", now) == "–"


def test_an_empty_list_says_what_to_do() -> None:
    run = RunSummary("n", "t", Path("n"), "finished", 1, 1, "", None, None, None, "", archived=True)
    assert "F5" in Listing().why_empty()
    assert "A shows them" in Listing().with_runs([run]).why_empty()
    assert "Escape" in Listing().with_runs([run]).asked("x").why_empty()


@given(st.integers(10, 120))
def test_keys_are_broken_between_keys(width: int) -> None:
    keys = [("enter", "open"), ("s", "sort"), ("esc", "close"), ("t", "tags")]
    lines = line_of_keys(keys, width).plain.split("\n")
    assert [part for line in lines for part in line.split(" · ")] == ["enter open", "s sort", "esc close", "t tags"]
    assert all(len(line) <= max(width, len("enter open")) for line in lines)
