"""Update hooks: on gradients before the optimizer, or on its step or its direction before it is applied.

Each takes a tensor (gradient, step or direction) and its parameter, and returns the replacement. The direction is all
that would be added to the parameter in this step, learning rate and weight decay included; the step is the direction
without decoupled weight decay, which joins it after the step's hooks. `parameter.grad` is then the gradient that the
optimizer has used.
"""

import re

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook
from lmcore.hooks.declared import Hookable

# Before the optimizer


@hook("update", "gradients")
def clip_global(gradients: dict[str, Tensor], *, largest: float) -> dict[str, Tensor]:
    """Limit the l2 norm of all matching gradients together (Pascanu et al. 2013)."""
    length = torch.linalg.vector_norm(torch.stack([gradient.norm() for gradient in gradients.values()]))
    factor: Tensor = largest / length.clamp(min=largest)
    return {name: gradient * factor for name, gradient in gradients.items()}


@hook("update")
def clip(gradient: Tensor, parameter: Tensor, *, largest: float) -> Tensor:
    """Limit the l2 norm of each parameter's gradient."""
    factor: Tensor = largest / gradient.norm().clamp(min=largest)
    return gradient * factor


@hook("update")
def centralize(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Take away the mean over each row's inputs (gradient centralization, Yong et al. 2020); vectors stay."""
    return gradient - gradient.mean(dim=-1, keepdim=True) if gradient.ndim > 1 else gradient


@hook("update")
def normalize(gradient: Tensor, parameter: Tensor, *, length: float = 1.0) -> Tensor:
    """Give each parameter's gradient the same l2 norm; one of zero stays."""
    factor: Tensor = length / gradient.norm().clamp(min=torch.finfo(gradient.dtype).tiny)
    return gradient * factor


@hook("update")
def noise(gradient: Tensor, parameter: Tensor, *, std: float, generator: torch.Generator) -> Tensor:
    """Add normal noise of the standard deviation std; with a schedule it can fade (Neelakantan et al. 2015,
    arXiv:1511.06807)."""
    drawn = torch.randn(gradient.shape, generator=generator, dtype=gradient.dtype).to(gradient.device)
    return gradient + std * drawn


@hook("update")
def sign(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Keep only the signs (signSGD, Bernstein et al. 2018)."""
    return gradient.sign()


@hook("update")
def project(gradient: Tensor, parameter: Tensor) -> Tensor:
    """Take away the part that points along the weight, and would only change its length (as AdamP does to updates, Heo
    et al. 2021, arXiv:2006.08217)."""
    squared = parameter.square().sum().clamp(min=torch.finfo(parameter.dtype).tiny)
    return gradient - (gradient * parameter).sum() / squared * parameter


# Between the optimizer's step and its application


@hook("update", "step")
def cautious(update: Tensor, parameter: Tensor) -> Tensor:
    """Keep the optimizer's step only where it goes against the gradient, longer by what is left out; weight decay acts
    in full (cautious optimizers, Liang et al. 2024, arXiv:2411.16085)."""
    if parameter.grad is None:
        return update
    agrees = (update * parameter.grad < 0).to(update.dtype)
    return update * agrees / agrees.mean().clamp(min=1e-3)


@hook("update", "direction")
def scale(direction: Tensor, parameter: Tensor, *, factor: float) -> Tensor:
    """Multiply the update, weight decay included, by a factor."""
    return direction * factor


@hook("update", "direction")
def freeze(direction: Tensor, parameter: Tensor) -> Tensor:
    """Leave the parameter as it is."""
    return torch.zeros_like(direction)


@hook("update", "direction")
def scale_layers(direction: Tensor, parameter: Tensor, *, factor: float, model: Hookable) -> Tensor:
    """Multiply the update, weight decay included, by the factor once for each block above the parameter (layer-wise
    learning rates, Howard & Ruder 2018, arXiv:1801.06146); embeddings are below all blocks, the final norm and the head
    above them."""
    name = next(name for name, other in model.named_parameters() if other is parameter)
    blocks = {match[1] for other, _ in model.named_parameters() if (match := re.match(r"blocks\.(\d+)\.", other))}
    above = len(blocks) if name.startswith(("embed.", "pos_embed.")) else 0
    if own := re.match(r"blocks\.(\d+)\.", name):
        above = len(blocks) - 1 - int(own[1])
    return direction * factor**above


@hook("update", "direction")
def trust_ratio(direction: Tensor, parameter: Tensor, *, ratio: float = 1e-3) -> Tensor:
    """Give every parameter the same update-to-weight ratio, weight decay included (after LARS, You et al. 2017)."""
    weight, length = parameter.norm(), direction.norm()
    return direction * (ratio * weight / length) if weight > 0 and length > 0 else direction


@hook("update", "direction")
def orthogonalize(direction: Tensor, parameter: Tensor) -> Tensor:
    """Make all singular values of a matrix's update, weight decay included, equal, at the same l2 norm; vectors stay.

    U S Vᵀ becomes U Vᵀ exactly, by a singular value decomposition: slow for wide models. The optimizer muon does
    nearly the same by Newton–Schulz (Jordan 2024), to its momentum.
    """
    if direction.ndim != 2 or not direction.any():
        return direction
    u, _, vt = torch.linalg.svd(direction, full_matrices=False)  # [rows, rank], [rank], [rank, columns]
    equal: Tensor = u @ vt * (direction.norm() / min(direction.shape) ** 0.5)
    return equal
