"""An optimizer of one's own belongs to the run as a hook does, and keeps its state when its file is edited."""

from pathlib import Path

import pytest

from lmcore.errors import LabError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import ConsentNeeded, agree
from lmcore.experiments.identity.own_code import read_own_file
from lmcore.experiments.runs.journal import read_changes
from lmcore.protocol.messages import OwnFile
from tests.experiments.tiny import losses, tiny, train, weights

CODE = '''"""Momentum, and nothing else."""
import torch


class Heavy:
    """Steps along the running mean of the gradient."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.means = {f"mean.{name}": torch.zeros_like(p) for name, p in parameters.items()}

    def set_hyperparameters(self, config, step):
        self.rate = config.learning_rate

    def step(self):
        with torch.no_grad():
            for name, p in self.parameters.items():
                mean = self.means[f"mean.{name}"]
                mean.lerp_(p.grad, 0.5)
                p.add_(mean, alpha=-self.rate)

    def tensors(self):
        return self.means
'''


@pytest.fixture(autouse=True)
def _nothing_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))


def write(folder: Path, old: str = "", new: str = "") -> OwnFile:
    (folder / "heavy.py").write_text(CODE.replace(old, new))
    file = read_own_file(folder / "heavy.py")
    agree([file.digest])
    return file


def create(runs_folder: Path, name: str) -> Experiment:
    text = tiny(training__optimizer="'heavy.py:Heavy'", checkpointing__keep_best="false")
    return Experiment.create(text, runs_folder=runs_folder, name=name, config_folder=runs_folder.parent)


def test_it_needs_consent_and_is_part_of_the_run(runs_folder: Path) -> None:
    (runs_folder.parent / "heavy.py").write_text(CODE)
    with pytest.raises(ConsentNeeded):
        create(runs_folder, "refused")
    file = write(runs_folder.parent)
    one = create(runs_folder, "one")
    assert one.run["own_code"] == {"heavy.py": file.digest}
    write(runs_folder.parent, "0.5", "0.25")
    assert create(runs_folder, "other").run["id"] != one.run["id"]


def test_an_edit_keeps_the_state_and_is_repeated_bit_for_bit(runs_folder: Path) -> None:
    def edit(experiment: Experiment) -> None:
        train(experiment, until=7)
        experiment.use_file(write(runs_folder.parent, "lerp_(p.grad, 0.5)", "lerp_(p.grad, 0.1)"))
        train(experiment, until=8)

    write(runs_folder.parent)
    whole, unedited = create(runs_folder, "whole"), create(runs_folder, "unedited")
    edit(whole)
    train(whole)
    train(unedited)
    write(runs_folder.parent)
    part = create(runs_folder, "part")
    edit(part)
    part.close("interrupted")
    again = Experiment.open(part.folder)
    assert again.step == 5
    train(again)
    assert losses(again.folder) == losses(whole.folder)
    assert weights(again) == weights(whole) != weights(unedited)


@pytest.mark.parametrize(
    ("old", "new"),
    [("mean.{name}", "average.{name}"), ("class Heavy", "class Light"), ("import torch", "import torhc")],
)
def test_an_edit_that_cannot_go_on_is_refused(runs_folder: Path, old: str, new: str) -> None:
    write(runs_folder.parent)
    plain, edited = create(runs_folder, "plain"), create(runs_folder, "edited")
    train(edited, until=3)
    with pytest.raises(LabError):
        edited.use_file(write(runs_folder.parent, old, new))
    assert read_changes(edited.folder / "journal.jsonl") == []
    train(edited, until=6)
    train(plain, until=6)
    assert weights(edited) == weights(plain)
