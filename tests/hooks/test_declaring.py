"""Hooks declared anew while a model trains: checked whole, and what goes on remembers."""

import pytest
import torch

from lmcore.config.schema import HookConfig
from lmcore.hooks.catalogue import HookError
from tests.hooks.own_hooks import declared, hooks_of
from tests.training.tiny import assert_same_bits

TOKENS = torch.arange(24).view(2, 12) % 11
DRIFT = declared(name="drift", use="drift", at="blocks.*.hook_mlp_out")
ZERO = {"name": "zero", "use": "zero", "at": "blocks.0.attn.hook_z"}
FREEZE = {"name": "freeze", "kind": "update", "use": "freeze", "at": "blocks.1.*", "from_step": 5, "until_step": 9}


def as_configs(*fields: dict[str, object]) -> list[HookConfig]:
    return [HookConfig.model_validate(one) for one in fields]


def test_what_is_declared_again_keeps_its_count_and_memory() -> None:
    model, hooks = hooks_of(DRIFT)
    with hooks.in_step(0):
        model(TOKENS)
    remembered = hooks.tensors()
    hooks.declare(as_configs(ZERO, {**DRIFT, "with": {"std": 0.5}}))
    zero, drift = hooks.statistics()
    assert (drift.firings, zero.firings) == (2, 0)
    assert_same_bits(hooks.tensors(), remembered)
    with hooks.in_step(1):
        model(TOKENS)
    assert [one.firings for one in hooks.statistics()] == [1, 4]


def test_one_removed_and_declared_again_before_the_next_step_was_only_edited() -> None:
    model, hooks = hooks_of(DRIFT)
    with hooks.in_step(0):
        model(TOKENS)
    remembered = hooks.tensors()
    hooks.declare([])
    assert hooks.tensors() == {}
    hooks.declare(as_configs(DRIFT))
    assert_same_bits(hooks.tensors(), remembered)
    hooks.declare([])
    with hooks.in_step(1):
        model(TOKENS)
    hooks.declare(as_configs(DRIFT))
    assert hooks.tensors() == {}


def test_a_memory_belongs_to_its_function_and_its_place() -> None:
    model, hooks = hooks_of(DRIFT)
    with hooks.in_step(0):
        model(TOKENS)
    hooks.declare(as_configs({**DRIFT, "at": "blocks.1.hook_mlp_out"}))
    assert list(hooks.tensors()) == ["drift/my_hooks.py:drift/blocks.1.hook_mlp_out/mean"]
    with hooks.in_step(1):
        pass
    hooks.declare(as_configs(DRIFT))
    assert list(hooks.tensors()) == ["drift/my_hooks.py:drift/blocks.1.hook_mlp_out/mean"]
    hooks.declare(as_configs({**DRIFT, "use": "my_hooks.py:times"}))
    assert hooks.tensors() == {}
    assert hooks.statistics()[0].firings == 0


def test_a_change_acts_at_once_and_one_that_cannot_be_changes_nothing() -> None:
    model, hooks = hooks_of()
    hooks.at_step(3)
    plain = model(TOKENS)
    hooks.check(as_configs(ZERO))
    assert hooks.hooks == () and torch.equal(model(TOKENS), plain)
    hooks.declare(as_configs(ZERO))
    zeroed = model(TOKENS)
    assert not torch.equal(zeroed, plain)
    for wrong in ({**FREEZE, "at": "blocks.7.*"}, {**FREEZE, "with": {"factor": 1}}, {**FREEZE, "use": "freez"}):
        for change in (hooks.check, hooks.declare):
            with pytest.raises(HookError, match="'freeze'"):
                change(as_configs(FREEZE, wrong))
    assert [hook.name for hook in hooks.hooks] == ["zero"]
    assert torch.equal(model(TOKENS), zeroed)
    hooks.declare([])
    assert torch.equal(model(TOKENS), plain)


def test_the_order_may_change() -> None:
    scale = {"name": "scale", "use": "scale", "at": "hook_embed", "with": {"factor": 1000}}
    clamp = {"name": "clamp", "use": "clamp", "at": "hook_embed", "with": {"low": -1, "high": 1}}
    model, hooks = hooks_of(scale, clamp)
    hooks.at_step(0)

    def largest() -> float:
        return model.run_with_cache(TOKENS, "hook_embed")[1]["hook_embed"].abs().max().item()

    assert largest() == 1
    hooks.declare(as_configs(clamp, scale))
    assert largest() > 1


def test_statistics_say_what_is_declared_and_whether_it_acts() -> None:
    _, hooks = hooks_of({**ZERO, "enabled": False}, FREEZE)
    hooks.at_step(4)
    zero, freeze = hooks.statistics()
    assert (zero.name, zero.kind, zero.use, zero.at) == ("zero", "forward", "zero", "blocks.0.attn.hook_z")
    assert zero.places == ("blocks.0.attn.hook_z",)
    assert (zero.enabled, zero.acting, freeze.enabled, freeze.acting) == (False, False, True, False)
    assert (freeze.from_step, freeze.until_step, freeze.milliseconds, freeze.effect) == (5, 9, None, None)
    hooks.at_step(5)
    hooks.set_enabled("zero", True)
    assert [one.acting for one in hooks.statistics()] == [True, True]
