"""Backward hooks: activations and weights pass unchanged, their gradient is replaced on its way back.

Where a straight-through estimate replaces the value as well, it says so; feedback alignment has its own file.
"""

import math

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook
from lmcore.hooks.points import Place
from lmcore.hooks.quantization import straight_through_rounding


@hook("backward")
def scale(gradient: Tensor, place: Place, *, factor: float) -> Tensor:
    """Multiply the gradient by a factor."""
    return gradient * factor


@hook("backward")
def reverse(gradient: Tensor, place: Place) -> Tensor:
    """Reverse the gradient's sign (Ganin & Lempitsky 2015)."""
    return -gradient


@hook("backward")
def clip(gradient: Tensor, place: Place, *, largest: float) -> Tensor:
    """Limit each element of the gradient to ±largest."""
    return gradient.clamp(-largest, largest)


@hook("backward")
def sign(gradient: Tensor, place: Place) -> Tensor:
    """Keep only the gradient's signs, at its mean magnitude."""
    return gradient.sign() * gradient.abs().mean()


@hook("backward")
def noise(gradient: Tensor, place: Place, *, std: float, generator: torch.Generator) -> Tensor:
    """Add normal noise of std × the gradient's root mean square."""
    drawn = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype).to(gradient.device)
    return gradient + std * gradient.square().mean().sqrt() * drawn


@hook("backward")
def sparsify(gradient: Tensor, place: Place, *, keep: float) -> Tensor:
    """Keep the share `keep` of each vector's elements, those of the largest magnitude, and set the others to zero
    (meProp, Sun et al. 2017)."""
    if not 0 < keep <= 1:
        raise ValueError(f"`keep` must be above 0 and at most 1, not {keep}")
    width = gradient.shape[-1]
    chosen = gradient.abs().topk(math.ceil(keep * width), dim=-1).indices  # [..., kept]
    return torch.zeros_like(gradient).scatter(-1, chosen, gradient.gather(-1, chosen))


@hook("backward")
def stop(gradient: Tensor, place: Place) -> Tensor:
    """Stop the gradient: what lies below learns nothing from what lies above."""
    return torch.zeros_like(gradient)


@hook("backward", "value")
def straight_through(x: Tensor, place: Place, *, bits: int = 8) -> Tensor:
    """Compute with an activation or a weight rounded to so many bits, and let the gradient pass as if it were not
    (straight-through estimator, Bengio et al. 2013); one bit keeps the signs."""
    return straight_through_rounding(x, bits)
