"""The sizes of parameters, gradients, updates and activations in one step, measured without changing a bit of it."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn

from lmcore.hooks.points import HookPoint

MEASURED_POINTS = ("hook_embed", "hook_pos_embed", "hook_attn_out", "hook_mlp_out", "hook_resid_post")
"""Where activations are measured: what each component adds to the residual stream, and the stream after each block."""


class ActivationRms:
    """While entered, watches the root mean square of the activations at every measured point of a model."""

    def __init__(self, points: Mapping[str, HookPoint]) -> None:
        self._points = {name: point for name, point in points.items() if name.split(".")[-1] in MEASURED_POINTS}
        self._seen: dict[str, list[Tensor]] = {name: [] for name in self._points}

    def __enter__(self) -> Self:
        self._handles = [point.attach(self._watch) for point in self._points.values()]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def _watch(self, x: Tensor, point: HookPoint) -> None:
        self._seen[point.name].append(torch.linalg.vector_norm(x.detach()) / x.numel() ** 0.5)

    def metrics(self) -> dict[str, float]:
        """`activation/rms/<hook point>`: over all elements of all (equally large) micro-batches."""
        seen = {name: torch.stack(values) for name, values in self._seen.items() if values}
        if not seen:
            return {}
        rms = torch.stack([values.square().mean().sqrt() for values in seen.values()]).tolist()
        return {f"activation/rms/{name}": value for name, value in zip(seen, rms, strict=True)}


class UpdateNorms:
    """The norms of one update: made from the gradients before it, asked after it."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], gradient_norms: Tensor) -> None:
        """`gradient_norms`: [parameter], in order, of the parameters that have a gradient; that of the others is 0."""
        self._parameters = parameters
        self._before = [p.detach().clone() for p in parameters.values()]
        has_gradient = [p.grad is not None for p in parameters.values()]
        self._gradient_norms = gradient_norms.new_zeros(len(has_gradient)).masked_scatter(
            torch.tensor(has_gradient, device=gradient_norms.device), gradient_norms
        )

    def metrics(self) -> dict[str, float]:
        """`grad|param|update/l2_norm/<parameter>` and `update/ratio/<parameter>`; the parameter's norm is that before
        the update. A parameter that is all zero has no ratio."""
        after = [p.detach() for p in self._parameters.values()]
        weights = torch.stack(torch._foreach_norm(self._before))
        updates = torch.stack(torch._foreach_norm(torch._foreach_sub(after, self._before)))
        rows = torch.stack([self._gradient_norms, weights, updates], dim=1).tolist()
        metrics: dict[str, float] = {}
        for name, (gradient, weight, update) in zip(self._parameters, rows, strict=True):
            metrics[f"grad/l2_norm/{name}"] = gradient
            metrics[f"param/l2_norm/{name}"] = weight
            metrics[f"update/l2_norm/{name}"] = update
            if weight > 0:
                metrics[f"update/ratio/{name}"] = update / weight
        return metrics
