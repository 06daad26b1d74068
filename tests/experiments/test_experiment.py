"""An experiment makes its steps, does what is due after each, and leaves a run directory that tells all of it."""

import errno
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from lmcore.config import ConfigError, SamplingConfig
from lmcore.experiments import questions
from lmcore.experiments.experiment import Evaluation, Experiment
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.listing import list_runs, read_run, read_samples
from lmcore.experiments.runs.metrics import read_metrics
from lmcore.protocol.messages import CheckpointSaved, LayerStatistics, LogLine, Metrics
from lmcore.training.checkpoints import CheckpointError, is_valid, list_checkpoints
from lmcore.training.trainer import NonFinite
from tests.experiments.tiny import tiny, train


def steps_of(folder: Path) -> list[int]:
    return [int(path.name.removeprefix("step-")) for path in list_checkpoints(folder)]


def test_what_a_run_tells_and_when(runs_folder: Path) -> None:
    text = tiny(checkpointing__keep_best="false")
    records = train(Experiment.create(text, runs_folder=runs_folder, name="try"))
    assert [row[0] for r in records if isinstance(r, Metrics) for row in r.rows] == list(range(1, 13))
    assert [r.step for r in records if isinstance(r, LayerStatistics)] == [1, 6, 12]
    assert [r.step for r in records if isinstance(r, Evaluation)] == [4, 8, 12]
    assert [r.step for r in records if isinstance(r, CheckpointSaved)] == [5, 10, 12]
    last = [type(r).__name__ for r in records[-4:]]
    assert last == ["Metrics", "LayerStatistics", "Evaluation", "CheckpointSaved"]
    evaluation = next(r for r in records if isinstance(r, Evaluation))
    assert {"loss/val", "perplexity/val", "bits_per_byte/val", "loss/floor"} <= evaluation.metrics.keys()
    assert evaluation.prompt == "One sunny morning, "
    assert evaluation.sample


def test_intervals_of_zero_leave_the_last_step(runs_folder: Path) -> None:
    text = tiny(
        evaluation__interval=0, checkpointing__interval=0, other__norms_interval=0, other__log_interval=5,
        evaluation__prompt_tokens=0,
    )  # fmt: skip
    experiment = Experiment.create(text, runs_folder=runs_folder)
    records = train(experiment)
    assert [row[0] for r in records if isinstance(r, Metrics) for row in r.rows] == [1, 5, 10, 12]
    assert [type(r).__name__ for r in records if not isinstance(r, Metrics)] == [
        "Evaluation",
        "CheckpointSaved",
    ]
    assert read_samples(experiment.folder) == []


