"""Loss hooks: terms that are added to the cross-entropy, each a scalar made from logits, targets or what passed.

Each has a weight. Where a term looks at several activations or parameters, it is their mean over these.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmcore.hooks.catalogue import hook
from lmcore.hooks.declared import Hookable

# Of the logits


@hook("loss")
def z_loss(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float = 1e-4) -> Tensor:
    """Keep the logits' normalizer near one: weight × mean of log²Z (PaLM, Chowdhery et al. 2022)."""
    return weight * logits.logsumexp(dim=-1).square().mean()


@hook("loss")
def label_smoothing(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float = 0.1) -> Tensor:
    """Weight × (cross-entropy to the uniform distribution - cross-entropy to the targets), so that the sum is the loss
    with smoothed targets (Szegedy et al. 2016, section 7)."""
    to_uniform = -torch.log_softmax(logits, dim=-1).mean()
    return weight * (to_uniform - F.cross_entropy(logits.flatten(0, -2), targets.flatten()))


# Of activations


@hook("loss")
def activation_l1(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × mean absolute value of the activations at the hook's points."""
    return weight * _mean(_activations(seen), lambda x: x.abs().mean())


@hook("loss")
def activation_l2(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × mean square of the activations at the hook's points."""
    return weight * _mean(_activations(seen), lambda x: x.square().mean())


@hook("loss")
def attention_entropy(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × mean entropy, in nats, of where each query looks, at hook_pattern: a positive weight sharpens attention,
    a negative one keeps it from collapsing (Zhai et al. 2023, arXiv:2303.06296)."""
    patterns = _activations(seen)
    if not all(name.endswith("hook_pattern") for name in patterns):
        raise ValueError("it looks at attention patterns, such as blocks.*.attn.hook_pattern")
    # The smallest probability keeps the gradient of p·log p finite where a key is not seen.
    return weight * _mean(patterns, lambda p: -(p * p.clamp(min=1e-9).log()).sum(-1).mean())


@hook("loss")
def decorrelation(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × half the sum of squared covariances between different features of an activation, over batch and
    positions (DeCov, Cogswell et al. 2016, arXiv:1511.06068)."""
    return weight * _mean(_activations(seen), _covariances)


@hook("loss")
def intermediate(
    logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float, model: Hookable
) -> Tensor:
    """Weight × cross-entropy of what the final norm and the head read from the residual stream at the hook's points
    (Al-Rfou et al. 2019, arXiv:1808.04444), such as blocks.*.hook_resid_post."""
    streams = _activations(seen)
    if not all(name.endswith(("hook_resid_pre", "hook_resid_mid", "hook_resid_post")) for name in streams):
        raise ValueError("it reads the residual stream, such as blocks.*.hook_resid_post")
    goal = targets.flatten()
    return weight * _mean(streams, lambda x: F.cross_entropy(model.logits_of(x).flatten(0, -2), goal))


# Of weights


@hook("loss")
def weight_l1(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × sum of the absolute values of the matching parameters (the lasso, Tibshirani 1996)."""
    return weight * torch.stack([parameter.abs().sum() for parameter in _parameters(seen)]).sum()


@hook("loss")
def orthogonality(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float) -> Tensor:
    """Weight × ‖W Wᵀ - 1‖² (Wᵀ W of a tall matrix), which is zero when its rows are orthonormal (Bansal et al. 2018,
    arXiv:1810.09102)."""
    matrices = {str(i): parameter for i, parameter in enumerate(_parameters(seen)) if parameter.ndim == 2}
    if not matrices:
        raise ValueError("it looks at matrices, and `at` matches vectors alone")
    return weight * _mean(matrices, _distance_from_orthonormal)


def _mean(tensors: Mapping[str, Tensor], measure: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.stack([measure(x) for x in tensors.values()]).mean()


def _covariances(x: Tensor) -> Tensor:
    """½ Σ C² over pairs of different features: [batch, pos, …] → a scalar."""
    features = x.flatten(0, 1).flatten(1)  # [row, feature]
    centred = features - features.mean(0)
    covariance = centred.T @ centred / len(centred)  # [feature, feature]
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / 2


def _distance_from_orthonormal(w: Tensor) -> Tensor:
    lying = w.T if w.shape[0] > w.shape[1] else w  # [rows, columns], rows ≤ columns
    return (lying @ lying.T - torch.eye(len(lying), dtype=w.dtype, device=w.device)).square().sum()


def _activations(seen: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    if not seen or any(isinstance(x, nn.Parameter) for x in seen.values()):
        raise ValueError("it looks at activations: name hook points under `at`, such as blocks.*.hook_mlp_out")
    return seen


def _parameters(seen: Mapping[str, Tensor]) -> list[Tensor]:
    if not seen or not all(isinstance(x, nn.Parameter) for x in seen.values()):
        raise ValueError("it looks at weights: name parameters under `at`, such as blocks.*.weight")
    return list(seen.values())
