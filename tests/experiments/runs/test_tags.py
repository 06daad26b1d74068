"""Tags and the archive: kept beside what others write, and no part of what a run is."""

import json
from pathlib import Path

import pytest

from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.listing import list_runs, read_run
from lmcore.experiments.runs.tags import archive_run, tag_run
from tests.experiments.runs.made_runs import make_run
from tests.experiments.tiny import losses, tiny, train


def test_tags_come_and_go(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    assert tag_run(folder, ["muon", "lr-1.5"]) == ("lr-1.5", "muon")
    assert tag_run(folder, ["muon", "b_2"], ["lr-1.5", "never-there"]) == ("b_2", "muon")
    (run,) = list_runs(tmp_path)
    assert run.tags == ("b_2", "muon") and run.seed == 1 and run.title == "a"


@pytest.mark.parametrize("tag", ["", "Muon", "-x", ".x", "two words", "ü", "a/b", "\x1b[2J", "x" * 41, "x\n"])
def test_a_word_that_is_no_tag_is_refused_and_changes_nothing(tmp_path: Path, tag: str) -> None:
    folder = make_run(tmp_path, "a", tags=["old"])
    with pytest.raises(RunError, match="tag"):
        tag_run(folder, ["good", tag], ["old"])
    assert list_runs(tmp_path)[0].tags == ("old",)


def test_tags_that_somebody_wrote_by_hand_can_be_taken_away(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a", tags=["Odd One", 7, "ok"])
    assert list_runs(tmp_path)[0].tags == ("Odd One", "ok")
    assert tag_run(folder, remove=["Odd One"]) == ("ok",)


def test_a_run_has_no_endless_tags(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    with pytest.raises(RunError, match="at most 50 tags"):
        tag_run(folder, map(str, range(51)))


def test_a_damaged_run_cannot_be_tagged_and_says_so(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    (folder / "run.json").write_text("{")
    for change in (lambda: tag_run(folder, ["x"]), lambda: archive_run(folder)):
        with pytest.raises(RunError, match="damaged"):
            change()
    assert (folder / "run.json").read_text() == "{"


def test_what_a_person_sets_while_a_run_is_written_stays(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    untouched = read_run(experiment.folder)
    train(experiment, until=3)
    tag_run(experiment.folder, ["while-it-ran"])
    archive_run(experiment.folder)
    train(experiment)
    experiment.close("finished")
    (run,) = list_runs(runs_folder)
    assert (run.tags, run.archived, run.status, run.step) == (("while-it-ran",), True, "finished", 12)
    now = json.loads((experiment.folder / "run.json").read_text())
    differing = {key for key in now if now[key] != untouched.get(key)}
    assert differing == {"tags", "archived", "status", "latest"}
    archive_run(experiment.folder, False)
    assert not list_runs(runs_folder)[0].archived


def test_a_run_that_is_tagged_goes_on_as_it_would_have(runs_folder: Path) -> None:
    straight = Experiment.create(tiny(), runs_folder=runs_folder)
    train(straight)
    straight.close("finished")
    stopped = Experiment.create(tiny(), runs_folder=runs_folder)
    train(stopped, until=5)
    stopped.close("stopped")
    tag_run(stopped.folder, ["half"])
    archive_run(stopped.folder)
    again = Experiment.open(stopped.folder)
    train(again)
    again.close("finished")
    assert losses(again.folder) == losses(straight.folder)
    assert read_run(again.folder)["id"] == read_run(straight.folder)["id"]
