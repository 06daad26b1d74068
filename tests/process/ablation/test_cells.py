"""Which runs an ablation needs, and which of those that are there it may use."""

import shutil
from pathlib import Path

import pytest
import torch

from lmcore.config import set_in_text
from lmcore.experiments.ablation.plan import Ablation, AblationError, plan_ablation
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.identity import config_hash
from lmcore.experiments.runs.folder import RunError, load_run
from lmcore.experiments.verification.verification import verify
from lmcore.process.ablation.cells import Cell, find_present, lay_ground, read_finished
from tests.experiments.tiny import TINY, train

SHORT = set_in_text(TINY, "training.max_steps", "4")


def planned(runs_folder: Path, *changes: str) -> Ablation:
    text = set_in_text(SHORT, "other.runs_folder", str(runs_folder))
    return plan_ablation(text, "tiny.yaml", changes or ["model.norm=rmsnorm"], seeds=2)


def cells_of(ablation: Ablation) -> tuple[Cell, ...]:
    return lay_ground(ablation).cells


def made(cell: Cell, runs_folder: Path, until: int = 10**9) -> Experiment:
    experiment = Experiment.create(cell.text, runs_folder=runs_folder)
    train(experiment, until)
    if not experiment.finished:
        experiment.save_checkpoint()
    experiment.close("finished" if experiment.finished else "stopped")
    return experiment


def test_each_arm_and_seed_is_a_run_of_its_own_and_pairs_come_early(runs_folder: Path) -> None:
    cells = cells_of(planned(runs_folder))
    assert [(cell.arm.name, cell.seed) for cell in cells] == [
        ("baseline", 1),
        ("model.norm=rmsnorm", 1),
        ("baseline", 2),
        ("model.norm=rmsnorm", 2),
    ]
    assert len({cell.id for cell in cells}) == 4


def test_finished_runs_are_found_and_unfinished_ones_can_go_on(runs_folder: Path) -> None:
    cells = cells_of(planned(runs_folder))
    done, half = made(cells[0], runs_folder), made(cells[1], runs_folder, until=2)
    present = find_present(runs_folder, cells)
    assert list(present.finished) == [cells[0].id] == [done.run["id"]]
    assert present.finished[cells[0].id].curve[-1].step == 4
    assert present.finished[cells[0].id].loss == done.evaluate()["loss/val"]
    assert present.unfinished == {cells[1].id: half.folder}


def test_a_run_whose_values_were_changed_on_the_way_is_not_used(runs_folder: Path) -> None:
    cell = cells_of(planned(runs_folder))[0]
    experiment = Experiment.create(cell.text, runs_folder=runs_folder)
    train(experiment, 2)
    experiment.set_value("training.learning_rate", "5e-3")
    train(experiment)
    experiment.close("finished")
    assert experiment.run["id"] == cell.id
    assert not find_present(runs_folder, [cell]).finished
    with pytest.raises(RunError, match="not the run that was planned"):
        read_finished(experiment.folder, cell)


@pytest.mark.parametrize("change", [("evaluation.batches", "1"), ("evaluation.stride", "8"), ("other.threads", "2")])
def test_a_run_that_was_judged_or_computed_in_another_way_is_not_used(
    runs_folder: Path, change: tuple[str, str]
) -> None:
    cell = cells_of(planned(runs_folder))[0]
    experiment = Experiment.create(set_in_text(cell.text, *change), runs_folder=runs_folder)
    train(experiment)
    experiment.close("finished")
    assert experiment.run["id"] == cell.id
    assert not find_present(runs_folder, [cell]).finished


def test_a_fork_that_went_another_way_first_is_not_used(runs_folder: Path) -> None:
    cell = cells_of(planned(runs_folder))[0]
    parent = Experiment.create(set_in_text(cell.text, "training.learning_rate", "5e-3"), runs_folder=runs_folder)
    train(parent, 2)
    parent.save_checkpoint()
    parent.close("stopped")
    fork = Experiment.fork(parent.folder, changes=[("training.learning_rate", "1e-3")], runs_folder=runs_folder)
    train(fork)
    fork.close("finished")
    assert fork.run["id"] == cell.id
    assert not find_present(runs_folder, [cell]).finished


def test_damaged_runs_are_passed_over(runs_folder: Path) -> None:
    cells = cells_of(planned(runs_folder))
    experiment = made(cells[0], runs_folder)
    for number, name in enumerate(("run.json", "config.yaml", "metrics.jsonl")):
        copy = runs_folder / f"{number}-copy"
        shutil.copytree(experiment.folder, copy)
        (copy / name).write_bytes(b"\xff{")
    shutil.rmtree(experiment.folder)
    assert not find_present(runs_folder, cells).finished


@pytest.mark.parametrize("change", ["dataset.tales_megabytes=0.03", "dataset.tokenizer=byte", "dataset.tales_seed=2"])
def test_arms_that_are_judged_on_other_tokens_are_refused(runs_folder: Path, change: str) -> None:
    with pytest.raises(AblationError, match="cannot be compared"):
        cells_of(planned(runs_folder, change))


def test_a_run_that_began_with_other_weights_than_its_seeds_is_no_finished_baseline(runs_folder: Path) -> None:
    """Whether they were changed before the first step or loaded; the run says so, and can be trained again."""
    cells = cells_of(planned(runs_folder))
    experiment = Experiment.create(cells[0].text, runs_folder=runs_folder)
    assert experiment.run["id"] == cells[0].id
    with torch.no_grad():
        next(experiment.model.parameters()).mul_(1.5)
    train(experiment, until=1)
    assert not find_present(runs_folder, cells).unfinished
    train(experiment)
    experiment.close("finished")
    assert not find_present(runs_folder, cells).finished
    assert load_run(experiment.folder)["config_hash"] == config_hash(cells[0].arm.config)

    found = verify(experiment.folder)
    assert found.reproduced, found.sentences
    assert "not those of its seed: they were changed or loaded" in found.sentences[1]
    kept = experiment.folder / "checkpoints/step-000000/model.safetensors"
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    assert not verify(experiment.folder).reproduced


def test_weights_that_were_only_looked_at_leave_a_run_what_it_is(runs_folder: Path) -> None:
    cells = cells_of(planned(runs_folder))
    experiment = Experiment.create(cells[0].text, runs_folder=runs_folder)
    experiment.evaluate()
    train(experiment)
    experiment.close("finished")
    assert "initial_weights" not in load_run(experiment.folder)
    assert list(find_present(runs_folder, cells).finished) == [cells[0].id]
