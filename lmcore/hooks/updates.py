"""Update hooks on both sides of the optimizer: its gradients before it, its directions before they are applied."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from lmcore.hooks.calls import (
    Moment,
    call,
    checked,
    failure,
    is_finite,
    measure,
    refuse_non_finite,
    replaced,
    writable,
)
from lmcore.hooks.catalogue import HookError
from lmcore.hooks.declared import Hook


class HasState(Protocol):
    """An optimizer whose state is named tensors that it changes in place, and which knows its weight decay."""

    def decays(self) -> dict[str, float]:
        """The share that weight decay takes from each parameter in this step, by name."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """The tensors themselves."""
        ...


@torch.no_grad()
def transform_gradients(hooks: Sequence[Hook], parameters: Mapping[str, nn.Parameter], moment: Moment) -> None:
    """Pass gradients through the hooks before the optimizer, in their listed order. HookError."""
    for hook in hooks:
        gradients = {place: parameters[place].grad for place in hook.places} if hook.entry.kind == "update" else {}
        there = {place: gradient for place, gradient in gradients.items() if gradient is not None}
        if hook.entry.stage == "gradient":
            for place, gradient in there.items():
                gradient.copy_(replaced(hook, place, moment, gradient, parameters[place]))
        elif hook.entry.stage == "gradients" and there:
            for place, gradient in _all_at_once(hook, there, moment).items():
                there[place].copy_(gradient)


def _all_at_once(hook: Hook, gradients: dict[str, Tensor], moment: Moment) -> dict[str, Tensor]:
    was_finite = moment.look_for_non_finite and all(map(is_finite, gradients.values()))
    result = call(hook, "", moment, {place: writable(hook, gradient) for place, gradient in gradients.items()})
    if not isinstance(result, dict) or result.keys() != gradients.keys():
        raise HookError(f"{failure(hook, '', moment)}: it must return a dict with the names that it was given")
    for place, gradient in gradients.items():
        checked(hook, place, moment, result[place], gradient)
    if was_finite:
        refuse_non_finite(hook, "", moment, *result.values())
    if moment.watch:
        measure(hook, list(gradients.values()), [result[place] for place in gradients])
    return result


@contextmanager
def transformed_directions(
    hooks: Sequence[Hook], parameters: Mapping[str, nn.Parameter], optimizer: HasState, moment: Moment
) -> Iterator[None]:
    """Around the optimizer's step: what it adds to a parameter passes through the step and direction hooks. HookError,
    with parameters and optimizer as they were."""
    acting = [hook for hook in hooks if hook.entry.stage in ("step", "direction")]
    if not acting:
        yield
        return
    changed = {**optimizer.tensors(), **{f"parameter {name}": p.detach() for name, p in parameters.items()}}
    before = {name: tensor.clone() for name, tensor in changed.items()}
    try:
        yield
        with torch.no_grad():
            parameters_before = {name: before[f"parameter {name}"] for name in parameters}
            _redirect(acting, parameters, parameters_before, optimizer, moment)
    except BaseException:
        for name, tensor in changed.items():
            tensor.copy_(before[name])
        raise


def _redirect(
    hooks: Sequence[Hook],
    parameters: Mapping[str, nn.Parameter],
    before: Mapping[str, Tensor],
    optimizer: HasState,
    moment: Moment,
) -> None:
    """Replace the update that was made by the one that the hooks make of it: of its step first, then of all of it."""
    affected = dict.fromkeys(place for hook in hooks for place in hook.places)
    directions = {name: parameters[name] - before[name] for name in affected}
    for name in affected:  # so that a hook meets the parameter as it was before the update
        parameters[name].copy_(before[name])
    if of_steps := [hook for hook in hooks if hook.entry.stage == "step"]:
        places = {place for hook in of_steps for place in hook.places}
        decay = {name: share * before[name] for name, share in optimizer.decays().items() if name in places}
        for name, lost in decay.items():
            directions[name].add_(lost)
        _pass(of_steps, parameters, directions, moment)
        for name, lost in decay.items():
            directions[name] = directions[name] - lost
    _pass([hook for hook in hooks if hook.entry.stage == "direction"], parameters, directions, moment)
    for name, direction in directions.items():
        parameters[name].add_(direction)


def _pass(
    hooks: Sequence[Hook], parameters: Mapping[str, nn.Parameter], directions: dict[str, Tensor], moment: Moment
) -> None:
    """Let directions pass through hooks in their listed order."""
    for hook in hooks:
        was_finite = _all_finite([directions[place] for place in hook.places])
        for place in hook.places:
            directions[place] = replaced(hook, place, moment, directions[place], parameters[place])
        if was_finite and not _all_finite([directions[place] for place in hook.places]):
            broken = next(place for place in hook.places if not is_finite(directions[place]))
            refuse_non_finite(hook, broken, moment, directions[broken])


def _all_finite(tensors: Sequence[Tensor]) -> bool:
    """Whether every value is finite, found out by waiting for the device once."""
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())
