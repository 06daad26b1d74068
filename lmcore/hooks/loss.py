"""Loss hooks: terms that are added to the cross-entropy, each a scalar made from logits, targets or an activation."""

from collections.abc import Mapping

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook


@hook("loss")
def z_loss(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float = 1e-4) -> Tensor:
    """Keep the logits' normalizer near one: weight × mean of log²Z (PaLM, Chowdhery et al. 2022)."""
    return weight * logits.logsumexp(dim=-1).square().mean()


@hook("loss")
def label_smoothing(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float = 0.1) -> Tensor:
    """Weight × cross-entropy to the uniform distribution (Szegedy et al. 2016)."""
    return -weight * torch.log_softmax(logits, dim=-1).mean()


@hook("loss")
def activation_l2(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × mean square of the activations at the hook's points."""
    return weight * torch.stack([activation.square().mean() for activation in seen.values()]).mean()


@hook("loss")
def activation_l1(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × mean absolute value of the activations at the hook's points."""
    return weight * torch.stack([activation.abs().mean() for activation in seen.values()]).mean()
