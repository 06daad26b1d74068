"""A fork goes on from another run's checkpoint, with some values changed."""

import shutil
from pathlib import Path

import pytest

from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.one_change import TooManyChanges
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.listing import list_runs, read_run
from lmcore.experiments.verification.verification import verify
from lmcore.training.checkpoints import CheckpointError
from tests.experiments.tiny import tiny, train, train_losses, weights


@pytest.fixture
def parent(runs_folder: Path) -> Experiment:
    """A run of 12 steps whose learning rate was changed at step 3."""
    experiment = Experiment.create(tiny(), runs_folder=runs_folder, name="parent")
    train(experiment, until=3)
    experiment.set_value("training.learning_rate", "3e-3")
    train(experiment)
    experiment.close("finished")
    return experiment


def test_a_fork_without_changes_repeats_its_parent(parent: Experiment, runs_folder: Path) -> None:
    fork = Experiment.fork(parent.folder, "last", [("training.max_steps", "14")], runs_folder=runs_folder)
    assert fork.step == 12
    assert fork.config.training.learning_rate == 3e-3
    assert fork.run["parent"]["run"] == parent.folder.name
    assert fork.run["parent"]["step"] == 12
    assert next(run.step for run in list_runs(runs_folder) if run.name == fork.folder.name) == 12


def test_a_fork_in_the_middle_goes_the_same_way(runs_folder: Path) -> None:
    parent = Experiment.create(tiny(checkpointing__keep_last=9), runs_folder=runs_folder, name="parent")
    train(parent)
    fork = Experiment.fork(parent.folder, "5", runs_folder=runs_folder, name="child")
    assert (fork.title, fork.step) == ("child", 5)
    shutil.rmtree(parent.folder)
    fork.close("stopped")
    fork = Experiment.open(fork.folder)
    train(fork)
    assert train_losses(fork.folder) == [(step, loss) for step, loss in train_losses(fork.folder) if step > 5]
    assert weights(fork) == weights(parent)


def test_another_optimizer_and_another_seed_may_go_on(parent: Experiment, runs_folder: Path) -> None:
    changes = [("training.optimizer", "muon"), ("training.gradient_clip", "0.5"), ("other.seed", "5")]
    changes.append(("training.max_steps", "14"))
    with pytest.raises(TooManyChanges, match=r"2 changes .*\n  - training.optimizer .*\n  - training.gradient_clip"):
        Experiment.fork(parent.folder, "last", changes, runs_folder=runs_folder)
    fork = Experiment.fork(parent.folder, "last", changes, runs_folder=runs_folder, confounded="to see if it can")
    train(fork)
    assert fork.finished
    assert fork.run["seed"] == 5
    assert fork.title == "parent"
    assert read_run(fork.folder)["confounded"] == "to see if it can"
    assert any("seeds differ" in note for note in fork.notes)


def test_that_a_finished_run_is_trained_on_is_no_change_beside_the_one(parent: Experiment, runs_folder: Path) -> None:
    """Its end must be later; before its end that is a change like any other."""
    longer = ("training.max_steps", "14")
    fork = Experiment.fork(parent.folder, "last", [longer, ("training.gradient_clip", "0.5")], runs_folder=runs_folder)
    said = "one change: training.gradient_clip 1.0 → 0.5; it goes on after step 12, to 14"
    assert fork.run["changed"]["words"] == said and "confounded" not in fork.run
    assert [row["key"] for row in fork.run["changed"]["differences"]] == ["training.gradient_clip", longer[0]]
    alone = Experiment.fork(parent.folder, "last", [longer], runs_folder=runs_folder)
    assert alone.run["changed"]["words"] == "no change; it goes on after step 12, to 14"
    with pytest.raises(TooManyChanges):
        changes = [longer, ("training.gradient_clip", "0.5")]
        Experiment.fork(parent.folder, "10", changes, runs_folder=runs_folder)


def test_a_fork_to_fewer_steps_than_the_warm_up_shortens_it(runs_folder: Path) -> None:
    parent = Experiment.create(tiny(training__warmup_steps="9"), runs_folder=runs_folder)
    train(parent, until=5)
    fork = Experiment.fork(parent.folder, "5", [("training.max_steps", "8")], runs_folder=runs_folder)
    assert fork.config.training.warmup_steps == 6 and fork.notes[0].startswith("With training.max_steps=8, ")
    assert fork.run["changed"]["words"].startswith("one change: the schedule")


