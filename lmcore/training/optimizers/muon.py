"""Muon: momentum orthogonalized by Newton–Schulz (Keller Jordan et al. 2024, https://kellerjordan.github.io/posts/muon)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lmcore.config.schema import OptimizationConfig
from lmcore.training.optimizers.decay import decays_of
from lmcore.training.schedules import muon_learning_rate_at

QUINTIC = (3.4445, -4.7750, 2.0315)
"""a, b, c of the iteration x ← a·x + b·x³ + c·x⁵ on singular values: chosen by Jordan for its slope at zero, which
lifts small singular values fastest; it settles near 1 (0.7 to 1.2), not at it, which costs nothing measurable."""


class Muon:
    """Muon over named matrices (those inside the blocks); see `orthogonalize` for what makes it Muon.

    With momentum β, learning rate η and weight decay λ, for a matrix W [rows, columns] with gradient G:

        M ← β·M + (1 − β)·G                                    momentum
        D ← β·M + (1 − β)·G                                    Nesterov: look ahead once more
        W ← (1 − η·λ)·W − η·√max(1, rows/columns)·orthogonalize(D)
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], dtype: torch.dtype | None = None) -> None:
        """`dtype`: of the Newton–Schulz products; None takes what the device multiplies fastest."""
        self._parameters = dict(parameters)
        self._momentum = {name: torch.zeros_like(p) for name, p in parameters.items()}
        device = next(iter(parameters.values())).device
        self._dtype = fast_matrix_dtype(device) if dtype is None else dtype
        self._learning_rate = self._weight_decay = self._beta = 0.0
        self._iterations = 5

    def set_hyperparameters(self, config: OptimizationConfig, step: int) -> None:
        """Take the values that step `step` is to use."""
        self._learning_rate = muon_learning_rate_at(config, step)
        self._weight_decay = config.weight_decay
        self._beta = config.muon_momentum
        self._iterations = config.muon_newton_schulz_steps

    @torch.no_grad()
    def step(self) -> None:
        """Update each matrix from its gradient; matrices without one stay."""
        weights: list[Tensor] = []
        gradients: list[Tensor] = []
        momenta: list[Tensor] = []
        for name, p in self._parameters.items():
            if p.grad is not None:
                weights.append(p)
                gradients.append(p.grad)
                momenta.append(self._momentum[name])
        if not weights:
            return
        torch._foreach_lerp_(momenta, gradients, 1 - self._beta)
        directions = torch._foreach_lerp(gradients, momenta, self._beta)
        updates = orthogonalize(directions, self._iterations, self._dtype)
        torch._foreach_mul_(updates, [max(1.0, u.shape[0] / u.shape[1]) ** 0.5 for u in updates])
        torch._foreach_mul_(weights, 1 - self._learning_rate * self._weight_decay)
        torch._foreach_add_(weights, updates, alpha=-self._learning_rate)

    def decays(self) -> dict[str, float]:
        """The share that weight decay takes from each parameter in this step, by name."""
        return decays_of(self._parameters, self._learning_rate * self._weight_decay)

    def tensors(self) -> dict[str, Tensor]:
        """The state itself (not copies), e.g. `muon/momentum/blocks.0.mlp.w_in.weight`."""
        return {f"muon/momentum/{name}": momentum for name, momentum in self._momentum.items()}


def fast_matrix_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies it in hardware (three times as fast there), else float32.

    Newton–Schulz needs no more than bfloat16's 8 bits: its result is only near orthogonal by design.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return torch.float32
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16", False) or capabilities.get("amx_bf16", False)
    return torch.bfloat16 if native else torch.float32


def orthogonalize(matrices: Sequence[Tensor], iterations: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """For each matrix U·S·Vᵀ (its singular value decomposition) about U·Vᵀ: all singular values become nearly 1.

    Equal shapes are stacked and multiplied together: one matrix at a time costs about twice as much on a processor.
    A tall matrix is worked on lying down, which gives the same result from smaller products.
    """
    by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
    lying = [m.mT if m.shape[0] > m.shape[1] else m for m in matrices]
    for index, m in enumerate(lying):
        by_shape[m.shape[0], m.shape[1]].append(index)
    results = list(lying)
    for indices in by_shape.values():
        stack = torch.stack([lying[index] for index in indices])  # [matrix, rows, columns], rows ≤ columns
        for index, result in zip(indices, newton_schulz(stack, iterations, dtype), strict=True):
            results[index] = result.mT if matrices[index].shape[0] > matrices[index].shape[1] else result
    return results


def newton_schulz(stack: Tensor, iterations: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The quintic Newton–Schulz iteration X ← a·X + b·(X·Xᵀ)·X + c·(X·Xᵀ)²·X on a stack [matrix, rows, columns].

    Needs rows ≤ columns for speed alone. A zero matrix stays zero.
    """
    a, b, c = QUINTIC
    length = torch.linalg.vector_norm(stack, dim=(1, 2), keepdim=True)  # Frobenius: no singular value is larger
    x: Tensor = (stack / (length + 1e-7)).to(dtype)
    for _ in range(iterations):
        gram = torch.bmm(x, x.mT)  # [matrix, rows, rows]
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)  # b·gram + c·gram²
        x = torch.baddbmm(x, polynomial, x, beta=a)  # a·x + polynomial·x
    return x.to(stack.dtype)
