"""Causal multi-head self-attention, written out where somebody looks at scores or pattern, fused elsewhere."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmcore.config.schema import ModelConfig
from lmcore.hooks.points import HookPoint
from lmcore.model.cache import KeyValueCache
from lmcore.model.position import Rotation, build_rotation


class Attention(nn.Module):
    """softmax(scale · q kᵀ + causal mask) v for each head, and one projection back (Vaswani et al. 2017, 3.2).

    The scale is 1/√d_head unless the configuration sets one.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads, self.d_head = config.n_heads, config.d_head
        self.dropout = config.dropout
        self.qk_norm = config.qk_norm
        self.scale = 1 / math.sqrt(config.d_head) if config.attention_scale is None else config.attention_scale
        self.norm_epsilon = config.norm_epsilon
        self.query = nn.Linear(config.d_model, config.d_model, bias=config.bias)
        self.key = nn.Linear(config.d_model, config.d_model, bias=config.bias)
        self.value = nn.Linear(config.d_model, config.d_model, bias=config.bias)
        self.hook_q = HookPoint()  # [batch, pos, head, d_head]
        self.hook_k = HookPoint()  # [batch, pos, head, d_head]
        self.hook_v = HookPoint()  # [batch, pos, head, d_head]
        self.rotation: Rotation | None = build_rotation(config)
        if self.rotation is not None:
            self.hook_rot_q = HookPoint()  # [batch, pos, head, d_head]
            self.hook_rot_k = HookPoint()  # [batch, pos, head, d_head]
        self.hook_attn_scores = HookPoint()  # [batch, head, query, key]
        self.hook_pattern = HookPoint()  # [batch, head, query, key]
        self.hook_z = HookPoint()  # [batch, pos, head, d_head]
        self.output = nn.Linear(config.d_model, config.d_model, bias=config.bias)

    def forward(self, x: Tensor, cache: KeyValueCache | None = None, layer: int = 0) -> Tensor:
        """[batch, pos, d_model] → [batch, pos, d_model]; with a cache, `x` holds the positions after it."""
        q = self.hook_q(self._split_heads(self.query(x)))  # [batch, pos, head, d_head]
        k = self.hook_k(self._split_heads(self.key(x)))  # [batch, pos, head, d_head]
        v = self.hook_v(self._split_heads(self.value(x)))  # [batch, pos, head, d_head]
        if self.qk_norm:
            q = F.rms_norm(q, (self.d_head,), eps=self.norm_epsilon)
            k = F.rms_norm(k, (self.d_head,), eps=self.norm_epsilon)
        if self.rotation is not None:
            start = 0 if cache is None else cache.length
            q = self.hook_rot_q(self.rotation(q, start))  # [batch, pos, head, d_head]
            k = self.hook_rot_k(self.rotation(k, start))  # [batch, pos, head, d_head]
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # [batch, key, head, d_head]
        z = self.hook_z(self._mix(q, k, v))  # [batch, pos, head, d_head]
        out: Tensor = self.output(z.flatten(2))  # [batch, pos, d_model]
        return out

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.n_heads, self.d_head)  # [batch, pos, head, d_head]

    def _mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Each query's average of the values, weighted by how well their keys fit: [batch, pos, head, d_head]."""
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # [batch, head, pos, d_head]
        dropout = self.dropout if self.training else 0.0
        if dropout == 0 and not (self.hook_attn_scores.is_used or self.hook_pattern.is_used):
            return fused_attention(q, k, v, self.scale).transpose(1, 2)  # [batch, pos, head, d_head]
        scores = q @ k.transpose(-1, -2) * self.scale  # [batch, head, query, key]
        scores = scores.masked_fill(future_mask(q.shape[2], k.shape[2], q.device), -torch.inf)
        scores = self.hook_attn_scores(scores)  # [batch, head, query, key]
        pattern = self.hook_pattern(scores.softmax(dim=-1))  # [batch, head, query, key]
        pattern = F.dropout(pattern, dropout, training=self.training)
        return (pattern @ v).transpose(1, 2)  # [batch, pos, head, d_head]


def future_mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """True where a key stands after the query: [query, key]. The queries are the last of the keys' positions."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).triu(1 + keys - queries)


def fused_attention(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """The same function in one kernel that never stores the pattern: [batch, head, pos, d_head] each."""
    queries, keys = q.shape[2], k.shape[2]
    if queries == keys:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    if queries == 1:
        return F.scaled_dot_product_attention(q, k, v, scale=scale)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=~future_mask(queries, keys, q.device), scale=scale)
