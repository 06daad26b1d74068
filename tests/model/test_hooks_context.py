"""`with model.hooks(…)`: functions on hook points for a while, and nothing of them afterwards."""

import pytest
import torch
from torch import Tensor

from lmcore.hooks.points import HookPoint, HookPointError
from lmcore.model.transformer import Transformer
from tests.training.tiny import tiny_config, tiny_model

TOKENS = torch.arange(24).view(2, 12) % 11


@pytest.fixture
def model() -> Transformer:
    return tiny_model(tiny_config())


def gradient(model: Transformer, name: str) -> Tensor:
    model.zero_grad()
    model(TOKENS).logsumexp(-1).sum().backward()
    grad = model.get_parameter(name).grad
    assert grad is not None
    return grad.clone()


def double(x: Tensor, point: HookPoint) -> Tensor:
    return 2 * x


def test_functions_act_inside_and_not_after(model: Transformer) -> None:
    plain = model(TOKENS)
    with model.hooks(fwd_hooks=[("blocks.*.hook_mlp_out", double)]) as same:
        assert same is model
        assert not torch.equal(model(TOKENS), plain)
        assert torch.equal(model(TOKENS), model.run_with_hooks(TOKENS, []))
    assert torch.equal(model(TOKENS), plain)
    assert torch.equal(model.run_with_hooks(TOKENS, [("blocks.*.hook_mlp_out", lambda x, point: None)]), plain)


def test_a_gradient_may_be_looked_at_and_replaced(model: Transformer) -> None:
    name = "blocks.0.mlp.down.weight"
    plain, seen = gradient(model, name), {}

    def look(gradient: Tensor, point: HookPoint) -> None:
        seen[point.name] = gradient.shape

    with model.hooks(bwd_hooks=[("blocks.0.hook_resid_post", double), ("*hook_z", look)]):
        assert torch.equal(gradient(model, name), 2 * plain)
        with torch.no_grad():
            model(TOKENS)
        kept = model(TOKENS)
    assert set(seen) == {"blocks.0.attn.hook_z", "blocks.1.attn.hook_z"}
    seen.clear()
    kept.sum().backward()
    assert seen == {}
    assert torch.equal(gradient(model, name), plain)


@pytest.mark.parametrize("where", ["fwd_hooks", "bwd_hooks"])
def test_nothing_is_left_behind_by_an_error_or_a_wrong_name(model: Transformer, where: str) -> None:
    def fail(x: Tensor, point: HookPoint) -> Tensor:
        raise KeyError(point.name)

    with pytest.raises(KeyError, match="hook_embed"), model.hooks(**{where: [("hook_embed", fail)]}):
        gradient(model, "embed.weight")
    with pytest.raises(HookPointError, match="hook_resid_post"):
        model.hooks(**{where: [("hook_embed", double), ("blocks.0.hook_resid_pst", double)]}).__enter__()
    assert not any(point.is_used for point in model.hook_points().values())
