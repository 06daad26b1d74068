"""When a loss or gradient is not a finite number: finding where the first such value appears."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from lmcore.errors import LabError
from lmcore.hooks.points import HookPoint
from lmcore.model.transformer import Transformer


class NonFinite(LabError):
    """A step met an infinity or not-a-number; nothing was updated, and the state is still that before the step."""

    def __init__(self, step: int, where: str) -> None:
        super().__init__(f"at step {step}, {where} is not finite; the weights were left as they were")
        self.step = step
        self.where = where


def first_non_finite(model: Transformer, inputs: Iterable[Tensor], before_forward: Callable[[int], None]) -> str:
    """What is not finite first, in the order of computation: a parameter, a hook point's activation, or a gradient.

    Runs the forward passes of a step again, calling `before_forward(index)` before each (which seeds dropout). The
    gradients looked at are those the parameters hold; in backward order the last parameter comes first.
    """
    for name, p in model.named_parameters():
        if not p.isfinite().all():
            return f"the parameter {name}"
    for index, x in enumerate(inputs):
        before_forward(index)
        at = _first_non_finite_activation(model, x)
        if at:
            return f"the activation at {at}"
    for name, p in reversed(list(model.named_parameters())):
        if p.grad is not None and not p.grad.isfinite().all():
            return f"the gradient of {name}"
    return "the loss"


@torch.no_grad()
def _first_non_finite_activation(model: Transformer, x: Tensor) -> str:
    """The name of the hook point, or `logits`; empty if all are finite."""
    found: list[str] = []

    def look(activation: Tensor, point: HookPoint) -> None:
        if not found and not activation.isfinite().all():
            found.append(point.name)

    # Masked scores are -inf by design, and watching scores or pattern would take another path through attention.
    points = [p for name, p in model.hook_points().items() if not name.endswith(("hook_attn_scores", "hook_pattern"))]
    handles = [point.attach(look) for point in points]
    try:
        logits = model(x)
    finally:
        for handle in handles:
            handle.remove()
    if not found and not logits.isfinite().all():
        found.append("logits")
    return found[0] if found else ""
