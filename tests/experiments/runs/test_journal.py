"""The journal: what a run must repeat after it went back to a checkpoint."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.runs.journal import (
    append_change,
    change_now,
    journal_of,
    read_changes,
    read_journal,
    replayable,
)
from lmcore.protocol.messages import ValueChanged

changes = st.builds(
    ValueChanged,
    st.integers(0, 9),
    st.sampled_from(["training.learning_rate", "training.beta1"]),
    st.just("0"),
    st.text("123"),
)


def acting(made: list[ValueChanged], step: int) -> dict[str, str]:
    """The values that act after `step` steps when nothing but `made` happened, in its order."""
    return {change.key: change.new for change in made if change.step <= step}


def test_changes_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    made = [change_now(5, "training.learning_rate", "0.001", "3e-3"), change_now(2, "evaluation.prompt", "a", "'b: #'")]
    for change in made:
        append_change(path, change)
    assert read_changes(path) == made and [change.time for change in read_changes(path)] == [c.time for c in made]
    with path.open("a") as file:
        file.write('{"step": 3}\n{"step": 4, "key": "x"')
    assert read_changes(path) == made


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read_changes(tmp_path / "journal.jsonl") == []


@settings(max_examples=100, deadline=None)
@given(st.lists(changes, max_size=8).map(lambda made: sorted(made, key=lambda change: change.step)))
def test_an_uninterrupted_run_repeats_as_it_was(made: list[ValueChanged]) -> None:
    for step in range(10):
        assert acting(replayable(made), step) == acting(made, step)


@settings(max_examples=100, deadline=None)
@given(st.lists(changes, max_size=8), changes)
def test_a_person_who_changes_a_value_again_overrules_what_would_come(
    made: list[ValueChanged], new: ValueChanged
) -> None:
    kept = replayable([*made, new])
    assert [change for change in kept if change.key == new.key and change.step >= new.step] == [new]
    others = [change for change in replayable(made) if change.key != new.key]
    assert [change for change in kept if change.key != new.key] == others
    assert [change.step for change in kept] == sorted(change.step for change in kept)


MADE = [ValueChanged(step, "training.learning_rate", "0.001", f"0.00{step}") for step in (2, 4, 6)]


def lines_of(path: Path, made: list[ValueChanged] = MADE) -> list[str]:
    for change in made:
        append_change(path, change)
    return path.read_text().splitlines(keepends=True)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda a, b, c: [a, b.replace("0.004", "0.005"), c], "was changed at line 2"),
        (lambda a, b, c: [a, c], "was changed at line 2, or a line before it was changed, removed or moved"),
        (lambda a, b, c: [b, a, c], "was changed at line 1"),
        (lambda a, b, c: [a, a, b, c], "was changed at line 2"),
        (lambda a, b, c: [a, b[:30] + "\n", c], "has 1 line that is not readable"),
        (lambda a, b, c: [a, "\x00\xff{\n", b, c], "has 1 line that is not readable"),
        (lambda a, b, c: [a, b.replace('"step": 4', '"step": -4'), c], "no change, line 2"),
        (lambda a, b, c: [a, b.replace('"step": 4', '"step": 4e99'), c], "no change, line 2"),
        (lambda a, b, c: [a, b, c.split(', "digest"')[0] + "}\n"], "has a line without its digest"),
    ],
)
def test_what_was_changed_in_a_journal_is_said(
    tmp_path: Path, damage: Callable[[str, str, str], list[str]], problem: str
) -> None:
    path = tmp_path / "journal.jsonl"
    a, b, c = lines_of(path)
    assert read_journal(path).problem == "" and read_journal(path).is_sealed
    path.write_text("".join(damage(a, b, c)))
    assert problem in read_journal(path).problem


def test_a_cut_at_the_end_of_a_line_is_known_by_its_mark_and_half_a_last_line_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    a, b, c = lines_of(path)
    marks = [journal_of(read_journal(path).rows[:count]).mark for count in range(4)]
    path.write_text(a + b + c[:25])
    cut = read_journal(path)
    assert (cut.problem, len(cut.changes)) == ("", 2)
    assert [cut.lacks(mark, "run.json") for mark in marks] == ["", "", "", "ends after 2 changes, and run.json knows 3"]
    path.unlink()
    lines_of(path, MADE[1:])
    assert read_journal(path).lacks(marks[2], "run.json") == "holds other changes than run.json knows"


def test_a_journal_of_an_earlier_version_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    old = [line.split(', "digest"')[0] + "}\n" for line in lines_of(path)]
    path.write_text("".join(old))
    journal = read_journal(path)
    assert (list(journal.changes), journal.problem, journal.is_sealed) == (MADE, "", False)
    append_change(path, ValueChanged(8, "training.beta1", "0.9", "Infinity"))
    assert read_journal(path).problem == "" and read_journal(path).is_sealed
    path.write_text("".join(old[1:]) + path.read_text().splitlines()[-1] + "\n")
    assert "was changed at line 3" in read_journal(path).problem
