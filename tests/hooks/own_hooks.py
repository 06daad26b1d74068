"""A file of one's own for tests: one function for each stage, with what each kind of place and supply needs."""

from lmcore.config import TrainingConfig
from lmcore.hooks.active import Hooks
from lmcore.model.transformer import Transformer
from tests.training.tiny import tiny_config, tiny_model

FILE = "my_hooks.py"

TEXT = '''
"""Hooks of my own."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from lmcore.hooks.catalogue import hook


@hook("forward")
def times(x, point, *, factor: float = 1.0):
    """Multiply. And a second sentence."""
    return x * factor


@hook("forward")
def drift(x, point, *, generator, state, std: float = 0.1):
    """Add noise, and the mean of what came before."""
    before = state.get("mean", torch.zeros(()))
    state["mean"] = 0.9 * before + 0.1 * x.mean()
    return x + before + std * torch.randn(x.shape, generator=generator)


@hook("backward")
def gradient_times(gradient, place, *, factor: float = 1.0):
    return gradient * factor


@hook("backward")
def towards_error(gradient, place, *, error):
    return gradient + error()[..., :1]


@hook("backward", "value")
def rounded(x, place, *, step_size: float = 0.01):
    return x + (torch.round(x / step_size) * step_size - x).detach()


@hook("backward", "linear")
def plain_linear(x, weight, bias, place):
    return F.linear(x, weight, bias)


@hook("backward", "linear")
def fixed_feedback(x, weight, bias, place, *, generator, state):
    """Feedback alignment (Lillicrap et al. 2016)."""
    back = state.setdefault("back", torch.randn(weight.shape, generator=generator) / weight.shape[0] ** 0.5)
    carried = F.linear(x, back)
    return F.linear(x.detach(), weight, bias) + carried - carried.detach()


@hook("update")
def gradient_noise(gradient, parameter, *, generator, std: float = 0.01):
    return gradient + std * torch.randn(gradient.shape, generator=generator)


@hook("update", "gradients")
def together(gradients, *, state, largest: float = 0.5):
    norm = torch.stack([g.norm() for g in gradients.values()]).norm()
    state["largest"] = torch.maximum(state.get("largest", torch.zeros(())), norm)
    return {name: g * (largest / norm).clamp(max=1.0) for name, g in gradients.items()}


@hook("update", "step")
def shorter(update, parameter, *, step, factor: float = 0.5):
    return factor * update if step else update


@hook("update", "direction")
def momentum(direction, parameter, *, state, beta: float = 0.5):
    state["sum"] = beta * state.get("sum", torch.zeros_like(direction)) + direction
    return state["sum"]


@hook("loss")
def small(logits, targets, seen, *, weight: float = 0.1):
    return weight * sum(x.square().mean() for x in seen.values())
'''


def declared(**fields: object) -> dict[str, object]:
    """One hook that uses a function of this file."""
    return {"name": "mine", **fields, "use": f"{FILE}:{fields['use']}"}


def hooks_of(*fields: dict[str, object], text: str = TEXT, **training: object) -> tuple[Transformer, Hooks]:
    """The tiny model, and hooks declared on it."""
    config: TrainingConfig = tiny_config(hooks=list(fields), **training)
    model = tiny_model(config)
    return model, Hooks(config.hooks, model, seed=3, sources={FILE: text})
