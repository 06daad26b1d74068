"""A run that goes back to its checkpoint goes on bit for bit, changes of the journal included."""

from pathlib import Path

import pytest

from lmcore.experiments.experiment import ChangeRecord, Experiment
from lmcore.experiments.journal import read_changes
from tests.experiments.tiny import losses, tiny, train, weights

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
    told = [record for record in train(again) if isinstance(record, ChangeRecord)]
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
        experiment.toggle_hook("noise", False)

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
