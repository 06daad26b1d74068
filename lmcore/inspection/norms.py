"""How large parameters and their gradients are, by component and one by one."""

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from lmcore.inspection.errors import InspectionError
from lmcore.model.transformer import Transformer


@dataclass(frozen=True)
class ComponentNorm:
    """L2 norms of all parameters of one component taken together; None for gradients that are not there."""

    component: str
    weight_norm: float
    gradient_norm: float | None


@dataclass(frozen=True)
class ParameterRow:
    """One parameter: its shape, its l2 norm and its gradient's, and how its values are spread."""

    name: str
    shape: tuple[int, ...]
    weight_norm: float
    gradient_norm: float | None
    rms: float
    largest: float  # the largest absolute value


def component_norms(model: Transformer) -> list[ComponentNorm]:
    """One row for each component, in the model's order."""
    members: dict[str, list[nn.Parameter]] = {component: [] for component in model.components()}
    for name, parameter in model.named_parameters():
        members[model.component_of(name)].append(parameter)
    return [ComponentNorm(name, _norm(members[name]), _gradient_norm(members[name])) for name in members]


def parameter_rows(model: Transformer, component: str) -> list[ParameterRow]:
    """One row for each parameter of a component such as `blocks.0.attn`. Raises InspectionError if there is none."""
    named = [(name, p) for name, p in model.named_parameters() if model.component_of(name) == component]
    if not named:
        components = model.components()
        nearest = difflib.get_close_matches(component, components, n=3, cutoff=0.3) or components
        raise InspectionError(f"the model has no component {component!r}; it has {', '.join(nearest)}")
    return [
        ParameterRow(
            name,
            tuple(p.shape),
            _norm([p]),
            _gradient_norm([p]),
            _norm([p]) / math.sqrt(p.numel()),
            p.detach().abs().max().item(),
        )
        for name, p in named
    ]


def _norm(tensors: Iterable[torch.Tensor]) -> float:
    return math.hypot(*(torch.linalg.vector_norm(tensor.detach()).item() for tensor in tensors))


def _gradient_norm(parameters: Iterable[nn.Parameter]) -> float | None:
    gradients = [p.grad for p in parameters if p.grad is not None]
    return _norm(gradients) if gradients else None
