"""AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101), by torch's fused kernel."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lmcore.config.schema import OptimizationConfig
from lmcore.training.schedules import learning_rate_at


class AdamW:
    """AdamW over named parameters; matrices (embeddings too) decay, vectors (biases and norms) never do."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        matrices = [p for p in parameters.values() if p.ndim >= 2]
        vectors = [p for p in parameters.values() if p.ndim < 2]
        groups = [{"params": group} for group in (matrices, vectors) if group]
        self._parameters = dict(parameters)
        self._torch = torch.optim.AdamW(groups, fused=True)
        for p in parameters.values():  # made now, not at the first step, so that any checkpoint has all of the state
            self._torch.state[p] = {
                "step": torch.zeros((), dtype=torch.float32, device=p.device),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the values that step `step` is to use."""
        for group in self._torch.param_groups:
            group["lr"] = learning_rate_at(config, step)
            group["betas"] = (config.beta1, config.beta2)
            group["eps"] = config.epsilon
            group["weight_decay"] = config.weight_decay if group["params"][0].ndim >= 2 else 0.0

    def step(self) -> None:
        """Update each parameter from its gradient; parameters without one stay."""
        self._torch.step()

    def tensors(self) -> dict[str, Tensor]:
        """The state itself (not copies), e.g. `adamw/exp_avg/blocks.0.ln1.weight`."""
        return {
            f"adamw/{key}/{name}": self._torch.state[p][key]
            for name, p in self._parameters.items()
            for key in ("step", "exp_avg", "exp_avg_sq")
        }
