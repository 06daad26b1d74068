"""Which parameters decoupled weight decay takes from: matrices (embeddings too), never vectors (biases and norms)."""

from collections.abc import Mapping

from torch import nn


def decays_of(parameters: Mapping[str, nn.Parameter], share: float) -> dict[str, float]:
    """The share of itself that each parameter loses in a step that has a gradient for it; those that lose none are
    left out."""
    return {name: share for name, p in parameters.items() if share and p.ndim >= 2 and p.grad is not None}
