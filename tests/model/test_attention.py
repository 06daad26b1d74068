"""Attention: the written-out form, the fused kernel and torch's own agree."""

import math

import pytest
import torch
import torch.nn.functional as F

from lmcore.model.attention import Attention, fused_attention, future_mask
from tests.model.tiny import tiny_config

ATTENTION_POINTS = ("hook_attn_scores", "hook_pattern")


def some_attention(**options: object) -> Attention:
    torch.manual_seed(1)
    return Attention(tiny_config(d_model=24, n_heads=3, **options))


@pytest.mark.parametrize("name", ATTENTION_POINTS)
@pytest.mark.parametrize("options", [{}, {"bias": True}, {"positions": "rotary", "qk_norm": True}])
def test_looking_at_scores_or_pattern_gives_the_same_result_and_gradients(
    name: str, options: dict[str, object]
) -> None:
    attention = some_attention(**options)
    x = torch.randn(2, 10, 24, requires_grad=True)
    fused = attention(x)
    (fused_gradient,) = torch.autograd.grad(fused.square().sum(), x)
    handle = getattr(attention, name).attach(lambda x, point: None)
    written_out = attention(x)
    (gradient,) = torch.autograd.grad(written_out.square().sum(), x)
    handle.remove()
    assert torch.allclose(fused, written_out, atol=1e-5)
    assert torch.allclose(fused_gradient, gradient, atol=1e-4)


def test_agrees_with_torch_multi_head_attention() -> None:
    attention = some_attention(bias=True)
    reference = torch.nn.MultiheadAttention(24, 3, bias=True, batch_first=True)
    with torch.no_grad():
        parts = (attention.query, attention.key, attention.value)
        reference.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        reference.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    reference.out_proj.load_state_dict(attention.output.state_dict())
    x = torch.randn(2, 10, 24)
    expected, pattern = reference(
        x, x, x, attn_mask=future_mask(10, 10, x.device), average_attn_weights=False, need_weights=True
    )
    assert torch.allclose(attention(x), expected, atol=1e-5)
    seen = []
    attention.hook_pattern.attach(lambda x, point: seen.append(x))
    attention(x)
    assert torch.allclose(seen[0], pattern, atol=1e-6)


@pytest.mark.parametrize("scale", [8**-0.5, 0.9])
@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 9), (4, 9), (9, 9), (70, 70), (150, 150), (33, 161)])
def test_fused_attention_is_softmax_of_masked_scores(queries: int, keys: int, scale: float) -> None:
    q, k, v = torch.randn(2, 3, queries, 8), torch.randn(2, 3, keys, 8), torch.randn(2, 3, keys, 8)
    mask = torch.tensor([[key > keys - queries + query for key in range(keys)] for query in range(queries)])
    scores = (q @ k.transpose(-1, -2) * scale).masked_fill(mask, -math.inf)
    assert torch.allclose(fused_attention(q, k, v, scale), scores.softmax(dim=-1) @ v, atol=1e-5)
    assert torch.equal(future_mask(queries, keys, q.device), mask)


def test_the_scale_is_one_over_the_root_of_the_head_size_unless_it_is_given() -> None:
    x = torch.randn(2, 10, 24)
    seen = []
    for fields in ({}, {"attention_scale": 0.5}):
        attention = some_attention(**fields)
        attention.hook_attn_scores.attach(lambda scores, point: seen.append(scores.tril()))
        attention(x)
    assert torch.allclose(seen[1], seen[0] * 0.5 * math.sqrt(8), atol=1e-6)


def test_pattern_rows_are_distributions_over_the_past() -> None:
    attention = some_attention()
    seen = []
    attention.hook_pattern.attach(lambda x, point: seen.append(x))
    attention(torch.randn(2, 10, 24))
    assert torch.allclose(seen[0].sum(dim=-1), torch.ones(2, 3, 10))
    assert (seen[0].triu(1) == 0).all()


def test_replacing_the_pattern_replaces_what_is_mixed() -> None:
    attention = some_attention()
    seen = {}
    attention.hook_v.attach(lambda x, point: seen.update(v=x))
    attention.hook_z.attach(lambda x, point: seen.update(z=x))
    attention.hook_pattern.attach(lambda x, point: torch.eye(10).expand_as(x))
    attention(torch.randn(2, 10, 24))
    assert torch.allclose(seen["z"], seen["v"], atol=1e-6)


def test_qk_norm_makes_the_scores_independent_of_the_size_of_queries_and_keys() -> None:
    attention = some_attention(qk_norm=True, norm_epsilon=1e-12)
    seen = []
    attention.hook_attn_scores.attach(lambda x, point: seen.append(x.tril()))
    x = torch.randn(2, 10, 24)
    attention(x)
    with torch.no_grad():
        attention.query.weight.mul_(5)
        attention.key.weight.mul_(0.2)
    attention(x)
    assert torch.allclose(seen[0], seen[1], atol=1e-4)
    assert seen[0].abs().max() <= math.sqrt(8) + 1e-4


def test_dropout_falls_on_the_pattern() -> None:
    attention = some_attention(dropout=0.5)
    x = torch.randn(2, 10, 24)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))


def test_hooked_queries_are_what_the_scores_are_made_of() -> None:
    attention = some_attention()
    seen = {}
    for name in ("q", "k", "attn_scores"):
        getattr(attention, f"hook_{name}").attach(lambda x, point, name=name: seen.update({name: x}))
    attention(torch.randn(2, 10, 24))
    q, k = seen["q"].transpose(1, 2), seen["k"].transpose(1, 2)
    expected = q @ k.transpose(-1, -2) / math.sqrt(8)
    assert torch.allclose(seen["attn_scores"].tril(), expected.tril(), atol=1e-5)
    assert F.softmax(seen["attn_scores"], dim=-1).isfinite().all()