def test_a_fork_may_begin_anew_from_its_parents_weights(parent: Experiment, runs_folder: Path) -> None:
    """With a schedule, an optimizer and steps of its own; where its weights are from is a part of what it is."""
    changes = [("training.max_steps", "6")]
    fork = Experiment.fork(parent.folder, "last", changes, runs_folder=runs_folder, from_weights=True)
    assert fork.step == 0 and weights(fork) == weights(parent)
    assert fork.run["parent"]["step"] == 0
    recorded = read_run(fork.folder)["initial_weights"]
    assert (recorded["run"], recorded["step"]) == (parent.folder.name, 12)
    plain = Experiment.create(fork.config_text, runs_folder=runs_folder)
    assert read_run(fork.folder)["id"] != plain.run["id"]
    assert not any(tensor.any() for tensor in fork.trainer.optimizer.tensors().values())
    fork.close("stopped")
    fork = Experiment.open(fork.folder)
    train(fork)
    fork.close("finished")
    assert fork.finished and fork.step == 6
    found = verify(fork.folder)
    assert found.reproduced and found.identical == 6, found.sentences
    assert f"Its first weights are those of {parent.folder.name} at step 12" in found.sentences[1]

    again = Experiment.fork(fork.folder, "0", runs_folder=runs_folder)  # of its beginning: with the same weights
    assert weights(again) == weights(parent)
    shutil.rmtree(fork.folder / "checkpoints/step-000000")
    assert any(drift.part == "first weights" for drift in verify(fork.folder).drifts)
    with pytest.raises(CheckpointError, match="no checkpoint at step 0"):
        Experiment.open(fork.folder, "0")


def test_weights_of_another_shape_are_refused_and_leave_nothing(parent: Experiment, runs_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="does not fit"):
        wider = [("model.d_model", "32")]
        Experiment.fork(parent.folder, "last", wider, runs_folder=runs_folder, from_weights=True)
    assert len(list(runs_folder.iterdir())) == 1


def test_a_moment_in_memory_gives_its_weights_too(runs_folder: Path) -> None:
    parent = Experiment.create(tiny(), runs_folder=runs_folder)
    parent.moments.keep_snapshots()
    train(parent, until=4)
    fork = parent.fork_at(4, from_weights=True)
    assert fork.step == 0 and weights(fork) == weights(parent)
    assert read_run(fork.folder)["initial_weights"]["step"] == 4


def test_a_fork_of_the_beginning_is_a_new_run_with_a_parent(runs_folder: Path) -> None:
    parent = Experiment.create(tiny(), runs_folder=runs_folder, name="parent")
    fork = Experiment.fork(parent.folder, "0", [("model.d_model", "32")], runs_folder=runs_folder)
    assert fork.step == 0
    assert fork.run["parent"]["run"] == parent.folder.name
    train(fork, until=1)


def test_a_fork_is_held_against_its_parent_as_it_was_there_and_not_against_its_parent_s_baseline(
    runs_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "base.yaml").write_text(tiny())
    text = tiny(other__baseline=tmp_path / "base.yaml", model__norm="rmsnorm", checkpointing__keep_last="9")
    parent = Experiment.create(text, runs_folder=runs_folder, name="parent")
    train(parent, until=3)
    parent.set_value("training.weight_decay", "0.2")
    train(parent, until=6)
    parent.close("stopped")
    fork = Experiment.fork(parent.folder, "5", [("training.gradient_clip", "0.5")], runs_folder=runs_folder)
    assert fork.run["changed"]["words"] == "one change: training.gradient_clip 1.0 → 0.5"
    assert "baseline" not in fork.run and fork.config.other.baseline == ""
    changes = [("training.gradient_clip", "0.5"), ("other.baseline", str(tmp_path / "base.yaml"))]
    with pytest.raises(TooManyChanges, match=r"its baseline .*base.yaml in 3 changes"):
        Experiment.fork(parent.folder, "5", changes, runs_folder=runs_folder)


@pytest.mark.parametrize(
    ("changes", "error", "complaint"),
    [
        ([], RunError, "needs training.max_steps above 12"),
        ([("training.max_steps", "20"), ("model.d_model", "32")], CheckpointError, "does not fit"),
        ([("training.max_steps", "20"), ("dataset.tokenizer", "byte")], RunError, "keeps its parent's tokenizer"),
        ([("training.max_step", "20")], ValueError, "max_steps"),
    ],
)
def test_a_fork_that_cannot_be_leaves_nothing(
    parent: Experiment, runs_folder: Path, changes: list[tuple[str, str]], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        Experiment.fork(parent.folder, "last", changes, runs_folder=runs_folder, confounded="to see if it can")
    assert [run.name for run in list_runs(runs_folder)] == [parent.folder.name]
    assert len(list(runs_folder.iterdir())) == 1
    assert read_run(parent.folder)["status"] == "finished"
