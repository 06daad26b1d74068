"""A run is trained again and compared bit for bit; what was tampered with is named."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch

from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import ConsentNeeded, agree
from lmcore.experiments.identity.own_code import read_own_file
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.verification import drift
from lmcore.experiments.verification.verification import Verification, verify
from lmcore.protocol.messages import OwnFile
from tests.experiments.tiny import forget_digests, tiny, train

CHANGES = [
    (1, "training.learning_rate", "5e-3"),
    (2, "training.weight_decay", "0.5"),
    (3, "evaluation.interval", "3"),
    (4, "training.gradient_clip", "0.1"),
    (5, "hooks.noise.enabled", "false"),
    (6, "training.beta2", "0.95"),
    (6, "other.norms_interval", "1"),
    (8, "hooks.noise.enabled", "true"),
    (9, "training.learning_rate", "1e-3"),
    (11, "evaluation.prompt", "A new prompt"),
]
HOOK = "hooks: [{name: noise, kind: forward, use: scale, at: blocks.0.hook_attn_out, with: {factor: 0.5}}]\n"


def trained(runs_folder: Path, text: str = "", **values: Any) -> Path:
    """The folder of a run of 12 steps that has finished."""
    experiment = Experiment.create(text or tiny(**values), runs_folder=runs_folder, name="run")
    train(experiment)
    experiment.close("finished")
    return experiment.folder


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_identical(found: Verification, steps: int = 12) -> None:
    assert found.reproduced, found.sentences
    assert (found.identical, found.last) == (steps, 12)
    assert found.sentences[0].startswith(f"reproduced, {steps} of {steps} steps")
    assert found.checkpoints[-1] == 12


def edit_row(folder: Path, step: int, metric: str, value: float, file: str = "metrics.jsonl") -> None:
    """Change one number of a line of JSON."""
    lines = (folder / file).read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    index = next(i for i, row in enumerate(rows) if row["step"] == step and metric in row)
    rows[index][metric] = value
    (folder / file).write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    "values",
    [
        {"training__optimizer": "adamw"},
        {"training__optimizer": "muon"},
        {"training__optimizer": "sgd"},
        {"training__optimizer": "lion", "training__learning_rate": "3e-4"},
        {"model__positions": "learned", "model__dropout": "0.0"},
        {"model__positions": "sinusoidal"},
        {"model__positions": "rotary"},
        {"model__positions": "none"},
        {"model__norm": "layernorm", "dataset__order": "shuffled"},
        {"model__norm": "rmsnorm", "model__dropout": "0.3"},
        {"training__gradient_accumulation_steps": "3"},
        {"other__log_interval": "5", "evaluation__prompt_tokens": "0"},
    ],
    ids=lambda values: "-".join(str(value) for value in values.values()),
)
def test_a_run_is_reproduced(runs_folder: Path, values: dict[str, str]) -> None:
    assert_identical(verify(trained(runs_folder, **values)))


def test_the_run_is_only_read(runs_folder: Path) -> None:
    folder = trained(runs_folder)
    before = snapshot(runs_folder)
    verify(folder)
    assert snapshot(runs_folder) == before


def test_ten_live_changes_are_made_again(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny() + HOOK, runs_folder=runs_folder)
    for step, key, value in CHANGES:
        train(experiment, until=step)
        experiment.set_value(key, value)
    train(experiment)
    experiment.close("finished")
    assert_identical(verify(experiment.folder))
    forget_digests(experiment.folder)
    journal = experiment.folder / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"0.1"', '"0.2"'))
    found = verify(experiment.folder)
    assert found.metric is not None and found.metric.step == 6
    assert found.tensor is not None and found.tensor.step == 10
    assert "journal.jsonl" in found.sentences[-1]


def test_a_run_that_was_killed_and_resumed_is_reproduced(runs_folder: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from lmcore.experiments.experiment import Experiment\n"
        "from tests.experiments.tiny import tiny, train\n"
        "experiment = Experiment.create(tiny(), runs_folder=Path(sys.argv[1]))\n"
        "train(experiment, until=6); experiment.set_value('training.learning_rate', '5e-3')\n"
        "train(experiment, until=9); os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, str(runs_folder)],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    (folder,) = runs_folder.iterdir()
    cut_short = verify(folder)
    assert cut_short.reproduced and (cut_short.identical, cut_short.last) == (9, 9), cut_short.sentences
    experiment = Experiment.open(folder)
    assert experiment.step < 9
    train(experiment)
    experiment.close("finished")
    assert_identical(verify(folder))


def test_a_part_of_a_run_can_be_verified(runs_folder: Path) -> None:
    folder = trained(runs_folder, checkpointing__keep_last=9)
    edit_row(folder, 3, "loss/train", 1.0)
    assert_identical(verify(folder, from_step=5), steps=7)
    assert verify(folder, steps=2).sentences == ["reproduced, 2 of 2 steps identical."]
    both = verify(folder, from_step=5, steps=5)
    assert both.sentences == ["reproduced, 5 of 5 steps from step 5 on identical; weights identical at step 10."]
    with pytest.raises(RunError, match="nothing to verify after step 12"):
        verify(folder, from_step=12)
    with pytest.raises(ValueError, match="no checkpoint at step 6"):
        verify(folder, from_step=6)


@pytest.mark.parametrize("is_own_checkpoint_gone", [False, True])
def test_a_fork_is_reproduced_from_its_first_checkpoint(runs_folder: Path, is_own_checkpoint_gone: bool) -> None:
    parent = trained(runs_folder, checkpointing__keep_last=9)
    changes = [("training.learning_rate", "5e-3"), ("checkpointing.keep_last", "1"), ("checkpointing.interval", "2")]
    fork = Experiment.fork(parent, "5", changes, runs_folder=runs_folder, name="fork")
    train(fork)
    fork.close("finished")
    first = fork.folder / "checkpoints" / "step-000005"
    assert first.exists()  # although newer ones took the place of the others
    if is_own_checkpoint_gone:
        shutil.rmtree(first)
    assert_identical(verify(fork.folder), steps=7)
    if is_own_checkpoint_gone:
        shutil.rmtree(parent)
        with pytest.raises(RunError, match=r"forked at step 5.*is gone.*--from STEP"):
            verify(fork.folder)
        last = sorted((fork.folder / "checkpoints").iterdir())[0]
        assert last.name != "step-000005"


def test_a_changed_number_is_named_and_told_from_other_training(runs_folder: Path) -> None:
    folder = trained(runs_folder)
    edit_row(folder, 7, "loss/train", 1.5)
    found = verify(folder)
    assert not found.reproduced
    assert found.metric is not None
    assert (found.metric.step, found.metric.metric, found.metric.recorded) == (7, "loss/train", "1.5")
    assert found.identical == 6 and found.tensor is None
    assert "not reproduced, 6 of 12 steps" in found.sentences[0]
    assert "First difference: step 7, loss/train: recorded 1.5, now " in found.sentences[1]
    assert "not the training" in found.sentences[-1]


def cut_a_line(folder: Path) -> None:
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(line for line in lines if json.loads(line)["step"] != 6))


def repeat_a_line(folder: Path) -> None:
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join([*lines, lines[2]]))


def spoil_a_line(folder: Path) -> None:
    text = (folder / "metrics.jsonl").read_text()
    (folder / "metrics.jsonl").write_text(text.replace('{"step": 6,', '{"step": 6:', 1))


def remove_metrics(folder: Path) -> None:
    (folder / "metrics.jsonl").unlink()


def change_evaluation(folder: Path) -> None:
    edit_row(folder, 8, "perplexity/val", 1.0)


def change_tokens(folder: Path) -> None:
    edit_row(folder, 4, "tokens", 3)


def change_sample(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    rows[1]["text"] = "What it never said"
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def change_what_a_checkpoint_says(folder: Path) -> None:
    path = folder / "checkpoints" / "step-000010" / "state.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tokens": 7}))


@pytest.mark.parametrize(
    ("tamper", "step", "metric"),
    [
        (cut_a_line, 6, "its line of metrics"),
        (repeat_a_line, 3, "its line of metrics"),
        (spoil_a_line, 6, "its line of metrics"),
        (remove_metrics, 1, "its line of metrics"),
        (change_evaluation, 8, "perplexity/val"),
        (change_tokens, 4, "tokens"),
        (change_sample, 8, "sample"),
        (change_what_a_checkpoint_says, 10, "tokens in its checkpoint's state.json"),
    ],
)
def test_other_changes_of_the_record_are_named(
    runs_folder: Path, tamper: Callable[[Path], None], step: int, metric: str
) -> None:
    folder = trained(runs_folder)
    tamper(folder)
    found = verify(folder)
    assert not found.reproduced
    assert found.metric is not None and (found.metric.step, found.metric.metric) == (step, metric)


def test_a_line_of_a_step_that_was_never_made_is_named(runs_folder: Path) -> None:
    folder = trained(runs_folder)
    edit_row(folder, 5, "step", 500)
    found = verify(folder)
    assert not found.reproduced and found.last == 12
    assert "Differs: record: recorded 12 steps, now lines of step 500." in found.sentences


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda text: text.replace("0.005", "0.006"), "changes training.learning_rate from 0.001 to 0.006 just before"),
        (lambda text: "", "perhaps a change was removed from it"),
    ],
)
def test_a_changed_journal_is_suspected(runs_folder: Path, edit: Callable[[str], str], said: str) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder, name="run")
    train(experiment, until=3)
    experiment.set_value("training.learning_rate", "5e-3")
    train(experiment)
    experiment.close("finished")
    journal = experiment.folder / "journal.jsonl"
    forget_digests(experiment.folder)
    journal.write_text(edit(journal.read_text()))
    found = verify(experiment.folder)
    assert found.metric is not None and (found.metric.step, found.metric.metric) == (4, "learning_rate")
    assert said in found.sentences[-1]


def test_times_and_throughput_may_be_what_they_are(runs_folder: Path) -> None:
    folder = trained(runs_folder)
    edit_row(folder, 5, "throughput/tokens_per_second", 1.0)
    edit_row(folder, 6, "seconds", 1.0)
    assert_identical(verify(folder))


@pytest.mark.parametrize("is_hidden", [False, True])
def test_changed_weights_are_named(runs_folder: Path, is_hidden: bool) -> None:
    folder = trained(runs_folder)
    file = folder / "checkpoints" / "step-000012" / "model.safetensors"
    tensors = safetensors.torch.load(file.read_bytes())
    tensors["blocks.1.mlp.up.weight" if "blocks.1.mlp.up.weight" in tensors else sorted(tensors)[3]].view(-1)[5] += 1e-3
    content = safetensors.torch.save(tensors)
    file.write_bytes(content)
    if is_hidden:  # who changes weights may change the digest beside them
        state = json.loads((file.parent / "state.json").read_text())
        state["files"][file.name]["sha256"] = hashlib.sha256(content).hexdigest()
        (file.parent / "state.json").write_text(json.dumps(state))
    found = verify(folder)
    assert not found.reproduced and found.metric is None
    assert found.tensor is not None and (found.tensor.step, found.tensor.differing) == (12, 1)
    assert found.tensor.largest == pytest.approx(1e-3, rel=1e-3)
    named = [part.part for part in found.drifts]
    assert named == ([] if is_hidden else ["checkpoint step-000012"])
    assert found.tensor.tensor in found.sentences[1]


def test_changed_data_is_named(runs_folder: Path) -> None:
    text = runs_folder.parent / "text.txt"
    text.write_text("It was a dark and stormy night, and nobody saw. " * 40)
    folder = trained(runs_folder, dataset__source="file", dataset__path=str(text))
    assert_identical(verify(folder))
    text.write_text(text.read_text().replace("nobody", "no body", 1))
    found = verify(folder)
    assert not found.reproduced
    assert [part.part for part in found.drifts] == [f"data (file {text})"]
    assert found.sentences[0] == "not reproduced: it cannot be trained again as it was."


def test_cached_tokens_that_were_changed_are_named_and_made_anew(
    runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMLAB_CACHE", str(runs_folder.parent / "cache"))
    folder = trained(runs_folder)
    (ids,) = (runs_folder.parent / "cache").glob("tokens/*/ids.bin")
    ids.write_bytes(bytes(len(ids.read_bytes())))
    found = verify(folder)
    assert_identical(found)
    assert "Differs: cached tokens: recorded as they were made, now damaged (they were made again)." in found.sentences
    assert verify(folder).drifts == ()


@pytest.mark.parametrize(
    ("key", "value", "parts"),
    [
        ("config_hash", "0" * 64, ["configuration"]),
        ("seed", 99, ["seed"]),
        ("id", "0" * 16, ["identity"]),
        ("code_digest", "0" * 64, ["identity", "code of lmcore"]),
        ("tokenizer_fingerprint", "0", ["tokenizer"]),
        ("max_steps", 20, ["number of steps"]),
    ],
)
def test_a_changed_identity_is_named(runs_folder: Path, key: str, value: Any, parts: list[str]) -> None:
    folder = trained(runs_folder)
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, key: value}))
    found = verify(folder)
    assert not found.reproduced
    assert [part.part for part in found.drifts] == parts


def test_a_changed_configuration_is_named(runs_folder: Path) -> None:
    folder = trained(runs_folder)
    config = folder / "config.yaml"
    assert "dropout: 0.1" in config.read_text()
    config.write_text(config.read_text().replace("dropout: 0.1", "dropout: 0.2"))
    assert [part.part for part in verify(folder).drifts] == ["configuration"]


def test_other_code_and_another_machine_are_named_and_condemn_nothing(
    runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = trained(runs_folder)
    monkeypatch.setattr(drift, "code_digest", lambda: "f" * 64)
    here = drift.environment()
    monkeypatch.setattr(drift, "environment", lambda: {**here, "torch": "9.0", "threads": 64, "processor": "Abacus"})
    found = verify(folder)
    assert_identical(found)
    assert [part.part for part in found.drifts] == ["code of lmcore", "torch", "threads", "processor"]
    edit_row(folder, 2, "loss/train", 1.5)
    assert "Differs: processor: recorded " in "\n".join(verify(folder).sentences)


OWN = '''\
from lmcore.hooks.catalogue import hook


@hook("forward")
def shrink(x, point, *, factor: float = 0.5):
    """Make it smaller."""
    return x * factor
'''
DECLARED = "hooks: [{name: own, kind: forward, use: 'my.py:shrink', at: blocks.0.hook_mlp_out}]\n"


def test_own_code_is_run_again_in_each_of_its_versions(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(runs_folder.parent / "data"))
    place = runs_folder.parent / "my.py"
    place.write_text(OWN)
    experiment = Experiment.create(
        tiny() + DECLARED, runs_folder=runs_folder, config_folder=place.parent, allow_code=True
    )
    train(experiment, until=6)
    place.write_text(OWN.replace("0.5", "0.25"))
    later = agreed(place)
    experiment.use_file(later)
    train(experiment)
    experiment.close("finished")
    folder = experiment.folder
    assert_identical(verify(folder))
    monkeypatch.setenv("LMLAB_DATA", str(runs_folder.parent / "another machine"))
    with pytest.raises(ConsentNeeded):
        verify(folder)
    assert_identical(verify(folder, allow_code=True))
    (folder / "code" / "my.py").write_text(OWN.replace("0.5", "0.75"))
    found = verify(folder)
    assert not found.reproduced
    assert [(part.part, part.now) for part in found.drifts] == [("own code my.py", "changed or removed")]


def agreed(path: Path) -> OwnFile:
    """A version of an own file that was agreed to."""
    file = read_own_file(path)
    agree([file.digest])
    return file


def test_a_run_without_steps_has_nothing_to_verify(runs_folder: Path) -> None:
    experiment = Experiment.create(tiny(), runs_folder=runs_folder)
    experiment.close("stopped")
    with pytest.raises(RunError, match="nothing to verify"):
        verify(experiment.folder)
