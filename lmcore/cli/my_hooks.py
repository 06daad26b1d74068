"""Hooks of my own, in my_hooks.py. A configuration in the same folder names them:

hooks:
  - name: damp-the-mlps
    kind: forward
    use: my_hooks.py:damp
    at: blocks.*.hook_mlp_out
    with: {factor: 0.9}

Each hook is a function below `@hook(kind)`. Arguments behind the star are what `with` may set, checked by their types;
what it returns has the shape of what it got. `lmcore hooks points CONFIG` lists the places for `at`, and `lmcore hooks
check CONFIG` says where each hook acts. While the lab trains, saving this file is enough: the next step uses it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from lmcore.hooks.catalogue import hook
from lmcore.hooks.points import HookPoint, Place


@hook("forward")
def damp(x: Tensor, point: HookPoint, *, factor: float = 0.9) -> Tensor:
    """Multiply an activation by a factor."""  # the docstring's first sentence is what the lab shows
    return factor * x


@hook("backward")
def damp_gradient(gradient: Tensor, place: Place, *, factor: float = 0.5) -> Tensor:
    """Multiply the gradient on its way back, at a hook point or a parameter, by a factor."""
    return factor * gradient


@hook("update")
def jitter(gradient: Tensor, parameter: Tensor, *, std: float = 1e-3, generator: torch.Generator) -> Tensor:
    """Add noise to a parameter's gradient before the optimizer sees it."""
    # An argument called `generator` is supplied, not set: it gives the same numbers whenever this step is made again.
    # So are `state` (a dict of tensors for each place, saved in checkpoints), `step` and `model`.
    noise = torch.randn(gradient.shape, generator=generator)  # [as the gradient]
    return gradient + std * noise.to(gradient.device)


@hook("update", "direction")
def slow_down(direction: Tensor, parameter: Tensor, *, factor: float = 0.5) -> Tensor:
    """Shorten what the optimizer would add to a parameter."""
    return factor * direction


@hook("loss")
def confidence(logits: Tensor, targets: Tensor, seen: Mapping[str, Tensor], *, weight: float = 0.01) -> Tensor:
    """Punish certainty: minus `weight` × the entropy of the predictions, in nats."""
    # logits [batch, pos, vocabulary]; `seen` has the activations at the hook points that `at` matches, by name.
    log_p = logits.log_softmax(dim=-1)  # [batch, pos, vocabulary]
    return weight * (log_p.exp() * log_p).sum(dim=-1).mean()
