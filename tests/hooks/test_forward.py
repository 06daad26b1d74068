"""What each forward hook computes, by formula; and that none lets a query see a later key."""

import math
from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from lmcore.hooks.builtin import forward
from lmcore.hooks.builtin.quantization import rounded
from lmcore.hooks.points import HookPoint
from lmcore.model.transformer import Transformer
from tests.training.tiny import VOCABULARY, tiny_config, tiny_model

SCORES, PATTERN = "blocks.0.attn.hook_attn_scores", "blocks.0.attn.hook_pattern"


def point(name: str = "blocks.0.attn.hook_z") -> HookPoint:
    made = HookPoint()
    made.name = name
    return made


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 5, 3, 4, generator=generator(1)).requires_grad_()  # [batch, pos, head, d_head]


@pytest.fixture
def scores() -> Tensor:
    """Causal attention scores: [batch, head, query, key]."""
    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    return torch.randn(2, 3, 5, 5, generator=generator(2)).masked_fill(future, -torch.inf)


@pytest.fixture
def model() -> Transformer:
    return tiny_model(tiny_config())


def test_zero_scale_clamp_and_add(x: Tensor) -> None:
    assert torch.equal(forward.zero(x, point()), torch.zeros_like(x))
    assert torch.equal(forward.scale(x, point(), factor=-2.0), -2 * x)
    assert torch.equal(forward.clamp(x, point(), low=-0.5, high=0.25), x.clamp(-0.5, 0.25))
    added = forward.add(x, point(), values=[1.0, 0.0, 2.0, 0.0], factor=0.5)
    assert torch.equal(added, x + torch.tensor([0.5, 0.0, 1.0, 0.0]))
    with pytest.raises(ValueError, match=r"has 2 numbers; blocks\.0\.attn\.hook_z has 4"):
        forward.add(x, point(), values=[1.0, 0.0])


CHANGES: dict[str, Callable[..., Tensor]] = {
    "zero": forward.zero,
    "scale": lambda x, at, **heads: forward.scale(x, at, factor=-3.0, **heads),
    "clamp": lambda x, at, **heads: forward.clamp(x, at, low=0.2, high=0.3, **heads),
    "add": lambda x, at, **heads: forward.add(x, at, values=[1.0] * x.shape[-1], **heads),
    "noise": lambda x, at, **heads: forward.noise(x, at, std=1.0, generator=generator(), **heads),
    "dropout": lambda x, at, **heads: forward.dropout(
        x, at, p=0.5, generator=generator(), model=tiny_model(tiny_config()), **heads
    ),
    "mean": lambda x, at, **heads: forward.mean(x, at, state={}, model=tiny_model(tiny_config()), **heads),
    "fake_quantization": lambda x, at, **heads: forward.fake_quantization(x, at, bits=2, **heads),
}


@pytest.mark.parametrize("name", CHANGES)
def test_heads_limits_a_change_to_some_heads(name: str, x: Tensor) -> None:
    all_heads, one = CHANGES[name](x, point()), CHANGES[name](x, point(), heads=[1])
    assert torch.equal(one[:, :, 1], all_heads[:, :, 1])
    assert torch.equal(one[:, :, [0, 2]], x[:, :, [0, 2]])
    assert not torch.equal(one[:, :, 1], x[:, :, 1])


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("at", [SCORES, PATTERN])
def test_no_query_comes_to_see_a_later_key(name: str, at: str, scores: Tensor) -> None:
    x = (scores if at == SCORES else scores.softmax(-1)).requires_grad_()
    changed = CHANGES[name](x, point(at), heads=[0, 2])
    future = torch.ones(5, 5, dtype=torch.bool).triu(1).expand_as(x)
    assert torch.equal(changed[future], x[future])
    assert not torch.equal(changed, x) and changed[~future].isfinite().all()
    changed[~future].sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    one_query = CHANGES[name](x[:, :, -1:].detach(), point(at))  # as with a cache: the newest query sees every key
    assert one_query.isfinite().all()


def test_mean_is_that_of_the_micro_batch_in_training_and_the_running_one_afterwards(
    x: Tensor, model: Transformer
) -> None:
    state: dict[str, Tensor] = {}
    average = x.detach().mean(dim=(0, 1)).expand_as(x)
    model.train()
    first = forward.mean(x, point(), state=state, model=model)
    assert torch.allclose(first, average)
    assert torch.allclose(forward.mean(x + 1, point(), state=state, model=model), average + 1)
    model.eval()
    later = forward.mean(5 * x, point(), state=state, model=model)
    assert torch.allclose(later, average + 0.1)
    assert torch.allclose(forward.mean(5 * x, point(), state={}, model=model), 5 * average, atol=1e-6)


def test_mean_of_a_pattern_is_over_the_batch(scores: Tensor, model: Transformer) -> None:
    pattern = scores.softmax(-1)
    averaged = forward.mean(pattern, point(PATTERN), state={}, model=model)
    assert torch.allclose(averaged, pattern.mean(0, keepdim=True).expand_as(pattern))
    assert torch.allclose(averaged.sum(-1), torch.ones(2, 3, 5))


def test_noise_has_its_standard_deviation_and_is_that_of_its_generator() -> None:
    x = torch.zeros(20, 50, 40)
    noisy = forward.noise(x, point(), std=0.3, generator=generator(7))
    assert noisy.std().item() == pytest.approx(0.3, rel=0.02)
    assert noisy.mean().item() == pytest.approx(0.0, abs=0.01)
    assert torch.equal(noisy, forward.noise(x, point(), std=0.3, generator=generator(7)))


