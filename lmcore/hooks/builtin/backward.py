"""Backward hooks: activations and weights pass unchanged, their gradient is replaced on its way back.

Where a straight-through estimate replaces the value as well, it says so. A linear layer computes y = x Wᵀ + b, and
backpropagation makes of the gradient δ at y

    the weight's gradient  δᵀ x         and what goes on to x  δ W

In feedback alignment the first stays as it is, and B takes the place of W in the second: a random matrix that is drawn
when the layer first learns, and kept with what hooks remember.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lmcore.hooks.builtin.quantization import straight_through_rounding
from lmcore.hooks.catalogue import hook
from lmcore.hooks.declared import Hookable
from lmcore.hooks.points import Place

Carry = Callable[[Tensor], Tensor]
"""The gradient at a layer's output → that at its input."""

STD_FOR_ZEROS = 0.02
"""How large the matrix is for a weight that is still zero: what GPT-2 gives its weights at the start."""


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


class LinearWithFeedback(torch.autograd.Function):
    """A linear layer that gives its input the gradient that `carry` makes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, carry: Carry) -> Tensor:
        """[…, in] → […, out], as without it."""
        ctx.save_for_backward(x)
        ctx.carry = carry
        return F.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        """Gradients of x, weight and bias."""
        (x,), (delta,) = ctx.saved_tensors, gradients  # […, in], […, out]
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        rows = delta.flatten(0, -2)  # [row, out]
        return (
            ctx.carry(delta) if wants_x else None,  # […, in]
            rows.T @ x.flatten(0, -2) if wants_weight else None,  # [out, in]
            rows.sum(0) if wants_bias else None,  # [out]
            None,
        )


@hook("backward", "linear")
def feedback_alignment(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    place: Place,
    *,
    generator: torch.Generator,
    state: dict[str, Tensor],
) -> Tensor:
    """Let a fixed random matrix carry the gradient back through a linear layer instead of its weight (Lillicrap et al.
    2016, doi:10.1038/ncomms13276); the layer's own gradient is computed as ever."""
    if not torch.is_grad_enabled():
        return F.linear(x, weight, bias)
    feedback = _kept(state, weight.shape, weight, generator)  # [out, in]
    return _linear(x, weight, bias, lambda delta: delta @ feedback)


@hook("backward", "linear")
def direct_feedback_alignment(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    place: Place,
    *,
    error: Callable[[], Tensor],
    generator: torch.Generator,
    state: dict[str, Tensor],
    model: Hookable,
) -> Tensor:
    """Give what lies below a linear layer the error at the logits, through a fixed random matrix, instead of the
    gradient that comes back to the layer (Nøkland 2016, arXiv:1609.01596)."""
    if not torch.is_grad_enabled():
        return F.linear(x, weight, bias)
    feedback = _kept(state, (model.vocabulary, weight.shape[1]), weight, generator)  # [vocabulary, in]
    return _linear(x, weight, bias, lambda _: error().to(feedback.dtype) @ feedback)


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None, carry: Carry) -> Tensor:
    result = LinearWithFeedback.apply(x, weight, bias, carry)  # type: ignore[no-untyped-call]
    assert isinstance(result, Tensor)
    return result


def _kept(
    state: dict[str, Tensor], shape: torch.Size | tuple[int, int], like: Tensor, generator: torch.Generator
) -> Tensor:
    """The place's fixed matrix: normal, as large as the weight's own values are when it is drawn."""
    if "feedback" not in state:
        size = like.detach().square().mean().sqrt().cpu()
        drawn = torch.randn(shape, generator=generator, dtype=like.dtype)
        state["feedback"] = (drawn * (size if size > 0 else STD_FOR_ZEROS)).to(like.device)
    return state["feedback"]
