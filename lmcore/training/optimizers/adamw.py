"""AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101), by torch's fused kernel."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from lmcore.config.schema import OptimizationConfig
from lmcore.training.optimizers.decay import decays_of
from lmcore.training.schedules import learning_rate_at


class AdamW:
    """AdamW over named parameters; matrices (embeddings too) decay, vectors (biases and norms) never do.

    With gradient G, step number t, learning rate η and weight decay λ, for each parameter W:

        M ← β₁·M + (1 − β₁)·G                                  exp_avg
        V ← β₂·V + (1 − β₂)·G²                                 exp_avg_sq
        W ← (1 − η·λ)·W − η·(M / (1 − β₁ᵗ)) / (√(V / (1 − β₂ᵗ)) + ε)

    The kernel is called as a function, since torch's optimizer class would load the compiler: seconds, and much memory.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self._parameters = dict(parameters)
        self._means = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._squares = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._steps = {name: torch.zeros((), dtype=torch.float32, device=p.device) for name, p in parameters.items()}
        self._config = OptimizationConfig()
        self._learning_rate = 0.0

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the values that step `step` is to use."""
        self._config = config
        self._learning_rate = learning_rate_at(config, step)

    @torch.no_grad()
    def step(self) -> None:
        """Update each parameter from its gradient; parameters without one stay."""
        self._update([name for name, p in self._parameters.items() if p.ndim >= 2], self._config.weight_decay)
        self._update([name for name, p in self._parameters.items() if p.ndim < 2], 0.0)

    def _update(self, names: list[str], weight_decay: float) -> None:
        parameters: list[Tensor] = []
        gradients: list[Tensor] = []
        moving: list[str] = []
        for name in names:
            p = self._parameters[name]
            if p.grad is not None:
                parameters.append(p)
                gradients.append(p.grad)
                moving.append(name)
        if not moving:
            return
        adamw(
            parameters,
            gradients,
            [self._means[name] for name in moving],
            [self._squares[name] for name in moving],
            [],
            [self._steps[name] for name in moving],
            foreach=False,
            fused=True,
            amsgrad=False,
            maximize=False,
            lr=self._learning_rate,
            beta1=self._config.beta1,
            beta2=self._config.beta2,
            eps=self._config.epsilon,
            weight_decay=weight_decay,
        )

    def decays(self) -> dict[str, float]:
        """The share that weight decay takes from each parameter in this step, by name."""
        return decays_of(self._parameters, self._learning_rate * self._config.weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        """The state itself (not copies), e.g. `adamw/exp_avg/blocks.0.ln1.weight`."""
        kinds = {"step": self._steps, "exp_avg": self._means, "exp_avg_sq": self._squares}
        return {f"adamw/{kind}/{name}": tensor for kind, state in kinds.items() for name, tensor in state.items()}
