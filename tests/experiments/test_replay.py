"""A run that goes back to its checkpoint goes on bit for bit, changes of the journal included."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import append_change, read_changes
from lmcore.experiments.verification.verification import verify
from lmcore.protocol.messages import ValueChanged
from tests.experiments.tiny import forget_digests, losses, tiny, train, weights

HOOK = "hooks: [{name: noise, kind: forward, use: scale, at: blocks.0.hook_attn_out, with: {factor: 0.5}}]\n"


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_in_two_parts_is_the_run_in_one(runs_folder: Path, optimizer: str) -> None:
    text = tiny(training__optimizer=optimizer, dataset__order="shuffled")
    whole = Experiment.create(text, runs_folder=runs_folder, name="whole")
    train(whole)
    part = Experiment.create(text, runs_folder=runs_folder, name="parts")
    for until in (7, 11, 12):
        train(part, until=until)
        part.close("stopped")
        part = Experiment.open(part.folder)
    assert losses(part.folder) == losses(whole.folder)
    assert weights(part) == weights(whole)


def test_changes_after_the_checkpoint_are_made_again_at_their_steps(runs_folder: Path) -> None:
    def change(experiment: Experiment) -> None:
        train(experiment, until=6)
        experiment.set_value("training.learning_rate", "5e-3")
        train(experiment, until=8)
        experiment.set_value("training.weight_decay", "0.5")
        experiment.set_value("evaluation.interval", "3")

    whole = Experiment.create(tiny(), runs_folder=runs_folder, name="whole")
    change(whole)
    train(whole)

    part = Experiment.create(tiny(checkpointing__keep_best="false"), runs_folder=runs_folder, name="parts")
    change(part)
    train(part, until=9)
    part.close("interrupted")
    again = Experiment.open(part.folder)
    assert again.step == 5
    assert again.config.training.learning_rate == 1e-3
    told = [record for record in train(again) if isinstance(record, ValueChanged)]
    assert [(record.step, record.key, record.new) for record in told] == [
        (6, "training.learning_rate", "0.005"),
        (8, "training.weight_decay", "0.5"),
        (8, "evaluation.interval", "3"),
    ]
    assert losses(again.folder) == losses(whole.folder)
    assert weights(again) == weights(whole)
    assert len(read_changes(again.folder / "journal.jsonl")) == 3


def test_a_change_made_just_after_the_checkpoint_acts_from_there(runs_folder: Path) -> None:
    def change(experiment: Experiment) -> None:
        train(experiment, until=5)
        experiment.set_value("training.learning_rate", "5e-3")

    whole = Experiment.create(tiny(), runs_folder=runs_folder, name="whole")
    change(whole)
    train(whole)
    part = Experiment.create(tiny(), runs_folder=runs_folder, name="part")
    change(part)
    part.close("stopped")
    again = Experiment.open(part.folder)
    assert again.step == 5
    assert again.config.training.learning_rate == 5e-3
    train(again)
    assert weights(again) == weights(whole)


def test_a_person_on_the_way_overrules_the_journal(runs_folder: Path) -> None:
    text = tiny(checkpointing__keep_best="false")
    experiment = Experiment.create(text, runs_folder=runs_folder)
    train(experiment, until=8)
    experiment.set_value("training.learning_rate", "5e-3")
    experiment.close("stopped")
    for _ in range(2):  # the second time, both changes are in the journal
        again = Experiment.open(experiment.folder)
        train(again, until=7)
        if again.config.training.learning_rate == 1e-3:
            again.set_value("training.learning_rate", "2e-3")
        train(again, until=9)
        assert again.config.training.learning_rate == 2e-3
        again.close("stopped")


def test_a_change_made_before_going_on_is_written_when_it_goes_on(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=5)
    experiment.close("stopped")
    again = Experiment.open(experiment.folder)
    again.set_value("training.learning_rate", "5e-3")
    assert read_changes(again.folder / "journal.jsonl") == []
    again.advance()
    assert [(c.step, c.new) for c in read_changes(again.folder / "journal.jsonl")] == [(5, "0.005")]


def test_a_hook_that_was_switched_is_switched_again(runs_folder: Path) -> None:
    def change(experiment: Experiment) -> None:
        train(experiment, until=7)
        experiment.set_value("hooks.noise.enabled", "false")

    whole = Experiment.create(tiny() + HOOK, runs_folder=runs_folder, name="whole")
    change(whole)
    train(whole)
    assert not whole.config.hooks[0].enabled
    part = Experiment.create(tiny() + HOOK, runs_folder=runs_folder, name="part")
    change(part)
    train(part, until=8)
    part.close("stopped")
    again = Experiment.open(part.folder)
    train(again)
    assert losses(again.folder) == losses(whole.folder)
    assert weights(again) == weights(whole)
    plain = Experiment.create(tiny(), runs_folder=runs_folder, name="plain")
    train(plain)
    assert weights(plain) != weights(whole)


def damaged_run(runs_folder: Path) -> Experiment:
    """A run with a change before its checkpoint of step 5 and one after it, killed at step 7."""
    experiment = Experiment.create(tiny(checkpointing__keep_last=9), runs_folder=runs_folder)
    for step, rate in ((2, "2e-3"), (6, "4e-3")):
        train(experiment, until=step)
        experiment.set_value("training.learning_rate", rate)
    train(experiment, until=7)
    experiment._writer._lock.release()  # as the kernel does for a killed process
    return experiment


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: lines[:1], "ends after 1 change, and run.json knows 2"),
        (lambda lines: [], "ends after 0 changes"),
        (lambda lines: [lines[0].replace("0.002", "0.02"), lines[1]], "was changed at line 1"),
        (lambda lines: ["garbage\n", *lines], "is not readable"),
    ],
)
def test_a_damaged_journal_is_not_followed_in_silence(
    runs_folder: Path, damage: Callable[[list[str]], list[str]], said: str
) -> None:
    run = damaged_run(runs_folder)
    journal = run.folder / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(damage(lines)))
    damaged = journal.read_text()
    for refuse in (
        lambda: Experiment.open(run.folder),
        lambda: Experiment.fork(run.folder, runs_folder=runs_folder),
    ):
        with pytest.raises(RunError, match=rf"{said}.*lmcore resume {run.folder.name} --from-checkpoint"):
            refuse()
    found = verify(run.folder)
    assert not found.reproduced and said in " ".join(found.sentences)

    again = Experiment.open(run.folder, from_checkpoint=True)
    assert again.step == 5 and again.config.training.learning_rate == 0.002
    assert "the 1 change that step-000005 knows; later ones are lost" in again.notes[0]
    assert journal.read_text() == damaged, "opening writes nothing"
    train(again)
    again.close("finished")
    assert (run.folder / "journal.damaged-1.jsonl").read_text() == damaged
    assert [change.new for change in read_changes(journal)] == ["0.002"]
    assert verify(run.folder).reproduced


def test_a_journal_that_is_gone_and_a_checkpoint_of_an_earlier_version_leave_no_way_on(runs_folder: Path) -> None:
    run = damaged_run(runs_folder)
    entries = (run.folder / "run.json").read_text()
    forget_digests(run.folder)
    (run.folder / "run.json").write_text(entries)
    (run.folder / "journal.jsonl").unlink()
    for word in (False, True):
        with pytest.raises(RunError, match=r"step-000005 does not know the changes itself: put a copy"):
            Experiment.open(run.folder, from_checkpoint=word)


@pytest.mark.parametrize(("key", "value"), [("training.max_steps", 10**9), ("model.d_model", 32), ("nothing", 1)])
def test_what_a_run_keeps_from_its_beginning_is_not_changed_by_its_journal(
    runs_folder: Path, key: str, value: int
) -> None:
    run = damaged_run(runs_folder)
    (run.folder / "journal.jsonl").unlink()
    append_change(run.folder / "journal.jsonl", ValueChanged(1, key, "1", str(value)))
    forget_digests(run.folder)
    with pytest.raises(RunError, match=f"The journal sets {key} to {value} at step 1, which cannot be"):
        Experiment.open(run.folder)
    assert "cannot be" in " ".join(verify(run.folder).sentences)
