"""A tensor that passes unchanged, while its gradient is replaced on its way back (torch.autograd.Function)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


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
