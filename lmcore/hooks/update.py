"""Update hooks: on the gradient before the optimizer, or on its direction before it is applied.

Each takes a parameter's tensor (gradient or direction) and the parameter, and returns the replacement. The direction is
what the optimizer would add to the parameter in this step, learning rate and weight decay included.
"""

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook


@hook("update")
def clip_gradient(gradient: Tensor, parameter: Tensor, *, largest: float) -> Tensor:
    """Limit the l2 norm of each parameter's gradient."""
    factor: Tensor = largest / gradient.norm().clamp(min=largest)
    return gradient * factor


@hook("update")
def centralize_gradient(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Take away the mean over each row's inputs (gradient centralization, Yong et al. 2020); vectors stay."""
    return gradient - gradient.mean(dim=-1, keepdim=True) if gradient.ndim > 1 else gradient


@hook("update")
def sign_gradient(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Keep only the signs (signSGD, Bernstein et al. 2018)."""
    return gradient.sign()


@hook("update", "direction")
def scale_update(direction: Tensor, parameter: Tensor, *, factor: float) -> Tensor:
    """Multiply the update by a factor."""
    return direction * factor


@hook("update", "direction")
def freeze(direction: Tensor, parameter: Tensor) -> Tensor:
    """Leave the parameter as it is."""
    return torch.zeros_like(direction)


@hook("update", "direction")
def cautious(direction: Tensor, parameter: Tensor) -> Tensor:
    """Keep the update only where it goes against the gradient (cautious optimizers, Liang et al. 2024)."""
    if parameter.grad is None:
        return direction
    agrees = (direction * parameter.grad < 0).to(direction.dtype)
    return direction * agrees / agrees.mean().clamp(min=1e-3)


@hook("update", "direction")
def trust_ratio(direction: Tensor, parameter: Tensor, *, ratio: float = 1e-3) -> Tensor:
    """Give every parameter the same update-to-weight ratio (after LARS, You et al. 2017)."""
    weight, length = parameter.norm(), direction.norm()
    return direction * (ratio * weight / length) if weight > 0 and length > 0 else direction