def test_the_run_directory_tells_all_of_it(runs_folder: Path) -> None:
    experiment = Experiment.create("# mine\n" + tiny(), runs_folder=runs_folder, name="Tiny Tales")
    folder = experiment.folder
    assert read_run(folder)["status"] == "running"
    records = train(experiment)
    experiment.close("finished")

    run = read_run(folder)
    assert folder.name[15:] == f"-tiny-tales-{run['config_hash'][:8]}"
    assert (run["status"], run["title"], run["max_steps"], run["vocabulary"]) == ("finished", "Tiny Tales", 12, 128)
    assert run["parameters"] == sum(parameter.numel() for parameter in experiment.model.parameters())
    assert {"id", "seed", "data_fingerprint", "tokenizer_fingerprint", "code_digest", "environment"} <= run.keys()
    text = (folder / "config.yaml").read_text()
    assert text.startswith("# mine\n")
    assert "name: Tiny Tales" in text

    rows, _ = read_metrics(folder / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss/train" in row] == list(range(1, 13))
    assert [row["step"] for row in rows if "loss/val" in row] == [4, 8, 12]
    assert all(row["tokens"] == 32 * row["step"] for row in rows)
    told = [r for r in records if isinstance(r, Evaluation)]
    assert [(s.step, s.text) for s in read_samples(folder)] == [(r.step, r.sample) for r in told]
    (summary,) = list_runs(runs_folder)
    assert (summary.status, summary.step, summary.loss_val) == ("finished", 12, told[-1].metrics["loss/val"])
    assert not (folder / "lock.json").exists()


def test_two_runs_at_once_do_not_share_a_directory(runs_folder: Path) -> None:
    first, second = (Experiment.create(tiny(), runs_folder=runs_folder, name="same") for _ in range(2))
    assert first.folder != second.folder
    assert first.run["id"] == second.run["id"]


def test_the_newest_and_the_best_checkpoint_stay(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = iter([3.0, 1.0, 2.0, math.nan, 2.5])
    monkeypatch.setattr(questions, "evaluate", lambda *_: {"loss/val": next(judged)})
    text = tiny(evaluation__interval=2, checkpointing__interval=3, training__max_steps=10, checkpointing__keep_last=2)
    experiment = Experiment.create(text, runs_folder=runs_folder)
    train(experiment)
    experiment.close("finished")
    assert steps_of(experiment.folder) == [4, 9, 10]
    best = Experiment.open(experiment.folder, "best")
    assert best.step == 4
    with pytest.raises(RunError, match="is open at step 4, but has gone on to step 10: open its last checkpoint"):
        best.advance()


def test_damaged_checkpoints_are_named_when_a_run_goes_on(runs_folder: Path) -> None:
    text = tiny(training__max_steps=10, checkpointing__interval=2, checkpointing__keep_last=4)
    experiment = Experiment.create(text, runs_folder=runs_folder)
    train(experiment, until=8)
    experiment.close("stopped")
    for step in (4, 8):
        weights = experiment.folder / "checkpoints" / f"step-{step:06d}" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    again = Experiment.open(experiment.folder)
    assert again.fallback == "step-000008 is damaged; this is step 6."
    told = [record.text for record in train(again) if isinstance(record, LogLine)]
    assert told == [
        "Damaged, and removed, since these steps are made again: step-000008.",
        "Damaged, so not among the best, and removed once another checkpoint is saved: step-000004.",
    ]
    assert steps_of(again.folder) == [2, 6, 8, 10]


def test_layer_rows_name_every_component(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    (rows,) = [record.rows for record in experiment.advance() if isinstance(record, LayerStatistics)]
    assert [row.component for row in rows] == experiment.model.components()
    for row in rows:
        if row.component.endswith(("attn", "mlp", "embed")):
            assert None not in (row.weight_norm, row.gradient_norm, row.update_ratio, row.activation_rms)


def test_a_loaded_run_answers_without_its_training_text(runs_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "text.txt"
    source.write_text("the cat sat on the mat. " * 200)
    text = tiny(dataset__source="file", dataset__path=source)
    experiment = Experiment.create(text, runs_folder=runs_folder)
    train(experiment)
    experiment.close("finished")
    source.unlink()
    before = sorted((path, path.stat().st_mtime_ns) for path in experiment.folder.rglob("*"))
    loaded = Experiment.open(experiment.folder)
    settings = SamplingConfig(max_tokens=8, seed=3)
    answer = [piece.text for piece in loaded.generate("the ", settings)]
    assert answer == [piece.text for piece in experiment.generate("the ", settings)]
    assert sorted((path, path.stat().st_mtime_ns) for path in experiment.folder.rglob("*")) == before
    with pytest.raises(RunError, match="has made all of its 12 steps"):
        loaded.advance()


def test_other_text_than_before_is_refused(runs_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "text.txt"
    source.write_text("the cat sat on the mat. " * 200)
    experiment = Experiment.create(tiny(dataset__source="file", dataset__path=source), runs_folder=runs_folder)
    train(experiment, until=5)
    experiment.close("stopped")
    source.write_text("the dog sat on the mat. " * 200)
    with pytest.raises(RunError, match="has changed since"):
        Experiment.open(experiment.folder).advance()
    assert read_run(experiment.folder)["status"] == "stopped"
    source.write_text("the cat sat on the mat. " * 200)
    assert train(Experiment.open(experiment.folder))


def test_an_edited_configuration_is_refused(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=5)
    experiment.close("stopped")
    path = experiment.folder / "config.yaml"
    path.write_text(path.read_text().replace("max_steps: 12", "max_steps: 20"))
    with pytest.raises(RunError, match="was changed since the run began"):
        Experiment.open(experiment.folder).advance()


def test_a_second_writer_is_refused_and_reading_is_not(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=5)
    other = Experiment.open(experiment.folder)
    assert list(other.generate("a", SamplingConfig(max_tokens=2)))
    with pytest.raises(RunError, match="being written by this process"):
        other.advance()
    assert other.step == 5
    experiment.close("stopped")
    train(other, until=6)
    with pytest.raises(RunError, match="being written by this process"):
        experiment.advance()
    other.save_checkpoint()
    other.close("stopped")
    with pytest.raises(RunError, match="Another process has trained"):
        experiment.advance()


def test_a_stopped_experiment_can_go_on(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=7)
    experiment.save_checkpoint()
    experiment.close("stopped")
    assert read_run(experiment.folder)["status"] == "stopped"
    train(experiment)
    experiment.close("finished")
    rows, _ = read_metrics(experiment.folder / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss/train" in row] == list(range(1, 13))


def test_a_non_finite_step_leaves_everything_as_it_was(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=5)
    good = experiment.model.embed.weight.detach().clone()
    with torch.no_grad():
        experiment.model.embed.weight[:] = math.nan
    with pytest.raises(NonFinite, match="embed"):
        experiment.advance()
    assert experiment.step == 5
    with pytest.raises(RunError, match=r"At step 5 embed.weight holds values that are not finite"):
        experiment.save_checkpoint()
    assert all(map(is_valid, list_checkpoints(experiment.folder)))
    with torch.no_grad():
        experiment.model.embed.weight.copy_(good)
    train(experiment)
    assert experiment.finished


def test_bad_input_leaves_nothing_behind(runs_folder: Path) -> None:
    for text, complaint in (
        (tiny(model__d_model=15), "n_heads"),
        (tiny(dataset__source="file", dataset__path="/no/such/file.txt"), "no/such/file"),
        (tiny(model__context_length=60000), "context_length"),
        (tiny(other__device="cuda:77"), "cuda:77"),
        (tiny() + "hooks: [{name: a, use: nothing-like-it, at: hook_embed}]\n", "nothing-like-it"),
        (tiny(dataset__unknown="error", evaluation__prompt="日"), "日|U\\+65E5"),
    ):
        with pytest.raises(ValueError, match=complaint):
            Experiment.create(text, runs_folder=runs_folder)
    assert list_runs(runs_folder) == []
    assert not any(runs_folder.glob("*"))


def test_a_preparation_that_is_broken_off_leaves_nothing_behind(runs_folder: Path) -> None:
    class BrokenOff(Exception):
        pass

    def stop(what: str, fraction: float | None) -> None:
        raise BrokenOff

    with pytest.raises(BrokenOff):
        Experiment.create(tiny(dataset__tales_seed=77), runs_folder=runs_folder, on_progress=stop)
    assert list(runs_folder.iterdir()) == []


def test_a_runs_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="Cannot make a run in"):
        Experiment.create(tiny(), runs_folder=tmp_path / "runs")


def test_a_full_disk_stops_the_run_and_loses_nothing(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Experiment.create(tiny(), runs_folder=runs_folder, name="reference")
    told = train(reference)
    experiment = Experiment.create(tiny(), runs_folder=runs_folder, name="full")
    records: list[Any] = []
    refusals = 0
    write, full = os.write, False

    def limited(descriptor: int, content: bytes) -> int:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", limited)
    while not experiment.finished:
        full = not full
        try:
            records += experiment.advance()
        except RunError as refusal:
            assert "the disk is full" in str(refusal)
            refusals += 1
    assert refusals > 10
    files = ("metrics.jsonl", "samples.jsonl")
    for name in files:
        lines, expected = (
            [json.loads(line) for line in (run.folder / name).read_text().splitlines()]
            for run in (experiment, reference)
        )
        for row in lines + expected:
            for key in [key for key in row if key == "seconds" or key.startswith("throughput/")]:
                del row[key]
        assert lines == expected
    assert [type(record) for record in records] == [type(record) for record in told]


def test_a_checkpoint_taken_in_the_middle_of_an_evaluation_remembers_what_is_due(runs_folder: Path) -> None:
    reference = Experiment.create(tiny(), runs_folder=runs_folder, name="reference")
    train(reference, until=6)

    experiment = Experiment.create(tiny(), runs_folder=runs_folder, name="broken-off")
    train(experiment, until=3)

    class BrokenOff(Exception):
        pass

    def save_and_stop() -> None:
        experiment.save_checkpoint()
        raise BrokenOff

    with pytest.raises(BrokenOff):
        experiment.advance(on_batch=save_and_stop)
    experiment.close("stopped")
    again = Experiment.open(experiment.folder)
    assert again.step == 4
    (record,) = [record for record in again.advance() if isinstance(record, Evaluation)]
    assert (record.step, again.step) == (4, 4)
    train(again, until=6)
    for name in ("samples.jsonl",):
        assert (again.folder / name).read_text() == (reference.folder / name).read_text()
    steps = [(row["step"], "loss/val" in row) for row in read_metrics(again.folder / "metrics.jsonl")[0]]
    assert steps == [(row["step"], "loss/val" in row) for row in read_metrics(reference.folder / "metrics.jsonl")[0]]


def test_a_damaged_newest_checkpoint_is_passed_over(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=11)
    experiment.close("stopped")
    newest = list_checkpoints(experiment.folder)[-1] / "model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    again = Experiment.open(experiment.folder)
    assert again.step < 10
    train(again)
    again.close("finished")
    assert all(map(is_valid, list_checkpoints(again.folder)))
    rows, _ = read_metrics(again.folder / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss/train" in row] == list(range(1, 13))


def test_a_run_that_has_no_checkpoint_yet_begins_again(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=2)
    experiment.close("stopped")
    again = Experiment.open(experiment.folder)
    assert again.step == 0
    train(again, until=3)
    assert [row["step"] for row in read_metrics(again.folder / "metrics.jsonl")[0]] == [1, 2, 3]
    with pytest.raises(CheckpointError, match="no checkpoint"):
        Experiment.open(experiment.folder, "7")


def test_values_that_a_run_keeps_are_not_changed(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    experiment.advance()
    for key, value, error, complaint in (
        ("model.d_model", "32", RunError, "needs a new run, or a fork"),
        ("training.lerning_rate", "1", ConfigError, "learning_rate"),
        ("training.learning_rate", "-1", ConfigError, "learning_rate"),
        ("training.learning_rate", "1e-9", ConfigError, "min_learning_rate"),
        ("training.learning_rate", "[", ConfigError, "a value is missing"),
        ("training", "{}", RunError, "whole section"),
        ("hooks.x", "{}", RunError, "Set the whole list"),
        ("evaluation.interval", "often", ConfigError, "evaluation.interval|whole number|integer"),
    ):
        with pytest.raises(error, match=complaint):
            experiment.set_value(key, value)
    with pytest.raises(RunError, match="no hook 'x'; the hooks of this run: none"):
        experiment.set_value("hooks.x.enabled", "false")
    assert not (experiment.folder / "journal.jsonl").exists()
    changed = experiment.set_value("training.learning_rate", "2e-3")
    assert (changed.old, changed.new) == ("0.001", "0.002")
    assert experiment.config.training.learning_rate == 0.002
    assert "learning_rate: 0.002" in experiment.config_text
    assert "learning_rate: 0.001" in (experiment.folder / "config.yaml").read_text()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_is_deleted_meanwhile_ends_training_and_is_not_made_anew(
    runs_folder: Path, replaced: bool
) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    train(experiment, until=2)
    shutil.rmtree(experiment.folder)
    if replaced:
        again = Experiment.create(tiny(), runs_folder=runs_folder)
        again.folder.replace(experiment.folder)
    before = sorted(path for path in runs_folder.rglob("*"))
    said = "not the file any more" if replaced else r"The folder of the run .* is gone"
    for act in (experiment.advance, experiment.save_checkpoint, lambda: experiment.close("stopped")):
        with pytest.raises(RunError, match=said):
            act()
    assert sorted(path for path in runs_folder.rglob("*")) == before
    experiment.close("stopped")  # the lock is let go of already
