"""The optimizers that there are, and which parameter each of them updates."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from lmcore.config.schema import OptimizationConfig
from lmcore.errors import LabError
from lmcore.training.optimizers.adamw import AdamW
from lmcore.training.optimizers.lion import Lion
from lmcore.training.optimizers.muon import Muon
from lmcore.training.optimizers.own import DecayingRule, OwnOptimizer, UpdateRule
from lmcore.training.optimizers.sgd import SGD

__all__ = ["SGD", "AdamW", "Lion", "Muon", "Optimizer", "UpdateRule", "build_optimizer", "hidden_matrices"]

OPTIMIZERS: dict[str, Callable[[Mapping[str, nn.Parameter]], DecayingRule]] = {
    "adamw": AdamW,
    "muon": AdamW,  # for all that Muon leaves
    "sgd": SGD,
    "lion": Lion,
}
"""What updates the parameters outside the blocks' matrices, and, except with muon, those too."""


class Optimizer:
    """Updates all parameters of a model, each by one of its rules. Its state is plain named tensors."""

    def __init__(self, parts: list[DecayingRule]) -> None:
        self._parts = parts

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the learning rates and other values that step `step` (counted from 0) is to use."""
        for part in self._parts:
            part.set_hyperparameters(config, step)

    def step(self) -> None:
        """Update each parameter from its gradient."""
        for part in self._parts:
            part.step()

    def decays(self) -> dict[str, float]:
        """The share that weight decay takes from each parameter in this step, by name; those that it leaves are left
        out."""
        return {name: share for part in self._parts for name, share in part.decays().items()}

    def tensors(self) -> dict[str, Tensor]:
        """The whole state by name: the tensors themselves, not copies."""
        return {name: tensor for part in self._parts for name, tensor in part.tensors().items()}

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a state that `tensors` gave. LabError if one is missing, superfluous or of another shape."""
        own = self.tensors()
        for name in [*own, *tensors]:
            if name not in own or name not in tensors or own[name].shape != tensors[name].shape:
                raise LabError(f"this is not the optimizer's state: {name!r} is missing, new, or of another shape")
        for name, tensor in own.items():
            tensor.copy_(tensors[name])


def build_optimizer(
    model: nn.Module,
    config: OptimizationConfig,
    muon_dtype: torch.dtype | None = None,
    sources: Mapping[str, str] | None = None,
) -> Optimizer:
    """The optimizer that a configuration asks for; `muon_dtype` as in Muon.

    `sources` has the texts, by file name, of your own files that may run. UserCodeError for an optimizer that cannot.
    """
    parameters = dict(model.named_parameters())  # a tied matrix appears once
    if config.optimizer not in OPTIMIZERS:
        return Optimizer([OwnOptimizer(config.optimizer, sources or {}, parameters)])
    hidden = hidden_matrices(model) if config.optimizer == "muon" else {}
    rest = {name: p for name, p in parameters.items() if name not in hidden}
    parts: list[DecayingRule] = []
    if rest:
        parts.append(OPTIMIZERS[config.optimizer](rest))
    if hidden:
        parts.append(Muon(hidden, muon_dtype))
    return Optimizer(parts)


def hidden_matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """The matrices inside the blocks, which map the residual stream to itself: what Muon is made for."""
    return {name: p for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}
