"""Forward hooks: functions that replace an activation. Each takes the activation and returns its replacement."""

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook
from lmcore.hooks.points import HookPoint


def of_heads(x: Tensor, point: HookPoint, heads: list[int] | None) -> Tensor:
    """A mask that is true at the chosen heads, broadcastable to `x`; everywhere when `heads` is None.

    q, k, v, z are [batch, pos, head, d_head]; scores and pattern are [batch, head, query, key].
    """
    if heads is None:
        return torch.ones((), dtype=torch.bool, device=x.device)
    dimension = 1 if point.name.endswith(("hook_attn_scores", "hook_pattern")) else 2
    if x.ndim != 4:
        raise ValueError(f"{point.name} has no heads")
    count = x.shape[dimension]
    if not all(0 <= head < count for head in heads):
        raise ValueError(f"{point.name} has the heads 0 to {count - 1}, not {heads}")
    shape = [1] * 4
    shape[dimension] = count
    mask = torch.zeros(count, dtype=torch.bool, device=x.device)
    mask[heads] = True
    return mask.view(shape)


@hook("forward")
def zero(x: Tensor, point: HookPoint, *, heads: list[int] | None = None) -> Tensor:
    """Replace the activation (of the chosen heads) by zero."""
    return torch.where(of_heads(x, point, heads), torch.zeros_like(x), x)


@hook("forward")
def mean(x: Tensor, point: HookPoint, *, heads: list[int] | None = None) -> Tensor:
    """Replace the activation (of the chosen heads) by its mean over batch and positions."""
    return torch.where(of_heads(x, point, heads), x.mean(dim=(0, 1), keepdim=True).expand_as(x), x)


@hook("forward")
def scale(x: Tensor, point: HookPoint, *, factor: float, heads: list[int] | None = None) -> Tensor:
    """Multiply the activation (of the chosen heads) by a factor."""
    return torch.where(of_heads(x, point, heads), x * factor, x)


@hook("forward")
def clamp(x: Tensor, point: HookPoint, *, low: float, high: float) -> Tensor:
    """Limit the activation to the range from low to high."""
    return x.clamp(low, high)


@hook("forward")
def stop_gradient(x: Tensor, point: HookPoint) -> Tensor:
    """Let the activation pass and no gradient come back."""
    return x.detach()
