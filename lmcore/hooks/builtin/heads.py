"""What of an activation a forward hook may change: the heads that were chosen, and no key that a query does not see."""

import torch
from torch import Tensor

from lmcore.hooks.points import HookPoint

ATTENTION_POINTS = ("hook_attn_scores", "hook_pattern")
"""Points of the shape [batch, head, query, key]."""


def replace(x: Tensor, new: Tensor, point: HookPoint, heads: list[int] | None) -> Tensor:
    """`new` where it may stand, `x` elsewhere. What is left out of the result has a gradient of zero, not none."""
    may_change = of_heads(x, point, heads)
    if point.name.endswith(ATTENTION_POINTS):
        may_change = may_change & seen_keys(x)
    return torch.where(may_change, new, x)


def of_heads(x: Tensor, point: HookPoint, heads: list[int] | None) -> Tensor:
    """A mask that is true at the chosen heads, broadcastable to `x`; everywhere when `heads` is None.

    q, k, v, z are [batch, pos, head, d_head]; scores and pattern are [batch, head, query, key].
    """
    if heads is None:
        return torch.ones((), dtype=torch.bool, device=x.device)
    dimension = 1 if point.name.endswith(ATTENTION_POINTS) else 2
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


def seen_keys(x: Tensor) -> Tensor:
    """True where a query sees a key, in scores or a pattern [batch, head, query, key]: a hook must not show the future.

    Scores that another hook has masked (-inf) count as not seen.
    """
    return (distances(x) >= 0) & ~x.isneginf()


def distances(x: Tensor) -> Tensor:
    """How far back each key stands from its query: [query, key]. The queries are the last of the keys' positions."""
    queries, keys = x.shape[-2:]
    positions = torch.arange(keys, device=x.device)
    return positions[keys - queries :, None] - positions  # [query, key]
