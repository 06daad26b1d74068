"""Backward hooks: activations pass unchanged, their gradient is replaced on its way back (torch.autograd.Function)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook
from lmcore.hooks.points import HookPoint


class ReplaceGradient(torch.autograd.Function):
    """The identity, whose gradient passes through a function on its way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, replace: Callable[[Tensor], Tensor]) -> Tensor:
        """x itself."""
        ctx.replace = replace
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The replaced gradient, of the same shape."""
        return ctx.replace(gradients[0]), None


def with_gradient(x: Tensor, replace: Callable[[Tensor], Tensor]) -> Tensor:
    """x, with a gradient that `replace` makes from the true one."""
    replaced = ReplaceGradient.apply(x, replace)  # type: ignore[no-untyped-call]
    assert isinstance(replaced, Tensor)
    return replaced


@hook("backward", "point")
def scale(x: Tensor, point: HookPoint, *, factor: float) -> Tensor:
    """Multiply the gradient by a factor."""
    return with_gradient(x, lambda gradient: gradient * factor)


@hook("backward", "point")
def reverse(x: Tensor, point: HookPoint) -> Tensor:
    """Reverse the gradient's sign (Ganin & Lempitsky 2015)."""
    return with_gradient(x, lambda gradient: -gradient)


@hook("backward", "point")
def clip(x: Tensor, point: HookPoint, *, largest: float) -> Tensor:
    """Limit each element of the gradient to ±largest."""
    return with_gradient(x, lambda gradient: gradient.clamp(-largest, largest))


@hook("backward", "point")
def sign(x: Tensor, point: HookPoint) -> Tensor:
    """Keep only the gradient's signs, at its mean magnitude."""
    return with_gradient(x, lambda gradient: gradient.sign() * gradient.abs().mean())


@hook("backward", "point")
def stop(x: Tensor, point: HookPoint) -> Tensor:
    """Stop the gradient: what lies below learns nothing from what lies above."""
    return with_gradient(x, torch.zeros_like)
