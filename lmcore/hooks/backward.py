"""Backward hooks: activations and weights pass unchanged, their gradient is replaced on its way back."""

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook
from lmcore.hooks.points import Place


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
def stop(gradient: Tensor, place: Place) -> Tensor:
    """Stop the gradient: what lies below learns nothing from what lies above."""
    return torch.zeros_like(gradient)
