"""Where hooks reach in: points, weights, linear layers; in which order; and that nothing of it stays behind."""

import pytest
import torch
from torch import Tensor

from lmcore.hooks.active import Hooks
from lmcore.hooks.catalogue import HookError
from lmcore.model.loss import next_token_loss
from lmcore.model.transformer import Transformer
from tests.hooks.own_hooks import declared, hooks_of

TOKENS = torch.arange(24).view(2, 12) % 11


def gradients(model: Transformer, hooks: Hooks, step: int = 0) -> dict[str, Tensor]:
    """What one forward and backward pass brings back to each parameter."""
    model.zero_grad()
    hooks.at_step(step)
    hooks.begin_micro_batch(0)
    logits = model(TOKENS)
    targets = TOKENS.roll(-1, dims=1)
    terms = hooks.loss_terms(logits, targets).values()
    torch.autograd.backward([next_token_loss(logits, targets), *terms])
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[str]:
    return {name for name in one if torch.equal(one[name], other[name])}


@pytest.mark.parametrize("weight", ["embed.weight", "blocks.1.mlp.up.weight", "blocks.0.ln1.weight"])
def test_the_gradient_of_a_weight_is_replaced_for_all_its_uses_and_no_other(weight: str) -> None:
    model, none = hooks_of()
    plain = gradients(model, none)
    model, hooks = hooks_of(declared(kind="backward", use="gradient_times", at=weight, **{"with": {"factor": 3}}))
    changed = gradients(model, hooks)
    assert same(plain, changed) == set(plain) - {weight}
    assert torch.equal(changed[weight], 3 * plain[weight])
    assert hooks.hooks[0].firings == 1


def test_a_weight_with_a_value_of_its_own_is_hidden_in_the_forward_pass_only() -> None:
    model, hooks = hooks_of(declared(kind="backward", use="rounded", at="blocks.*.mlp.up.weight"))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    plain = model(TOKENS)
    got = gradients(model, hooks)
    acted = model(TOKENS)
    hooks.set_enabled("mine", False)
    hooks.at_step(0)
    assert torch.equal(model(TOKENS), plain) and not torch.equal(acted, plain)
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("mlp.up.weight"):
                p.copy_(torch.round(p / 0.01) * 0.01)
    _, none = hooks_of()
    rounded = gradients(model, none)
    assert torch.allclose(rounded["blocks.0.mlp.up.weight"], got["blocks.0.mlp.up.weight"], atol=1e-6)


def test_a_hook_at_a_weight_that_fails_leaves_the_model_as_it_was() -> None:
    model, hooks = hooks_of(
        declared(name="a", kind="backward", use="rounded", at="embed.weight"),
        declared(name="b", use="times", at="hook_embed", **{"with": {"factor": 2}}),
    )
    plain = model(TOKENS)
    hooks.at_step(0)

    def fail(x: Tensor, point: object) -> Tensor:
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        model.run_with_hooks(TOKENS, [("blocks.0.hook_mlp_out", fail)])
    assert model.embed.weight is dict(model.named_parameters())["embed.weight"]
    hooks.declare([])
    assert torch.equal(model(TOKENS), plain)
    assert not any(point.is_used for point in model.hook_points().values())
    assert not any(
        {"forward", "weight"} & set(vars(part)) or part._forward_hooks or part._forward_pre_hooks
        for part in model.modules()
    )


def test_a_linear_layer_may_be_replaced_by_itself_bit_for_bit() -> None:
    model, none = hooks_of(model={"bias": True, "tied_head": False})
    plain = gradients(model, none)
    model, hooks = hooks_of(
        declared(kind="backward", use="plain_linear", at="*.weight"), model={"bias": True, "tied_head": False}
    )
    assert hooks.hooks[0].places[-1] == "unembed.weight" and "blocks.0.ln1.weight" not in hooks.hooks[0].places
    assert same(plain, gradients(model, hooks)) == set(plain)
    assert hooks.hooks[0].firings == 2 * 6 + 1
    hooks.declare([])
    assert not any("forward" in vars(part) for part in model.modules())


