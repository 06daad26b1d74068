"""How the model knows where a token stands: learned, sinusoidal, rotary, or not at all."""

import math

import torch
from torch import Tensor, nn

from lmcore.config.schema import ModelConfig


class SinusoidalPositions(nn.Module):
    """A fixed vector for each position: sines and cosines of falling frequency (Vaswani et al. 2017, section 3.5).

    PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i+1) = cos(pos / 10000^(2i/d)).
    """

    def __init__(self, context_length: int, d_model: int) -> None:
        super().__init__()
        position = torch.arange(context_length).float()[:, None]  # [pos, 1]
        frequency = torch.exp(-math.log(10000.0) * torch.arange(0, d_model, 2).float() / d_model)  # [d_model / 2]
        angle = position * frequency  # [pos, d_model / 2]
        table = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :d_model]  # [pos, d_model]
        self.register_buffer("table", table, persistent=False)
        self.table: Tensor

    def forward(self, positions: Tensor) -> Tensor:
        """Positions [pos] → vectors [pos, d_model]."""
        return self.table[positions]


class Rotation(nn.Module):
    """Rotary positions (Su et al. 2021): pairs of coordinates of q and k are turned by position · frequency.

    Coordinate i forms a pair with i + d_head/2; frequency i is base^(-2i/d_head). The product of a turned query and a
    turned key depends on the distance between their positions only.
    """

    def __init__(self, context_length: int, d_head: int, base: float) -> None:
        super().__init__()
        frequency = base ** (-torch.arange(0, d_head, 2).float() / d_head)  # [d_head / 2]
        angle = torch.arange(context_length).float()[:, None] * frequency  # [pos, d_head / 2]
        cos = torch.cat([angle.cos(), angle.cos()], dim=-1)  # [pos, d_head]
        sin = torch.cat([-angle.sin(), angle.sin()], dim=-1)  # [pos, d_head]
        self.register_buffer("cos", cos[:, None, :], persistent=False)  # [pos, 1, d_head]
        self.register_buffer("sin", sin[:, None, :], persistent=False)  # [pos, 1, d_head]
        self.cos: Tensor
        self.sin: Tensor

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Turn queries or keys [batch, pos, head, d_head] whose first position is `start`."""
        end = start + x.shape[1]
        partner = x.roll(x.shape[-1] // 2, dims=-1)  # [batch, pos, head, d_head]: the other coordinate of each pair
        return x * self.cos[start:end] + partner * self.sin[start:end]  # [batch, pos, head, d_head]


def build_position_embedding(config: ModelConfig) -> nn.Embedding | SinusoidalPositions | None:
    """What is added to the token embedding; None for rotary (which turns queries and keys instead) and none."""
    if config.positions == "learned":
        return nn.Embedding(config.context_length, config.d_model)
    if config.positions == "sinusoidal":
        return SinusoidalPositions(config.context_length, config.d_model)
    return None


def build_rotation(config: ModelConfig) -> Rotation | None:
    """The rotation of queries and keys, for rotary positions."""
    if config.positions == "rotary":
        return Rotation(config.context_length, config.d_head, config.rotary_base)
    return None
