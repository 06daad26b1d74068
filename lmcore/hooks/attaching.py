"""Attaching hooks to a model: to its hook points, to its weights, and to its linear layers.

At one place, activation and weight hooks act in their listed order; then loss terms look at the result; then it goes
on. The gradient that comes back passes the backward hooks first, in their listed order too, and joins that of the loss
terms behind them: a `stop` leaves what lies below to the losses that look there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lmcore.hooks.calling import Moment, call, checked, is_finite, measure, refuse_non_finite, replaced, writable
from lmcore.hooks.declared import Hook
from lmcore.hooks.points import HookPoint, Place, Weight
from lmcore.hooks.replaced_gradient import with_gradient

Undo = Callable[[], None]
Look = Callable[[Hook, str, Tensor], None]
Pass = Callable[[Tensor, Place], Tensor | None]
"""A tensor on its way through a place → what goes on instead of it, or None to leave it."""


def attach(hooks: Sequence[Hook], moment: Moment, look: Look) -> list[Undo]:
    """Let hooks act from now on; what comes back ends that. `look` is called with what loss terms want to see."""
    model = moment.model
    assert isinstance(model, nn.Module)
    points, parameters = model.hook_points(), dict(model.named_parameters())
    undo: list[Undo] = []
    passes: dict[str, list[Pass]] = {}
    for place, passing in _passes(hooks, points, moment, look):
        if place in points:
            undo.append(points[place].attach(passing).remove)
        else:
            passes.setdefault(place, []).append(passing)
    if passes:
        undo += _replace_weights(model, {Weight(name, parameters[name]): made for name, made in passes.items()})
    for hook in hooks:
        if hook.entry.stage == "linear":
            undo += [_replace_linear(hook, Weight(place, parameters[place]), moment) for place in hook.places]
    if any("error" in hook.entry.supplied for hook in hooks):
        undo.append(_keep_error(model, moment))
    return undo


def _passes(
    hooks: Sequence[Hook], points: Mapping[str, HookPoint], moment: Moment, look: Look
) -> Iterable[tuple[str, Pass]]:
    """What a tensor passes at each place, in order."""
    for hook in hooks:
        if hook.entry.stage in ("activation", "value"):
            yield from ((place, partial(_replace, hook, moment)) for place in hook.places)
    for hook in hooks:
        if hook.entry.stage == "term":
            yield from ((place, partial(_see, hook, look)) for place in hook.places if place in points)
    for hook in reversed(hooks):  # a gradient comes back the other way
        if hook.entry.stage == "gradient_at":
            yield from ((place, partial(_replace_gradient, hook, moment)) for place in hook.places)


def _replace(hook: Hook, moment: Moment, x: Tensor, place: Place) -> Tensor:
    return replaced(hook, place.name, moment, x, place)


def _see(hook: Hook, look: Look, x: Tensor, place: Place) -> None:
    look(hook, place.name, x)


def _replace_gradient(hook: Hook, moment: Moment, x: Tensor, place: Place) -> Tensor | None:
    if not torch.is_grad_enabled():
        return None
    return with_gradient(x, lambda gradient: replaced(hook, place.name, moment, gradient, place))


def _replace_weights(model: nn.Module, passes: Mapping[Weight, Sequence[Pass]]) -> list[Undo]:
    """For the length of each forward pass, let the model compute with what the passes make of its weights.

    The made weight hides the parameter, which stays what it is: the optimizer and checkpoints see it alone.
    """
    owners = {weight: _owner(weight, model) for weight in passes}

    def hide(*_: Any) -> None:
        for weight, through in passes.items():
            x: Tensor = weight.parameter
            for passing in through:
                made = passing(x, weight)
                x = x if made is None else made
            vars(owners[weight])[_attribute(weight)] = x

    def show(*_: Any) -> None:
        for weight, owner in owners.items():
            vars(owner).pop(_attribute(weight), None)

    before = model.register_forward_pre_hook(hide)
    after = model.register_forward_hook(show, always_call=True)
    return [before.remove, after.remove, show]


def _replace_linear(hook: Hook, weight: Weight, moment: Moment) -> Undo:
    """Let a linear layer compute what a hook says."""
    assert isinstance(moment.model, nn.Module)
    linear = _owner(weight, moment.model)
    assert isinstance(linear, nn.Linear)
    vars(linear)["forward"] = partial(_compute, hook, linear, weight, moment)
    return partial(vars(linear).pop, "forward", None)


def _compute(hook: Hook, linear: nn.Linear, weight: Weight, moment: Moment, x: Tensor) -> Tensor:
    """[…, in] → […, out]. When watched, the effect is that on the gradient which goes on to `x`."""
    came_back: list[Tensor] = []
    is_watched = moment.watch and torch.is_grad_enabled() and x.requires_grad
    w = linear.weight.detach()  # [out, in]

    def compare(gradient: Tensor) -> Tensor:
        measure(hook, [came_back[-1] @ w], [gradient])
        return gradient

    def keep(gradient: Tensor) -> Tensor:
        came_back.append(gradient)
        return gradient

    was_finite = moment.look_for_non_finite and is_finite(x)
    seen = with_gradient(x, compare) if is_watched else x
    result = call(hook, weight.name, moment, writable(hook, seen), linear.weight, linear.bias, weight)
    result = checked(hook, weight.name, moment, result, like=x.new_empty((*x.shape[:-1], w.shape[0])))
    if was_finite:
        refuse_non_finite(hook, weight.name, moment, result)
    return with_gradient(result, keep) if is_watched else result


def _keep_error(model: nn.Module, moment: Moment) -> Undo:
    """Keep the gradient that comes back to the logits, for the hooks that it reaches later."""

    def keep(gradient: Tensor) -> None:
        moment.error = gradient

    def at_logits(_: nn.Module, __: Any, logits: Tensor) -> None:
        moment.error = None
        if logits.requires_grad:
            logits.register_hook(keep)  # type: ignore[no-untyped-call]

    return model.register_forward_hook(at_logits).remove


def _owner(weight: Weight, model: nn.Module) -> nn.Module:
    """The part of the model that a parameter belongs to."""
    return model.get_submodule(weight.name.rpartition(".")[0])


def _attribute(weight: Weight) -> str:
    """What its owner calls a parameter."""
    return weight.name.rpartition(".")[2]
