"""Notes of a run: plain text that is no part of what the run is."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.folder import NOTES, RunError
from lmcore.experiments.runs.listing import read_run
from lmcore.experiments.runs.notes import MOST_BYTES, append_note, read_notes, write_notes
from lmcore.experiments.runs.summary import tags_of
from lmcore.experiments.runs.tags import tag_run
from lmcore.experiments.verification.verification import verify
from tests.experiments.runs.made_runs import make_run
from tests.experiments.tiny import tiny, train


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=50))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("run")
    write_notes(folder, text)
    once = read_notes(folder)
    write_notes(folder, once)
    assert read_notes(folder) == once
    assert once.split() == text.encode("utf-8", "replace").decode().split()
    assert (folder / NOTES).exists() == bool(once)


def test_lines_are_added_and_empty_notes_go(tmp_path: Path) -> None:
    assert read_notes(tmp_path) == ""
    append_note(tmp_path, "one")
    append_note(tmp_path, "two\nthree  ")
    assert (tmp_path / NOTES).read_text() == "one\ntwo\nthree\n"
    write_notes(tmp_path, " \n")
    assert not (tmp_path / NOTES).exists()


@pytest.mark.parametrize(
    ("known", "meanwhile", "kept"),
    [
        ("old\n", "old\n", "mine\n"),
        ("old\n", "old\nadded\n", "mine\nadded\n"),
        ("", "added\n", "mine\nadded\n"),
        ("old\n", "rewritten\n", "mine\nrewritten\n"),
        ("old\n", "", "mine\n"),
    ],
)
def test_what_others_wrote_meanwhile_stays_below(tmp_path: Path, known: str, meanwhile: str, kept: str) -> None:
    write_notes(tmp_path, meanwhile)
    _, below = write_notes(tmp_path, "mine", known)
    assert read_notes(tmp_path) == kept == "mine\n" + below


def test_notes_and_tags_that_are_added_at_once_are_all_kept(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    with ThreadPoolExecutor(8) as pool:
        notes = [pool.submit(append_note, folder, f"note {number}") for number in range(8)]
        tags = [pool.submit(tag_run, folder, [f"tag-{number}"]) for number in range(8)]
        for done in (*notes, *tags):
            done.result()
    assert sorted(read_notes(folder).splitlines()) == [f"note {number}" for number in range(8)]
    assert tags_of(read_run(folder)) == tuple(f"tag-{number}" for number in range(8))


def test_notes_that_cannot_be_are_refused_and_left(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="at most"):
        write_notes(tmp_path, "x" * (MOST_BYTES + 1))
    (tmp_path / NOTES).write_bytes(b"\xff\xfe")
    for refused in (lambda: read_notes(tmp_path), lambda: append_note(tmp_path, "x")):
        with pytest.raises(RunError, match="not text"):
            refused()
    assert (tmp_path / NOTES).read_bytes() == b"\xff\xfe"
    (tmp_path / NOTES).unlink()
    os.mkfifo(tmp_path / NOTES)
    with pytest.raises(RunError):
        read_notes(tmp_path)


def test_notes_change_nothing_of_the_run(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(training__max_steps="4"), runs_folder=runs_folder, name="noted")
    train(experiment, until=2)
    before = read_run(experiment.folder)
    write_notes(experiment.folder, "while it trains")
    train(experiment)
    experiment.close("finished")
    assert read_run(experiment.folder)["id"] == before["id"]
    assert verify(experiment.folder).reproduced
    assert read_notes(experiment.folder) == "while it trains\n"
