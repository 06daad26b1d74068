"""Stochastic gradient descent with momentum (Polyak 1964; Sutskever et al. 2013) and decoupled weight decay."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lmcore.config.schema import OptimizationConfig
from lmcore.training.optimizers.decay import decays_of
from lmcore.training.schedules import learning_rate_at


class SGD:
    """SGD over named parameters; matrices (embeddings too) decay, vectors (biases and norms) never do.

    With gradient G, momentum μ, learning rate η and weight decay λ, for each parameter W:

        M ← μ·M + G                                            momentum
        W ← (1 − η·λ)·W − η·M                                  SGDW (Loshchilov & Hutter 2019, arXiv:1711.05101)

    Without weight decay that is torch.optim.SGD. Nothing divides by the gradient's size here, so that a Transformer
    wants learning rates of about 0.1 to 1, and clipping the gradient matters.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._parameters = dict(parameters)
        self._momentum = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._learning_rate = self._weight_decay = self._mu = 0.0

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the values that step `step` is to use."""
        self._learning_rate = learning_rate_at(config, step)
        self._weight_decay = config.weight_decay
        self._mu = config.momentum

    @torch.no_grad()
    def step(self) -> None:
        """Update each parameter from its gradient; parameters without one stay."""
        for name, p in self._parameters.items():
            if p.grad is None:
                continue
            momentum = self._momentum[name].mul_(self._mu).add_(p.grad)
            if p.ndim >= 2:
                p.mul_(1 - self._learning_rate * self._weight_decay)
            p.add_(momentum, alpha=-self._learning_rate)

    def decays(self) -> dict[str, float]:
        """The share that weight decay takes from each parameter in this step, by name."""
        return decays_of(self._parameters, self._learning_rate * self._weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        """The state itself (not copies), e.g. `sgd/momentum/blocks.0.ln1.weight`."""
        return {f"sgd/momentum/{name}": momentum for name, momentum in self._momentum.items()}
