"""The journal: what a run must repeat after it went back to a checkpoint."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.journal import Change, append_change, change_now, read_changes, replayable

changes = st.builds(
    Change,
    st.integers(0, 9),
    st.sampled_from(["training.learning_rate", "training.beta1"]),
    st.just("0"),
    st.text("123"),
)


def acting(made: list[Change], step: int) -> dict[str, str]:
    """The values that act after `step` steps when nothing but `made` happened, in its order."""
    return {change.key: change.new for change in made if change.step <= step}


def test_changes_come_back_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    made = [change_now(5, "training.learning_rate", "0.001", "3e-3"), change_now(2, "evaluation.prompt", "a", "'b: #'")]
    for change in made:
        append_change(path, change)
    assert read_changes(path) == made
    with path.open("a") as file:
        file.write('{"step": 3}\n{"step": 4, "key": "x"')
    assert read_changes(path) == made


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read_changes(tmp_path / "journal.jsonl") == []


@settings(max_examples=100, deadline=None)
@given(st.lists(changes, max_size=8).map(lambda made: sorted(made, key=lambda change: change.step)))
def test_an_uninterrupted_run_repeats_as_it_was(made: list[Change]) -> None:
    for step in range(10):
        assert acting(replayable(made), step) == acting(made, step)


@settings(max_examples=100, deadline=None)
@given(st.lists(changes, max_size=8), changes)
def test_a_person_who_changes_a_value_again_overrules_what_would_come(made: list[Change], new: Change) -> None:
    kept = replayable([*made, new])
    assert [change for change in kept if change.key == new.key and change.step >= new.step] == [new]
    others = [change for change in replayable(made) if change.key != new.key]
    assert [change for change in kept if change.key != new.key] == others
    assert [change.step for change in kept] == sorted(change.step for change in kept)
