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
    """Rotary positions (Su et al. 2021): neighbouring coordinates of q and k are turned by position · frequency.

    Coordinates 2i and 2i+1 are read as one complex number and multiplied by e^(i · position · frequency), where the
    frequency is base^(-2i/d_head). The product of a turned query and a turned key depends on the distance between
    their positions only.
    """

    def __init__(self, context_length: int, d_head: int, base: float) -> None:
        super().__init__()
        frequency = base ** (-torch.arange(0, d_head, 2).float() / d_head)  # [d_head / 2]
        angle = torch.arange(context_length).float()[:, None, None] * frequency  # [pos, 1, d_head / 2]
        turn = torch.stack([angle.cos(), angle.sin()], dim=-1)  # [pos, 1, d_head / 2, 2]: real and imaginary part
        self.register_buffer("turn", turn, persistent=False)
        self.turn: Tensor

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Turn queries or keys [batch, pos, head, d_head] whose first position is `start`."""
        turn = torch.view_as_complex(self.turn[start : start + x.shape[1]])  # [pos, 1, d_head / 2]
        pairs = torch.view_as_complex(x.contiguous().view(*x.shape[:-1], -1, 2))  # [batch, pos, head, d_head / 2]
        return torch.view_as_real(pairs * turn).flatten(-2)  # [batch, pos, head, d_head]


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
