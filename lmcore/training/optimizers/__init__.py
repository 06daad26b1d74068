"""The two optimizers, and which parameter each of them updates."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lmcore.config.schema import OptimizationConfig
from lmcore.training.optimizers.adamw import AdamW
from lmcore.training.optimizers.muon import Muon

__all__ = ["AdamW", "Muon", "Optimizer", "build_optimizer", "hidden_matrices"]


class Optimizer:
    """Updates all parameters of a model: some by Muon, the rest by AdamW. Its state is plain named tensors."""

    def __init__(self, parts: list[AdamW | Muon]) -> None:
        self._parts = parts

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the learning rates and other values that step `step` (counted from 0) is to use."""
        for part in self._parts:
            part.set_hyperparameters(config, step)

    def step(self) -> None:
        """Update each parameter from its gradient."""
        for part in self._parts:
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """The whole state by name: the tensors themselves, not copies."""
        return {name: tensor for part in self._parts for name, tensor in part.tensors().items()}

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over a state that `tensors` gave. KeyError if a tensor is missing; extra ones are an error too."""
        own = self.tensors()
        if own.keys() != tensors.keys():
            raise KeyError(f"not this optimizer's state: {sorted(own.keys() ^ tensors.keys())[:3]} …")
        for name, tensor in own.items():
            tensor.copy_(tensors[name])


def build_optimizer(model: nn.Module, config: OptimizationConfig, muon_dtype: torch.dtype | None = None) -> Optimizer:
    """The optimizer that a configuration asks for; `muon_dtype` as in Muon."""
    parameters = dict(model.named_parameters())  # a tied matrix appears once
    hidden = hidden_matrices(model) if config.optimizer == "muon" else {}
    rest = {name: p for name, p in parameters.items() if name not in hidden}
    parts: list[AdamW | Muon] = []
    if rest:
        parts.append(AdamW(rest))
    if hidden:
        parts.append(Muon(hidden, muon_dtype))
    return Optimizer(parts)


def hidden_matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """The matrices inside the blocks, which map the residual stream to itself: what Muon is made for."""
    return {name: p for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}
