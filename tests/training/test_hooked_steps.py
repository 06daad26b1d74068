"""Hooks inside of training steps: measured without a trace, absent when they are off, and resumed bit for bit."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from lmcore.hooks.active import Hooks
from lmcore.training.checkpoints import (
    CheckpointError,
    is_valid,
    load_checkpoint,
    load_hooks,
    load_model,
    save_checkpoint,
)
from lmcore.training.trainer import Trainer
from tests.hooks.own_hooks import FILE, TEXT, declared
from tests.training.tiny import assert_same_bits, losses_of, state_of, tiny_config, tiny_model, tiny_trainer

HOOKS: list[dict[str, Any]] = [
    declared(name="drift", use="drift", at="blocks.0.hook_mlp_out", **{"with": {"std": 0.02}}),
    declared(name="times", use="times", at="hook_embed", **{"with": {"factor": {"from": 1, "to": 2, "steps": 6}}}),
    declared(
        name="halved", kind="backward", use="gradient_times", at="blocks.1.hook_resid_pre", **{"with": {"factor": 0.5}}
    ),
    declared(name="error", kind="backward", use="towards_error", at="blocks.0.hook_resid_mid"),
    declared(name="rounded", kind="backward", use="rounded", at="blocks.1.attn.*.weight"),
    declared(name="aligned", kind="backward", use="fixed_feedback", at="blocks.*.mlp.up.weight"),
    declared(name="noise", kind="update", use="gradient_noise", from_step=3),
    declared(name="together", kind="update", use="together", until_step=7),
    declared(name="momentum", kind="update", use="momentum", at="blocks.*.mlp.down.weight"),
    declared(name="small", kind="loss", use="small", at="blocks.*.hook_mlp_out"),
]


def hooked(*hooks: dict[str, Any], **training: Any) -> Trainer:
    config = tiny_config(hooks=list(hooks), **{"gradient_accumulation_steps": 2, "batch_size": 2, **training})
    trainer = tiny_trainer(config.model_copy(update={"hooks": ()}))
    return Trainer(config, trainer.model, trainer.batcher, trainer.device, sources={FILE: TEXT})


@pytest.mark.parametrize("hooks", [*([hook] for hook in HOOKS), HOOKS], ids=[*(hook["name"] for hook in HOOKS), "all"])
def test_stopping_and_going_on_is_bit_for_bit_as_if_nothing_had_been(
    hooks: list[dict[str, Any]], tmp_path: Path
) -> None:
    straight = hooked(*hooks)
    losses = losses_of(straight, 9)
    assert losses != losses_of(hooked(), 9)
    resumed = hooked(*hooks)
    again = losses_of(resumed, 2)
    for _ in range(2):
        path = save_checkpoint(tmp_path, resumed, {})
        torch.manual_seed(3)
        resumed = hooked(*hooks)
        load_checkpoint(path, resumed)
        again += losses_of(resumed, 3)
    again += losses_of(resumed, 1)
    assert again == losses
    assert_same_bits(state_of(straight), state_of(resumed))
    assert_same_bits(straight.hooks.tensors(), resumed.hooks.tensors())
    assert (path / "hooks.safetensors").exists() == bool(straight.hooks.tensors())


def test_watching_changes_no_bit_and_tells_each_effect() -> None:
    watched, plain = hooked(*HOOKS), hooked(*HOOKS)
    for _ in range(6):
        result, unwatched = watched.train_step(norms=True), plain.train_step()
    assert_same_bits(state_of(watched), state_of(plain))
    assert_same_bits(watched.hooks.tensors(), plain.hooks.tensors())
    effects = {name: value for name, value in result.metrics.items() if name.startswith("hook/effect/")}
    assert list(effects) == [f"hook/effect/{hook['name']}" for hook in HOOKS]
    assert not any(name.startswith("hook/") for name in unwatched.metrics)
    assert effects["hook/effect/halved"] == pytest.approx(0.5)
    assert effects["hook/effect/times"] == pytest.approx(5 / 6)
    assert effects["hook/effect/aligned"] > 0.5
    aux, loss = result.metrics["loss/aux/small"], result.metrics["loss/train"]
    assert effects["hook/effect/small"] == pytest.approx(aux / loss)
    for row in watched.hooks.statistics():
        assert row.milliseconds is not None and row.milliseconds > 0
        assert row.effect == effects[f"hook/effect/{row.name}"]
    assert [row.firings for row in watched.hooks.statistics()] == [row.firings for row in plain.hooks.statistics()]
    assert all(row.effect is None and row.milliseconds is None for row in plain.hooks.statistics())


def test_an_effect_is_that_of_the_last_watched_step_and_none_where_a_hook_does_not_act() -> None:
    trainer = hooked({**HOOKS[2], "until_step": 1})
    assert "hook/effect/halved" in trainer.train_step(norms=True).metrics
    trainer.train_step()
    assert trainer.hooks.statistics()[0].effect == pytest.approx(0.5)
    assert "hook/effect/halved" not in trainer.train_step(norms=True).metrics
    assert trainer.hooks.statistics()[0].effect is None


def test_declared_but_disabled_is_bit_for_bit_a_run_without_any() -> None:
    off, without = hooked(*({**hook, "enabled": False} for hook in HOOKS)), hooked()
    assert losses_of(off, 5) == losses_of(without, 5)
    assert_same_bits(state_of(off), state_of(without))
    assert off.hooks.tensors() == {}
    assert not any(point.is_used for point in off.model.hook_points().values())


def test_hooks_of_a_checkpoint_are_remembered_without_a_trainer_and_damage_is_found(tmp_path: Path) -> None:
    trainer = hooked(*HOOKS)
    losses_of(trainer, 3)
    path = save_checkpoint(tmp_path, trainer, {})
    model = tiny_model(trainer.config)
    load_model(path, model)
    hooks = Hooks(trainer.config.hooks, model, seed=trainer.config.other.seed, sources={FILE: TEXT})
    load_hooks(path, hooks)
    assert_same_bits(hooks.tensors(), trainer.hooks.tensors())
    tensors = safetensors.torch.load_file(path / "hooks.safetensors")
    first = next(iter(tensors))
    safetensors.torch.save_file({**tensors, first: tensors[first] + 1}, path / "hooks.safetensors")
    assert not is_valid(path)
    with pytest.raises(CheckpointError, match=r"hooks\.safetensors is not what was written"):
        load_checkpoint(path, hooked(*HOOKS))
