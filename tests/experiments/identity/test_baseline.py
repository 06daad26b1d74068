"""A run that names a baseline differs from it in one change, or says why not."""

from pathlib import Path

import pytest

from lmcore.config import ConfigError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.named import find_named
from lmcore.experiments.identity.one_change import TooManyChanges
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.listing import list_runs, read_run, summarize
from tests.experiments.tiny import TINY, tiny, train


@pytest.fixture
def base(runs_folder: Path) -> Experiment:
    """A run of two steps; its learning rate was changed on the way."""
    experiment = Experiment.create(tiny(training__max_steps="2"), runs_folder=runs_folder, name="first")
    train(experiment, until=1)
    experiment.set_value("training.learning_rate", "3e-3")
    train(experiment)
    experiment.close("finished")
    return experiment


def begun(runs_folder: Path, confounded: str = "", **values: str) -> Experiment:
    text = tiny(**{"training__max_steps": "2", "other__baseline": "first", **values})
    experiment = Experiment.create(text, runs_folder=runs_folder, name="second", confounded=confounded)
    experiment.close("stopped")
    return experiment


def test_one_change_is_recorded_with_what_it_is_compared_with(base: Experiment, runs_folder: Path) -> None:
    run = read_run(begun(runs_folder, model__norm="rmsnorm").folder)
    assert run["baseline"]["name"] == base.folder.name and run["baseline"]["id"] == base.run["id"]
    assert run["baseline"]["words"] == "one change: model.norm layernorm → rmsnorm"
    assert run["baseline"]["differences"][0]["key"] == "model.norm"
    assert "confounded" not in run


def test_what_the_baseline_s_configuration_does_not_show_is_said(base: Experiment, runs_folder: Path) -> None:
    notes = begun(runs_folder, model__norm="rmsnorm", other__seed="3").notes
    assert any("changed while it trained (training.learning_rate at step 1)" in note for note in notes)
    assert any("not paired" in note for note in notes)


def test_no_change_is_a_repetition(base: Experiment, runs_folder: Path) -> None:
    assert begun(runs_folder).run["baseline"]["words"] == "no change: a repetition"
    assert begun(runs_folder, other__seed="4").run["baseline"]["words"] == "another seed: 1 → 4"


def test_several_changes_leave_nothing_unless_there_is_a_reason(base: Experiment, runs_folder: Path) -> None:
    values = {"model__norm": "rmsnorm", "training__optimizer": "muon"}
    with pytest.raises(TooManyChanges, match=rf"its baseline {base.folder.name} in 2 changes"):
        begun(runs_folder, **values)
    assert len(list_runs(runs_folder)) == 1
    assert [folder for folder in runs_folder.iterdir() if folder.name.startswith(".")] == []
    experiment = begun(runs_folder, "both  at\nonce", **values)
    summary = summarize(experiment.folder)
    assert summary.confounded == "both at once" and summary.baseline == base.folder.name
    assert summary.changed.startswith("2 changes: model.norm")


def test_a_reason_that_is_not_needed_does_not_mark_the_run(base: Experiment, runs_folder: Path) -> None:
    experiment = begun(runs_folder, "because", model__norm="rmsnorm")
    assert "confounded" not in experiment.run
    assert any("not needed" in note for note in experiment.notes)


def test_a_text_that_changed_under_the_same_name_is_a_change(runs_folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    values = {"dataset__source": "file", "dataset__path": str(text), "training__max_steps": "2"}
    text.write_text("abcd efgh " * 60)
    first = Experiment.create(tiny(**values), runs_folder=runs_folder, name="first")
    first.close("stopped")
    text.write_text("dcba hgfe " * 60)
    with pytest.raises(TooManyChanges, match="the text itself"):
        begun(runs_folder, model__norm="rmsnorm", **values)
    assert begun(runs_folder, **values).run["baseline"]["words"].startswith("one change: the text itself")
    assert len(list_runs(runs_folder)) == 2


def test_a_configuration_s_own_name_goes_before_a_part_of_a_run_s(
    runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = Experiment.create(tiny(), runs_folder=runs_folder, name="baseline")
    run.close("stopped")
    assert find_named("baseline", runs_folder).run is None
    assert find_named(run.folder.name, runs_folder).run is not None
    assert find_named(run.folder.name[:15], runs_folder).name == run.folder.name
    assert find_named(str(run.folder), tmp_path).name == run.folder.name
    (tmp_path / "mine.yaml").write_text(TINY)
    assert find_named("mine.yaml", runs_folder).config.model.d_model == 16
    (tmp_path / "wrong.yaml").write_text("model: {d_modl: 3}")
    with pytest.raises(ConfigError, match="d_modl"):
        find_named("wrong.yaml", runs_folder)


@pytest.mark.parametrize("name", ["nothing", "\x00", "a" * 900, "[b +"])
def test_a_baseline_that_cannot_be_found_is_said(base: Experiment, runs_folder: Path, name: str) -> None:
    from lmcore.config import to_yaml_value

    with pytest.raises(RunError, match=r"other.baseline: There is no configuration .*There is no run"):
        begun(runs_folder, other__baseline=to_yaml_value(name))
    assert len(list_runs(runs_folder)) == 1
