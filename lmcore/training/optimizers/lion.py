"""Lion: the sign of a mean, found by a search over programs (Chen et al. 2023, arXiv:2302.06675)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lmcore.config.schema import OptimizationConfig
from lmcore.training.optimizers.decay import decays_of
from lmcore.training.schedules import learning_rate_at


class Lion:
    """Lion over named parameters; matrices (embeddings too) decay, vectors (biases and norms) never do.

    With gradient G, learning rate η and weight decay λ, for each parameter W (the paper's algorithm 2):

        D ← sign(β₁·M + (1 − β₁)·G)                            each entry moves by η, up or down
        W ← (1 − η·λ)·W − η·D
        M ← β₂·M + (1 − β₂)·G                                  after the step: with another β than the step's

    The paper's advice: a learning rate 3 to 10 times below AdamW's, and a weight decay as many times above it.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._parameters = dict(parameters)
        self._means = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._learning_rate = self._weight_decay = self._beta1 = self._beta2 = 0.0

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the values that step `step` is to use."""
        self._learning_rate = learning_rate_at(config, step)
        self._weight_decay = config.weight_decay
        self._beta1 = config.beta1
        self._beta2 = config.beta2

    @torch.no_grad()
    def step(self) -> None:
        """Update each parameter from its gradient; parameters without one stay."""
        for name, p in self._parameters.items():
            if p.grad is None:
                continue
            mean = self._means[name]
            direction = torch.lerp(p.grad, mean, self._beta1).sign_()
            if p.ndim >= 2:
                p.mul_(1 - self._learning_rate * self._weight_decay)
            p.add_(direction, alpha=-self._learning_rate)
            mean.lerp_(p.grad, 1 - self._beta2)

    def decays(self) -> dict[str, float]:
        """The share that weight decay takes from each parameter in this step, by name."""
        return decays_of(self._parameters, self._learning_rate * self._weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        """The state itself (not copies), e.g. `lion/mean/blocks.0.ln1.weight`."""
        return {f"lion/mean/{name}": mean for name, mean in self._means.items()}
