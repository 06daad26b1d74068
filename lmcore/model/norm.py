"""Normalization of the residual stream: layer norm and RMS norm, written out where somebody looks, fused elsewhere."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmcore.config.schema import ModelConfig
from lmcore.hooks.points import HookPoint


class LayerNorm(nn.Module):
    """(x - mean) / sqrt(variance + ε) · weight + bias, over the last dimension (Ba et al. 2016)."""

    def __init__(self, width: int, epsilon: float, bias: bool) -> None:
        super().__init__()
        self.width, self.epsilon = width, epsilon
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None
        self.hook_scale = HookPoint()  # [batch, pos, 1]
        self.hook_normalized = HookPoint()  # [batch, pos, d_model], before weight and bias

    def forward(self, x: Tensor) -> Tensor:
        """[batch, pos, d_model] → the same shape."""
        if not (self.hook_scale.is_used or self.hook_normalized.is_used):
            return F.layer_norm(x, (self.width,), self.weight, self.bias, self.epsilon)
        centred = x - x.mean(-1, keepdim=True)  # [batch, pos, d_model]
        scale = self.hook_scale((centred.square().mean(-1, keepdim=True) + self.epsilon).sqrt())  # [batch, pos, 1]
        normalized = self.hook_normalized(centred / scale)  # [batch, pos, d_model]
        scaled = normalized * self.weight  # [batch, pos, d_model]
        return scaled if self.bias is None else scaled + self.bias


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + ε) · weight, over the last dimension (Zhang & Sennrich 2019). It has no bias."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.width, self.epsilon = width, epsilon
        self.weight = nn.Parameter(torch.ones(width))
        self.hook_scale = HookPoint()  # [batch, pos, 1]
        self.hook_normalized = HookPoint()  # [batch, pos, d_model], before the weight

    def forward(self, x: Tensor) -> Tensor:
        """[batch, pos, d_model] → the same shape."""
        if not (self.hook_scale.is_used or self.hook_normalized.is_used):
            return F.rms_norm(x, (self.width,), self.weight, self.epsilon)
        scale = self.hook_scale((x.square().mean(-1, keepdim=True) + self.epsilon).sqrt())  # [batch, pos, 1]
        return self.hook_normalized(x / scale) * self.weight


def build_norm(config: ModelConfig) -> LayerNorm | RMSNorm:
    """The norm that `model.norm` names, over d_model."""
    if config.norm == "layernorm":
        return LayerNorm(config.d_model, config.norm_epsilon, config.bias)
    return RMSNorm(config.d_model, config.norm_epsilon)
