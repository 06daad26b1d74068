"""Forward hooks: functions that replace an activation. Each takes the activation and returns its replacement.

They act wherever the model computes: in training, evaluation and generation. `heads` limits them to some heads, counted
from 0, at points that have heads.
"""

from typing import Literal

import torch
from torch import Tensor

from lmcore.hooks.builtin.heads import ATTENTION_POINTS, distances, replace, seen_keys
from lmcore.hooks.builtin.quantization import straight_through_rounding
from lmcore.hooks.catalogue import hook
from lmcore.hooks.declared import Hookable
from lmcore.hooks.points import HookPoint

MEAN_UPDATE = 0.1
"""What a training step's own mean weighs in the running mean (as in batch norm, Ioffe & Szegedy 2015)."""


@hook("forward")
def zero(x: Tensor, point: HookPoint, *, heads: list[int] | None = None) -> Tensor:
    """Replace the activation (of the chosen heads) by zero."""
    return replace(x, torch.zeros_like(x), point, heads)


@hook("forward")
def mean(
    x: Tensor,
    point: HookPoint,
    *,
    heads: list[int] | None = None,
    state: dict[str, Tensor],
    model: Hookable,
) -> Tensor:
    """Replace the activation by its mean over batch and positions: in training that of the micro-batch, afterwards the
    running mean of training.

    Attention scores and patterns have no position to average over: theirs is the mean over the batch. Mean ablation
    takes away what varies and leaves what the rest of the model is used to (Wang et al. 2022, arXiv:2211.00593).
    """
    if point.name.endswith(ATTENTION_POINTS):
        return replace(x, x.mean(dim=0, keepdim=True), point, heads)
    average = x.mean(dim=(0, 1))  # the shape of one position's activation
    if model.training:
        state["mean"] = torch.lerp(state.get("mean", average), average, MEAN_UPDATE).detach()
    elif "mean" in state:
        average = state["mean"]
    return replace(x, average.expand_as(x), point, heads)


@hook("forward")
def scale(x: Tensor, point: HookPoint, *, factor: float, heads: list[int] | None = None) -> Tensor:
    """Multiply the activation (of the chosen heads) by a factor."""
    return replace(x, x * factor, point, heads)


@hook("forward")
def add(
    x: Tensor, point: HookPoint, *, values: list[float], factor: float = 1.0, heads: list[int] | None = None
) -> Tensor:
    """Add factor × a vector, given as one number for each value of the last dimension (activation addition, Turner et
    al. 2023, arXiv:2308.10248)."""
    if len(values) != x.shape[-1]:
        raise ValueError(f"`values` has {len(values)} numbers; {point.name} has {x.shape[-1]} in its last dimension")
    vector = torch.tensor(values, dtype=x.dtype, device=x.device)
    return replace(x, x + factor * vector, point, heads)


@hook("forward")
def noise(
    x: Tensor, point: HookPoint, *, std: float, heads: list[int] | None = None, generator: torch.Generator
) -> Tensor:
    """Add normal noise of the standard deviation std, in evaluation and generation too."""
    drawn = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
    return replace(x, x + std * drawn, point, heads)


@hook("forward")
def clamp(x: Tensor, point: HookPoint, *, low: float, high: float, heads: list[int] | None = None) -> Tensor:
    """Limit the activation to the range from low to high."""
    return replace(x, x.clamp(low, high), point, heads)


@hook("forward")
def dropout(
    x: Tensor,
    point: HookPoint,
    *,
    p: float = 0.1,
    heads: list[int] | None = None,
    generator: torch.Generator,
    model: Hookable,
) -> Tensor:
    """While the model trains, set each value to zero with the probability p and divide the others by 1 - p (Srivastava
    et al. 2014)."""
    if not 0 <= p < 1:
        raise ValueError(f"p must be at least 0 and below 1, not {p}")
    if not model.training:
        return x
    kept = (torch.rand(x.shape, generator=generator) >= p).to(x.device)
    return replace(x, torch.where(kept, x / (1 - p), 0.0), point, heads)


@hook("forward")
def stop_gradient(x: Tensor, point: HookPoint, *, heads: list[int] | None = None) -> Tensor:
    """Let the activation pass and no gradient come back: what lies below it learns from what else it reaches."""
    return replace(x, x.detach(), point, heads)


@hook("forward")
def fake_quantization(x: Tensor, point: HookPoint, *, bits: int = 8, heads: list[int] | None = None) -> Tensor:
    """Round the activation to so many bits, evenly spaced up to its largest magnitude; the gradient passes as if it had
    not been rounded (Jacob et al. 2018, arXiv:1712.05877)."""
    return replace(x, straight_through_rounding(x, bits), point, heads)


@hook("forward")
def attention_temperature(x: Tensor, point: HookPoint, *, temperature: float, heads: list[int] | None = None) -> Tensor:
    """Divide attention scores by a temperature: below 1 attention is sharper, above 1 more even."""
    if not point.name.endswith("hook_attn_scores"):
        raise ValueError("it acts on attention scores, such as blocks.0.attn.hook_attn_scores")
    if temperature <= 0:
        raise ValueError(f"the temperature must be above 0, not {temperature}")
    return replace(x, x / temperature, point, heads)


@hook("forward")
def attention_mask(
    x: Tensor,
    point: HookPoint,
    *,
    kind: Literal["window", "no_first", "uniform"],
    window: int = 16,
    heads: list[int] | None = None,
) -> Tensor:
    """Limit what attention sees, at its scores or its pattern: the `window` newest keys (Beltagy et al. 2020), all but
    the first (where attention sinks, Xiao et al. 2023), or all seen keys alike.

    A query's own key always counts to its window, and the first query keeps the only key that it has.
    """
    if not point.name.endswith(ATTENTION_POINTS):
        raise ValueError("it acts on attention scores or patterns, such as blocks.0.attn.hook_attn_scores")
    if window < 1:
        raise ValueError(f"the window must have at least 1 key, not {window}")
    is_pattern = point.name.endswith("hook_pattern")
    seen = seen_keys(x)  # [batch, head, query, key]
    if kind == "uniform":
        alike = seen.to(x.dtype) / seen.sum(-1, keepdim=True) if is_pattern else torch.zeros_like(x)
        return replace(x, alike, point, heads)
    back = distances(x)  # [query, key]
    if kind == "window":
        kept = back < window
    else:
        first_key = torch.arange(x.shape[-1], device=x.device) == 0  # [key]
        kept = ~first_key | (back == 0)
    if not is_pattern:
        return replace(x, x.masked_fill(~kept, -torch.inf), point, heads)
    shares = x.masked_fill(~kept, 0.0)  # [batch, head, query, key]
    return replace(x, shares / shares.sum(-1, keepdim=True).clamp(min=1e-9), point, heads)
