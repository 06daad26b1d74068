"""Checkpoints: bit for bit, atomic, checked, and answered in sentences when something is wrong."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from lmcore.training import checkpoints
from lmcore.training.checkpoints import (
    CheckpointError,
    find_checkpoint,
    is_valid,
    list_checkpoints,
    load_checkpoint,
    load_model,
    load_state,
    prune,
    save_checkpoint,
)
from tests.training.tiny import assert_same_bits, losses_of, state_of, tiny_config, tiny_model, tiny_trainer

SCHEDULES = ["cosine", "linear", "constant", "warmup_stable_decay"]
RECIPES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *(({}, {"optimizer": optimizer, "schedule": s}) for optimizer in ("adamw", "muon") for s in SCHEDULES),
    *(({}, {"optimizer": optimizer}) for optimizer in ("sgd", "lion")),
    *(
        ({"dropout": 0.3}, {"optimizer": optimizer, "gradient_accumulation_steps": 2})
        for optimizer in ("adamw", "muon")
    ),
    ({"tied_head": False, "positions": "rotary", "mlp": "swiglu", "bias": True}, {"optimizer": "muon"}),
    ({}, {"batch_ramp_start": 1, "batch_ramp_steps": 8, "gradient_accumulation_steps": 2}),
]


@pytest.mark.parametrize(("model", "training"), RECIPES)
def test_straight_through_is_bit_for_bit_stopping_and_going_on(
    model: dict[str, Any], training: dict[str, Any], tmp_path: Path
) -> None:
    config = tiny_config(model, **training)
    straight = tiny_trainer(config)
    losses = losses_of(straight, 9)
    resumed = tiny_trainer(config)
    again = losses_of(resumed, 3)
    for stop in (3, 6):  # twice: drift after a second resume has bitten others
        path = save_checkpoint(tmp_path, resumed, {"at": stop})
        torch.manual_seed(stop)  # whatever state the global stream is in
        resumed = tiny_trainer(config)
        assert load_checkpoint(path, resumed) == {"at": stop}
        assert resumed.step == stop
        again += losses_of(resumed, 3)
    assert again == losses
    assert_same_bits(state_of(straight), state_of(resumed))
    assert (resumed.step, resumed.tokens) == (straight.step, straight.tokens)


def test_shuffled_epochs_resume_bit_for_bit(tmp_path: Path) -> None:
    config = tiny_config(batch_size=16).model_copy(
        update={"dataset": tiny_config().dataset.model_copy(update={"order": "shuffled"})}
    )
    straight = losses_of(tiny_trainer(config), 8)  # 41 windows: an epoch ends within
    first = tiny_trainer(config)
    losses = losses_of(first, 4)
    path = save_checkpoint(tmp_path, first, {})
    second = tiny_trainer(config)
    load_checkpoint(path, second)
    assert losses + losses_of(second, 4) == straight


def saved(tmp_path: Path, *steps: int, **losses: float) -> list[Path]:
    """Checkpoints at these steps; step_3=0.5 gives that one a validation loss."""
    trainer = tiny_trainer(tiny_config())
    paths = []
    while trainer.step < max(steps):
        trainer.train_step()
        if trainer.step in steps:
            loss = losses.get(f"step_{trainer.step}")
            paths.append(save_checkpoint(tmp_path, trainer, {} if loss is None else {"loss/val": loss}))
    return paths


def test_what_is_on_disk_is_safetensors_and_json(tmp_path: Path) -> None:
    [path] = saved(tmp_path, 2)
    assert path == tmp_path / "checkpoints" / "step-000002"
    assert sorted(p.name for p in path.iterdir()) == ["model.safetensors", "optimizer.safetensors", "state.json"]
    state = json.loads((path / "state.json").read_text())
    assert (state["step"], state["tokens"]) == (2, 2 * 4 * 12)
    weights = safetensors.torch.load_file(path / "model.safetensors")
    assert set(weights) == {name for name, _ in tiny_model(tiny_config()).named_parameters()}  # a tied head once


def test_weights_alone_can_be_loaded(tmp_path: Path) -> None:
    [path] = saved(tmp_path, 2)
    model = tiny_model(tiny_config())
    assert load_model(path, model) == 2
    weights = safetensors.torch.load_file(path / "model.safetensors")
    assert_same_bits(weights, {name: p.detach() for name, p in model.named_parameters()})


def damage_truncate(path: Path) -> None:
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])


def damage_flip(path: Path) -> None:
    data = bytearray((path / "optimizer.safetensors").read_bytes())
    data[-1] ^= 1
    (path / "optimizer.safetensors").write_bytes(data)


def damage_missing(path: Path) -> None:
    (path / "optimizer.safetensors").unlink()


def damage_state(path: Path) -> None:
    (path / "state.json").write_text('{"step": 5')


def damage_state_kind(path: Path) -> None:
    (path / "state.json").write_text("[1, 2]")


def damage_no_state(path: Path) -> None:
    (path / "state.json").unlink()


DAMAGES = [damage_truncate, damage_flip, damage_missing, damage_state, damage_state_kind, damage_no_state]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_is_recognized_and_an_older_one_found(damage: Any, tmp_path: Path) -> None:
    older, newer = saved(tmp_path, 2, 4, step_2=0.7, step_4=0.5)
    assert find_checkpoint(tmp_path) == find_checkpoint(tmp_path, "best") == newer
    damage(newer)
    assert is_valid(older) and not is_valid(newer)
    assert list_checkpoints(tmp_path) == [older, newer]
    assert find_checkpoint(tmp_path) == find_checkpoint(tmp_path, "best") == older
    with pytest.raises(
        CheckpointError,
        match=r"step-000004.* (is damaged|cannot be read): .*; the checkpoints of this run are at steps 2, 4",
    ):
        find_checkpoint(tmp_path, "4")
    trainer = tiny_trainer(tiny_config())
    before = state_of(trainer)
    with pytest.raises(CheckpointError, match=r"damaged|cannot be read"):
        load_checkpoint(newer, trainer)
    assert_same_bits(before, state_of(trainer))


def test_a_damaged_one_is_replaced_when_its_step_is_saved_again(tmp_path: Path) -> None:
    [path] = saved(tmp_path, 3)
    damage_flip(path)
    saved(tmp_path, 3)
    assert is_valid(path)


def test_saving_a_step_again_renews_only_the_facts(tmp_path: Path) -> None:
    trainer = tiny_trainer(tiny_config())
    path = save_checkpoint(tmp_path, trainer, {"loss/val": 3.0})
    stamp = (path / "model.safetensors").stat().st_mtime_ns
    assert save_checkpoint(tmp_path, trainer, {"loss/val": 2.0}) == path
    assert load_state(path)["extra"] == {"loss/val": 2.0}
    assert is_valid(path)
    assert (path / "model.safetensors").stat().st_mtime_ns == stamp
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["step-000000"]


def test_finding_last_best_and_by_step(tmp_path: Path) -> None:
    paths = saved(tmp_path, 1, 2, 3, step_1=0.9, step_2=0.4)
    assert find_checkpoint(tmp_path, "last") == paths[2]
    assert find_checkpoint(tmp_path, "best") == paths[1]
    assert find_checkpoint(tmp_path, "1") == paths[0]
    with pytest.raises(CheckpointError, match="no checkpoint at step 7; there are: 1, 2, 3"):
        find_checkpoint(tmp_path, "7")
    with pytest.raises(CheckpointError, match=r"'\.\./x' is no checkpoint: ask for last, best or a step"):
        find_checkpoint(tmp_path, "../x")
    with pytest.raises(CheckpointError, match="has no checkpoints"):
        find_checkpoint(tmp_path / "nothing")
    for path in paths[:2]:
        shutil.rmtree(path)
    with pytest.raises(CheckpointError, match=r"none .* has a validation loss"):
        find_checkpoint(tmp_path, "best")


def test_pruning_keeps_the_last_and_the_best(tmp_path: Path) -> None:
    paths = saved(tmp_path, 1, 2, 3, 4, 5)
    assert prune(tmp_path, keep_last=2, best_step=2) == [paths[0], paths[2]]
    assert list_checkpoints(tmp_path) == [paths[1], paths[3], paths[4]]
    damage_truncate(paths[4])
    assert prune(tmp_path, keep_last=1) == [paths[1], paths[4]]
    damage_no_state(paths[3])
    assert prune(tmp_path, keep_last=1) == []  # nothing whole is left, so nothing is thrown away


def test_a_full_disk_leaves_the_earlier_checkpoint_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = saved(tmp_path, 1)
    written = []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"the disk is full: step-000002 needs 0\.\d MB"):
        saved(tmp_path, 2)
    monkeypatch.undo()
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == [path.name]
    assert find_checkpoint(tmp_path) == path
    saved(tmp_path, 2)
    assert len(list_checkpoints(tmp_path)) == 2


def test_a_folder_that_cannot_be_written_is_answered(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(CheckpointError, match=r"checkpoints could not be written: it is a file, not a folder"):
        save_checkpoint(tmp_path, tiny_trainer(tiny_config()), {})


@pytest.mark.parametrize("kill_at", range(12))
def test_killed_at_any_moment_of_saving_the_earlier_ones_stay(
    kill_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill leaves the files as they were at that call: here each call that would change them ends saving instead."""

    class Killed(BaseException):
        pass

    calls = []

    def counted(real: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            calls.append(1)
            if len(calls) == kill_at + 1:
                raise Killed
            return real(*arguments, **keywords)

        return call

    [first] = saved(tmp_path, 1)
    for owner, name in ((checkpoints.os, "fsync"), (Path, "rename"), (Path, "mkdir"), (Path, "open")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    trainer = tiny_trainer(tiny_config())
    losses_of(trainer, 2)
    try:
        save_checkpoint(tmp_path, trainer, {})
        survived = True
    except Killed:
        survived = False
    monkeypatch.undo()
    assert all(is_valid(path) for path in list_checkpoints(tmp_path))
    assert first in list_checkpoints(tmp_path)
    assert survived == (kill_at >= len(calls))
    save_checkpoint(tmp_path, trainer, {})
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-000001", "step-000002"]


def test_another_model_is_refused_by_name_and_shape(tmp_path: Path) -> None:
    [path] = saved(tmp_path, 1)
    with pytest.raises(
        CheckpointError, match=r"embed\.weight is \(11, 16\) there and \(11, 8\) in the configuration's"
    ):
        load_model(path, tiny_model(tiny_config({"d_model": 8})))
    with pytest.raises(CheckpointError, match=r"the checkpoint has no unembed\.weight"):
        load_model(path, tiny_model(tiny_config({"tied_head": False})))
    with pytest.raises(CheckpointError, match=r"configuration describes has no blocks\.1\."):
        load_model(path, tiny_model(tiny_config({"n_layers": 1})))
    with pytest.raises(CheckpointError, match=r"optimizer\.safetensors does not fit"):
        load_checkpoint(path, tiny_trainer(tiny_config(optimizer="muon")))
