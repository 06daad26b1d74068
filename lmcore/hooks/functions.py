"""Functions that are attached to hook points from Python for a while, in the forms that TransformerLens's users write.

    def f(x, hook): ...                      # called with the activation and its hook point, by position or as `hook`
    model.run_with_hooks(tokens, fwd_hooks=[("blocks.*.hook_mlp_out", f), (lambda name: name.endswith("hook_z"), f)])

A function gets a copy, so that it may write into it and return it, or nothing.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from lmcore.errors import UserCodeError
from lmcore.hooks.catalogue import HookError
from lmcore.hooks.points import HookPoint, HookPointError, matching_names, must_be_like

NamedHook = tuple[str | Callable[[str], bool], Callable[..., Any]]
"""Which hook points (a name, a glob, or a function of the name), and what to attach there."""


@dataclass(frozen=True)
class Function:
    """A person's function, and how it is called."""

    call: Callable[[Tensor, HookPoint], Any]
    name: str  # for sentences: the function f of fwd_hooks

    def __call__(self, x: Tensor, point: HookPoint) -> Tensor | None:
        """What takes the place of x, None to leave it. HookError for what cannot take its place."""
        copy = x.clone()  # what it writes into must belong to nobody else: not to autograd, not to another part
        version = None if copy.is_inference() else copy._version
        try:
            result = self.call(copy, point)
        except (HookError, UserCodeError):
            raise
        except Exception as error:
            error.add_note(f"This happened in {self.name}, at {point.name}.")
            raise
        if result is None:
            return None if version is not None and copy._version == version else copy
        return must_be_like(f"{self.name} failed at {point.name}", result, x)


@contextmanager
def attached(
    points: Mapping[str, HookPoint], fwd_hooks: Sequence[NamedHook], bwd_hooks: Sequence[NamedHook]
) -> Iterator[list[Callable[[], None]]]:
    """Inside, functions are attached to points. What is yielded detaches `bwd_hooks` from gradients of these passes.

    HookError or HookPointError, with nothing attached.
    """
    forward = _at_points(points, "fwd_hooks", fwd_hooks)
    backward = _at_points(points, "bwd_hooks", bwd_hooks)
    of_gradients: list[Callable[[], None]] = []
    handles = [point.attach(function) for point, function in forward]
    handles += [point.attach(partial(_with_gradient, function, of_gradients)) for point, function in backward]
    try:
        yield of_gradients
    finally:
        for handle in handles:
            handle.remove()


def _at_points(
    points: Mapping[str, HookPoint], what: str, hooks: Sequence[NamedHook]
) -> list[tuple[HookPoint, Function]]:
    chosen = []
    for hook in hooks:
        if not isinstance(hook, tuple | list) or len(hook) != 2 or not callable(hook[1]):
            raise HookError(f"{what} is a list of pairs (hook point, function), and this is none: {hook!r:.80}")
        wanted, function = hook
        names = chosen_names(list(points), wanted)
        chosen += [(points[name], _function(function, f"{_name_of(function)} of {what}", name)) for name in names]
    return chosen


def chosen_names(names: Sequence[str], wanted: str | Callable[[str], bool]) -> list[str]:
    """The names that a glob, or a function of the name, chooses, in their order. HookPointError if there is none."""
    if isinstance(wanted, str):
        return matching_names(names, wanted)
    if not callable(wanted):
        raise HookPointError(f"a hook point is chosen by a name, a glob or a function of its name, not {wanted!r:.80}")
    chosen = [name for name in names if wanted(name)]
    if not chosen:
        raise HookPointError(
            f"{_name_of(wanted)} chooses no hook point; there are for example {names[0]} and {names[-1]}"
        )
    return chosen


def _function(function: Callable[..., Any], name: str, place: str) -> Function:
    """How to call a person's function with an activation and its point. HookError if it cannot be."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of some that are written in C
        return Function(function, name)
    if _takes(signature, hook=None):
        return Function(lambda x, point: function(x, hook=point), name)
    if _takes(signature, None):
        return Function(function, name)
    raise HookError(
        f"{name} cannot act at {place}: it must take the activation and its hook point, f(x, hook), and it is "
        f"{_plain_name(function)}{signature}; functools.partial gives the others"
    )


def _takes(signature: inspect.Signature, *rest: None, **named: None) -> bool:
    try:
        signature.bind(None, *rest, **named)
    except TypeError:
        return False
    return True


def _with_gradient(
    function: Function, of_gradients: list[Callable[[], None]], x: Tensor, point: HookPoint
) -> Tensor | None:
    if not (x.requires_grad and torch.is_grad_enabled()):
        return None
    unpacked = Function(lambda gradient, point: _unpacked(function.call(gradient, point)), function.name)
    seen = x.view_as(x)  # of its own, for the same tensor may pass other points
    of_gradients.append(seen.register_hook(lambda gradient: unpacked(gradient, point)).remove)  # type: ignore[no-untyped-call]
    return seen


def _unpacked(result: Any) -> Any:
    """The gradient of `(gradient,)`, which torch's own backward hooks return."""
    return result[0] if isinstance(result, tuple) and len(result) == 1 else result


def _name_of(function: Callable[..., Any]) -> str:
    return f"the function {_plain_name(function)}"


def _plain_name(function: Any) -> str:
    return str(getattr(getattr(function, "func", function), "__name__", type(function).__name__))