def test_a_linear_hook_finds_linear_layers_only_and_one_at_a_time() -> None:
    with pytest.raises(HookError, match=r"'embed\.weight' matches none"):
        hooks_of(declared(kind="backward", use="plain_linear", at="embed.weight"))
    one = declared(name="one", kind="backward", use="plain_linear", at="blocks.*.mlp.*.weight")
    two = declared(name="two", kind="backward", use="fixed_feedback", at="blocks.1.mlp.up.weight")
    with pytest.raises(HookError, match=r"hook 'two': 'one' replaces the linear layer of blocks\.1\.mlp\.up\.weight"):
        hooks_of(one, two)
    hooks_of({**one, "until_step": 5}, {**two, "from_step": 5})
    _, hooks = hooks_of({**one, "enabled": False}, two)
    with pytest.raises(HookError, match="only one can at a time"):
        hooks.set_enabled("one", True)
    assert not hooks.hooks[0].enabled


def test_backward_hooks_of_one_place_act_in_their_listed_order() -> None:
    def at(place: str, *order: str) -> dict[str, Tensor]:
        arguments = {"scale": {"factor": 1e6}, "clip": {"largest": 1e-3}}
        fields = [{"name": n, "kind": "backward", "use": n, "at": place, "with": arguments[n]} for n in order]
        return gradients(*hooks_of(*fields))

    for place, below in (("blocks.1.hook_resid_pre", "blocks.0.mlp.down.weight"), ("blocks.0.mlp.up.weight",) * 2):
        clipped_last = at(place, "scale", "clip")[below].abs().max()
        clipped_first = at(place, "clip", "scale")[below].abs().max()
        assert clipped_first > 100 * clipped_last
    assert at("blocks.0.mlp.up.weight", "scale", "clip")["blocks.0.mlp.up.weight"].abs().max() == 1e-3


def test_a_stop_leaves_what_lies_below_to_the_losses_that_look_there() -> None:
    stop = {"name": "stop", "kind": "backward", "use": "stop", "at": "blocks.0.hook_resid_post"}
    term = declared(name="term", kind="loss", use="small", at="blocks.0.hook_resid_post")
    model, none = hooks_of()
    plain = gradients(model, none)
    stopped = gradients(*hooks_of(stop))
    local = gradients(*hooks_of(stop, term))
    lower = {name for name in plain if name.startswith("blocks.0.")}
    assert all(stopped[name].abs().max() == 0 for name in lower)
    assert all(local[name].abs().max() > 0 for name in lower)
    assert {name for name in plain if name.startswith("blocks.1.")} <= same(local, stopped) & same(plain, stopped)


def test_a_loss_term_may_look_at_parameters() -> None:
    model, hooks = hooks_of(declared(kind="loss", use="small", at="blocks.*.mlp.up.weight"))
    model, none = hooks_of()
    plain = gradients(model, none)
    model, hooks = hooks_of(declared(kind="loss", use="small", at="blocks.*.mlp.up.weight"))
    got = gradients(model, hooks)
    assert set(plain) - same(plain, got) == {"blocks.0.mlp.up.weight", "blocks.1.mlp.up.weight"}
    weight = model.get_parameter("blocks.0.mlp.up.weight")
    expected = plain["blocks.0.mlp.up.weight"] + 0.1 * 2 * weight / weight.numel()
    assert torch.allclose(got["blocks.0.mlp.up.weight"], expected)


def test_a_place_is_looked_for_among_points_first() -> None:
    _, hooks = hooks_of(declared(kind="backward", use="gradient_times", at="blocks.0.*"))
    assert all(".hook_" in place for place in hooks.hooks[0].places)
    with pytest.raises(HookError, match=r"no hook point or parameter matches 'blocks\.0\.mpl\.up\.weight'.*mlp\.up"):
        hooks_of(declared(kind="backward", use="gradient_times", at="blocks.0.mpl.up.weight"))
    with pytest.raises(HookError, match="say under `at`"):
        hooks_of(declared(kind="backward", use="gradient_times"))