def test_dropout_keeps_the_mean_and_acts_only_while_the_model_trains(model: Transformer) -> None:
    x = torch.ones(20, 50, 40)
    model.train()
    dropped = forward.dropout(x, point(), p=0.25, generator=generator(), model=model)
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, rel=0.02)
    model.eval()
    assert torch.equal(forward.dropout(x, point(), p=0.25, generator=generator(), model=model), x)
    with pytest.raises(ValueError, match="below 1, not 1"):
        forward.dropout(x, point(), p=1.0, generator=generator(), model=model)


def test_stop_gradient_lets_values_pass_and_no_gradient(x: Tensor) -> None:
    stopped = forward.stop_gradient(x, point(), heads=[0])
    assert torch.equal(stopped, x)
    (gradient,) = torch.autograd.grad(stopped.sum(), x)
    assert gradient[:, :, 0].abs().max() == 0
    assert torch.equal(gradient[:, :, 1:], torch.ones_like(x[:, :, 1:]))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_quantization_takes_the_nearest_of_evenly_spaced_values(bits: int, x: Tensor) -> None:
    quantized = forward.fake_quantization(x, point(), bits=bits)
    levels = 2 ** (bits - 1) - 1
    grid = torch.arange(-levels, levels + 1) / levels * x.detach().abs().max()
    nearest = grid[(x.detach()[..., None] - grid).abs().argmin(-1)]
    assert torch.allclose(quantized, nearest)
    (gradient,) = torch.autograd.grad(quantized.square().sum(), x)
    assert torch.equal(gradient, 2 * quantized)  # as if the rounding were the identity


def test_one_bit_keeps_signs_and_zero_stays_zero() -> None:
    x = torch.tensor([[-2.0, 0.5, 1.5, 4.0]])
    assert torch.equal(rounded(x, 1), torch.tensor([[-2.0, 2.0, 2.0, 2.0]]))
    assert torch.equal(rounded(torch.zeros(3), 4), torch.zeros(3))
    with pytest.raises(ValueError, match="from 1 to 16, not 0"):
        rounded(x, 0)


def test_attention_temperature_divides_scores(scores: Tensor) -> None:
    cooler = forward.attention_temperature(scores, point(SCORES), temperature=0.5, heads=[2])
    assert torch.equal(cooler[:, 2], scores[:, 2] / 0.5)
    assert torch.equal(cooler[:, :2], scores[:, :2])
    with pytest.raises(ValueError, match="acts on attention scores"):
        forward.attention_temperature(scores.softmax(-1), point(PATTERN), temperature=0.5)
    with pytest.raises(ValueError, match="must be above 0"):
        forward.attention_temperature(scores, point(SCORES), temperature=0.0)


Mask = Literal["window", "no_first", "uniform"]


def expected_keys(kind: Mask, query: int) -> list[int]:
    """What a query sees under a mask, with a window of 2."""
    seen = {"window": range(max(0, query - 1), query + 1), "no_first": range(1, query + 1), "uniform": range(query + 1)}
    return list(seen[kind]) or [0]


@pytest.mark.parametrize("kind", ["window", "no_first", "uniform"])
def test_attention_masks_at_scores_and_at_patterns_give_the_same_pattern(kind: Mask, scores: Tensor) -> None:
    from_scores = forward.attention_mask(scores, point(SCORES), kind=kind, window=2).softmax(-1)
    from_pattern = forward.attention_mask(scores.softmax(-1), point(PATTERN), kind=kind, window=2)
    assert torch.allclose(from_scores, from_pattern)
    for query in range(5):
        keys = expected_keys(kind, query)
        row = from_scores[0, 0, query]
        assert row.nonzero().flatten().tolist() == keys
        logits = torch.zeros(len(keys)) if kind == "uniform" else scores[0, 0, query, keys]
        assert torch.allclose(row[keys], logits.softmax(0))
    newest = forward.attention_mask(scores[:, :, -1:], point(SCORES), kind=kind, window=2).softmax(-1)
    assert torch.allclose(newest, from_scores[:, :, -1:])  # the last query alone, as with a cache
    only_head = forward.attention_mask(scores, point(SCORES), kind=kind, window=2, heads=[1])
    assert torch.equal(only_head[:, [0, 2]], scores[:, [0, 2]])


def test_attention_mask_refuses_other_points_and_empty_windows(x: Tensor, scores: Tensor) -> None:
    with pytest.raises(ValueError, match="scores or patterns"):
        forward.attention_mask(x, point(), kind="window")
    with pytest.raises(ValueError, match="at least 1 key"):
        forward.attention_mask(scores, point(SCORES), kind="window", window=0)


@pytest.mark.parametrize("kind", ["window", "no_first", "uniform"])
def test_a_masked_model_answers_the_same_with_and_without_a_cache(kind: Mask, model: Transformer) -> None:
    def mask(x: Tensor, at: HookPoint) -> Tensor:
        return forward.attention_mask(x, at, kind=kind, window=3)

    tokens: Any = torch.arange(8)[None] % VOCABULARY
    with model.hooks([("blocks.*.attn.hook_attn_scores", mask)]), torch.no_grad():
        at_once = model(tokens)
        cache = model.new_cache()
        one_by_one = torch.cat([model(tokens[:, i : i + 1], cache) for i in range(8)], dim=1)
    assert torch.allclose(at_once, one_by_one, atol=1e-5)
    assert math.isfinite(at_once.sum().item())
