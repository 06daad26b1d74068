"""Rounding to a few bits, with a gradient that passes as if nothing had been rounded."""

from typing import Any

import torch
from torch import Tensor

MOST_BITS = 16


class StraightThrough(torch.autograd.Function):
    """The second tensor's values with the first one's gradient (Bengio et al. 2013, arXiv:1308.3432)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor) -> Tensor:
        """The value."""
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """The gradient, all of it to x."""
        return gradients[0], None


def straight_through_rounding(x: Tensor, bits: int) -> Tensor:
    """`rounded` values, with the gradient of x itself."""
    result = StraightThrough.apply(x, rounded(x.detach(), bits))  # type: ignore[no-untyped-call]
    assert isinstance(result, Tensor)
    return result


def rounded(x: Tensor, bits: int) -> Tensor:
    """x on a grid of 2·n + 1 values around zero, n = 2^(bits-1) - 1, of which the outermost is the largest |x|.

    One bit keeps the signs, at the mean magnitude (XNOR-Net, Rastegari et al. 2016). Infinities (masked scores) stay.
    """
    if not 1 <= bits <= MOST_BITS:
        raise ValueError(f"bits must be from 1 to {MOST_BITS}, not {bits}")
    finite = x.masked_fill(x.isinf(), 0.0)
    if bits == 1:
        values = finite.sign() * finite.abs().mean()
    else:
        largest = finite.abs().amax().clamp(min=torch.finfo(x.dtype).tiny)
        levels = 2 ** (bits - 1) - 1
        values = (finite / largest * levels).round() / levels * largest
    return torch.where(x.isinf(), x, values)
