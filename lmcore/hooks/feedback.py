"""Backward hooks for linear layers: fixed random matrices carry the error back instead of the weight's transpose.

A linear layer computes y = x Wᵀ + b. Backpropagation makes of the gradient δ at y

    the weight's gradient  δᵀ x         and what goes on to x  δ W

Here the first stays as it is, and B takes the place of W in the second. B is drawn when the layer first learns, and is
kept with what hooks remember.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lmcore.hooks.catalogue import hook
from lmcore.hooks.declared import Hookable
from lmcore.hooks.points import Place

Carry = Callable[[Tensor], Tensor]
"""The gradient at a layer's output → that at its input."""

STD_FOR_ZEROS = 0.02
"""How large the matrix is for a weight that is still zero: what GPT-2 gives its weights at the start."""


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
