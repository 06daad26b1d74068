"""The key–value cache: what attention computed for earlier tokens, so that the next costs one token only."""

import torch
from torch import Tensor

from lmcore.config.schema import ModelConfig


class KeyValueCache:
    """Keys (rotated, where positions are rotary) and values of every layer for the first `length` positions.

    `capacity` is the model's context length; the model refuses more. `clear` starts over without new memory.
    """

    def __init__(self, config: ModelConfig, batch: int = 1, device: torch.device | str = "cpu") -> None:
        shape = (config.n_layers, batch, config.context_length, config.n_heads, config.d_head)
        self.keys = torch.zeros(shape, device=device)  # [layer, batch, pos, head, d_head]
        self.values = torch.zeros(shape, device=device)  # [layer, batch, pos, head, d_head]
        self.length = 0

    @property
    def capacity(self) -> int:
        """How many positions fit."""
        return self.keys.shape[2]

    def extend(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write one layer's new keys and values behind the old ones and return all of them: [batch, pos, head, d_head].

        `length` moves on only when every layer is written (`advance`).
        """
        end = self.length + k.shape[1]
        self.keys[layer, :, self.length : end] = k
        self.values[layer, :, self.length : end] = v
        return self.keys[layer, :, :end], self.values[layer, :, :end]

    def advance(self, count: int) -> None:
        """Count `count` positions as written."""
        self.length += count

    def clear(self) -> None:
        """Forget everything."""
        self.length = 0
