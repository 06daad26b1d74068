"""Declared hooks: resolved or refused with a sentence, attached in order, absent when they are off."""

import pytest
import torch
from torch import Tensor

from lmcore.config.schema import HookConfig, ModelConfig
from lmcore.hooks.active import Hooks
from lmcore.hooks.catalogue import HookError
from lmcore.model.initialization import initialize
from lmcore.model.loss import next_token_loss
from lmcore.model.transformer import Transformer

VOCABULARY = 11


def declare(name: str = "one", **fields: object) -> HookConfig:
    return HookConfig.model_validate({"name": name, **fields})


@pytest.fixture
def model() -> Transformer:
    model = Transformer(ModelConfig(d_model=16, n_layers=2, n_heads=2, context_length=8), VOCABULARY)
    initialize(model, torch.Generator().manual_seed(0))
    return model


@pytest.fixture
def tokens() -> Tensor:
    return torch.arange(16).view(2, 8) % VOCABULARY


class Stateless:
    """What hooks need to know of an optimizer that remembers nothing."""

    def tensors(self) -> dict[str, Tensor]:
        return {}


def backward(model: Transformer, hooks: Hooks, tokens: Tensor) -> dict[str, Tensor]:
    """One forward and backward pass; the gradients by parameter name."""
    model.zero_grad()
    hooks.at_step(0)
    logits = model(tokens)
    targets = tokens.roll(-1, dims=1)
    loss = next_token_loss(logits, targets)
    terms = hooks.loss_terms(logits, targets)
    (loss + sum(terms.values())).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"use": "zeroo", "at": "*"}, "did you mean 'zero'"),
        ({"use": "zero", "at": "blocks.7.*"}, "no hook point matches 'blocks.7"),
        ({"use": "zero"}, "say under `at`"),
        ({"use": "scale", "at": "hook_embed"}, "needs the argument 'factor'"),
        ({"use": "scale", "at": "hook_embed", "with": {"factor": "big"}}, "must be a number, not 'big'"),
        ({"use": "scale", "at": "hook_embed", "with": {"factor": True}}, "must be a number"),
        ({"use": "scale", "at": "hook_embed", "with": {"factr": 1}}, "no argument 'factr'"),
        ({"kind": "update", "use": "freeze", "at": "blocks.0.mpl.*"}, "no parameter matches"),
        ({"kind": "loss", "use": "zero"}, "there is no loss hook 'zero'"),
    ],
)
def test_a_wrong_declaration_is_refused_with_a_sentence(
    model: Transformer, fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(HookError, match=r"hook 'one'") as refusal:
        Hooks([declare(**fields)], model)
    assert sentence in str(refusal.value)


def test_a_wrong_head_and_a_point_without_heads_are_named(model: Transformer, tokens: Tensor) -> None:
    for at, heads in (("blocks.0.attn.hook_z", [5]), ("blocks.0.hook_mlp_out", [0])):
        hooks = Hooks([declare(use="zero", at=at, **{"with": {"heads": heads}})], model)
        hooks.at_step(0)
        with pytest.raises(HookError, match=at):
            model(tokens)
        hooks.set_enabled("one", False)
        hooks.at_step(0)


def test_declared_but_disabled_changes_no_bit(model: Transformer, tokens: Tensor) -> None:
    without = backward(model, Hooks([], model), tokens)
    off = [
        declare("a", use="zero", at="blocks.*.hook_mlp_out", enabled=False),
        declare("b", kind="backward", use="reverse", at="hook_embed", enabled=False),
        declare("c", kind="loss", use="z_loss", from_step=5),
        declare("d", kind="update", use="freeze", until_step=0),
    ]
    hooks = Hooks(off, model)
    with_them = backward(model, hooks, tokens)
    assert all(torch.equal(without[name], with_them[name]) for name in without)
    assert all(hook.firings == 0 for hook in hooks.hooks)
    assert not any(point.is_used for point in model.hook_points().values())


def test_a_silenced_head_is_silent_and_is_heard_again(model: Transformer, tokens: Tensor) -> None:
    before = model(tokens)
    hooks = Hooks([declare(use="zero", at="blocks.1.attn.hook_z", **{"with": {"heads": [1]}})], model)
    hooks.at_step(0)
    _, cache = model.run_with_cache(tokens)
    z = cache["blocks.1.attn.hook_z"]  # [batch, pos, head, d_head]
    assert torch.equal(z[:, :, 1], torch.zeros_like(z[:, :, 1]))
    assert z[:, :, 0].abs().sum() > 0
    assert not torch.equal(model(tokens), before)
    hooks.set_enabled("one", False)
    hooks.at_step(1)
    assert torch.equal(model(tokens), before)
    assert hooks.hooks[0].firings == 2


def test_overlapping_hooks_apply_in_their_listed_order(model: Transformer, tokens: Tensor) -> None:
    doubled_then_limited = [
        declare("double", use="scale", at="hook_embed", **{"with": {"factor": 1000}}),
        declare("limit", use="clamp", at="hook_embed", **{"with": {"low": -1, "high": 1}}),
    ]
    largest = []
    for declared in (doubled_then_limited, doubled_then_limited[::-1]):
        hooks = Hooks(declared, model)
        hooks.at_step(0)
        _, cache = model.run_with_cache(tokens)
        largest.append(cache["hook_embed"].abs().max().item())
        for name in ("double", "limit"):
            hooks.set_enabled(name, False)
        hooks.at_step(0)
    assert largest[0] == 1.0
    assert largest[1] > 1.0


def test_the_window_opens_and_closes(model: Transformer) -> None:
    hooks = Hooks([declare(use="zero", at="hook_embed", from_step=2, until_step=4)], model)
    used = []
    for step in range(6):
        hooks.at_step(step)
        used.append(model.hook_points()["hook_embed"].is_used)
    assert used == [False, False, True, True, False, False]


def test_reversing_a_gradient_twice_is_not_reversing_it(model: Transformer, tokens: Tensor) -> None:
    plain = backward(model, Hooks([], model), tokens)
    twice = [declare(name, kind="backward", use="reverse", at="blocks.0.hook_resid_post") for name in ("a", "b")]
    hooks = Hooks(twice, model)
    again = backward(model, hooks, tokens)
    assert all(torch.equal(plain[name], again[name]) for name in plain)
    hooks.set_enabled("b", False)
    once = backward(model, hooks, tokens)
    below = "blocks.0.mlp"
    assert all(torch.equal(once[name], -plain[name]) for name in plain if name.startswith(below))
    assert any(name.startswith(below) for name in plain)


def test_stop_between_blocks_leaves_the_lower_blocks_without_gradient(model: Transformer, tokens: Tensor) -> None:
    hooks = Hooks([declare(kind="backward", use="stop", at="blocks.0.hook_resid_post")], model)
    gradients = backward(model, hooks, tokens)
    assert all(gradients[name].abs().max() == 0 for name in gradients if name.startswith("blocks.0."))
    assert any(gradients[name].abs().max() > 0 for name in gradients if name.startswith("blocks.1."))


def test_a_frozen_parameter_stays_and_others_move(model: Transformer, tokens: Tensor) -> None:
    hooks = Hooks([declare(kind="update", use="freeze", at="blocks.0.*")], model)
    backward(model, hooks, tokens)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    hooks.transform_gradients()
    with hooks.transformed_directions(Stateless()):
        optimizer.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved
    assert not any(name.startswith("blocks.0.") for name in moved)


def test_loss_terms_are_named_and_reach_the_weights(model: Transformer, tokens: Tensor) -> None:
    plain = backward(model, Hooks([], model), tokens)
    hooks = Hooks(
        [
            declare("z", kind="loss", use="z_loss", **{"with": {"weight": 0.5}}),
            declare("small", kind="loss", use="activation_l2", at="blocks.*.hook_mlp_out", **{"with": {"weight": 2}}),
        ],
        model,
    )
    changed = backward(model, hooks, tokens)
    assert any(not torch.equal(plain[name], changed[name]) for name in plain)
    hooks.at_step(0)
    with torch.no_grad():
        model(tokens)  # an evaluation in between leaves nothing behind
    logits, targets = model(tokens), tokens.roll(-1, dims=1)
    terms = hooks.loss_terms(logits, targets)
    assert set(terms) == {"loss/aux/z", "loss/aux/small"}
    assert torch.allclose(terms["loss/aux/z"], 0.5 * logits.logsumexp(-1).square().mean())
    _, cache = model.run_with_cache(tokens)
    squares = [cache[f"blocks.{i}.hook_mlp_out"].square().mean() for i in range(2)]
    assert torch.allclose(terms["loss/aux/small"], 2 * torch.stack(squares).mean())
