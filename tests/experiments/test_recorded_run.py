"""A run and a session that an earlier version left behind are opened, trained to the same losses, compared and read."""

import json
import shutil
from pathlib import Path

import pytest

from lmcore.config import parse_config
from lmcore.experiments.comparison.result import compare
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.identity import config_hash
from lmcore.experiments.runs.folder import load_run
from lmcore.experiments.runs.journal import read_changes
from lmcore.experiments.runs.listing import read_config_text, read_samples, summarize
from lmcore.process.core.deeds import words_of
from lmcore.process.core.sessions import read_session
from tests.experiments.tiny import losses, train

RECORDED = Path(__file__).parent / "recorded"
"""Written before the rooms of the experiments were made, and never written anew: old runs must stay readable."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A copy of the run, in a runs folder."""
    return shutil.copytree(RECORDED / "run", tmp_path / "runs" / "run")


def same(found: list[tuple[int, str, float]], recorded: list[tuple[int, str, float]]) -> bool:
    """Whether losses are the recorded ones, as far as another processor's rounding lets them be."""
    return [row[:2] for row in found] == [row[:2] for row in recorded] and [row[2] for row in found] == pytest.approx(
        [row[2] for row in recorded], rel=1e-4
    )


def test_its_identity_is_what_it_was(run: Path) -> None:
    recorded = load_run(run)
    assert config_hash(parse_config(read_config_text(run))) == recorded["config_hash"]
    assert (summarize(run).status, summarize(run).step) == ("finished", 8)
    assert [(change.step, change.key, change.new) for change in read_changes(run / "journal.jsonl")] == [
        (2, "training.learning_rate", "0.002"),
        (2, "hooks.quiet.enabled", "false"),
        (5, "hooks.quiet.enabled", "true"),
    ]
    assert [sample.step for sample in read_samples(run)] == [4, 8]


def test_trained_again_it_has_the_same_losses(run: Path) -> None:
    again = Experiment.create(read_config_text(run), runs_folder=run.parent, name="again")
    train(again, until=2)
    again.set_value("training.learning_rate", "2e-3")
    again.set_value("hooks.quiet.enabled", "false")
    train(again, until=5)
    again.set_value("hooks.quiet.enabled", "true")
    train(again)
    again.close("finished")
    assert same(losses(again.folder), losses(run))
    compared = compare([run, again.folder])
    assert not [setting for setting in compared.settings if setting.meaning == "learned"]
    assert read_samples(again.folder)[-1].text == read_samples(run)[-1].text


def test_interrupted_after_a_checkpoint_it_goes_on_to_the_same_losses(run: Path) -> None:
    recorded = losses(run)
    shutil.rmtree(run / "checkpoints" / "step-000008")
    content = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**content, "status": "running"}))
    experiment = Experiment.open(run)
    assert experiment.step == 4
    train(experiment)
    experiment.close("finished")
    assert same(losses(run), recorded)


def test_its_session_is_read() -> None:
    session = read_session(RECORDED / "session.jsonl")
    said = [words_of(deed) for deed in session.deeds]
    assert said[:2] == ["started 20261130-185523-recorded-42ed78e2", "went on for 2 steps"]
    assert [said[index].partition(":")[0] for index in (2, 3, 5, 6)] == [
        "training.learning_rate",
        "hooks.quiet.enabled",
        "asked 'One'",
        "hooks.quiet.enabled",
    ]
