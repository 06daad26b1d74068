"""Hook points: named places in the model where a function may look at a tensor or replace it."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lmcore.config.hook_places import matches, no_match
from lmcore.errors import LabError
from lmcore.hooks.catalogue import HookError

HookFunction = Callable[[Tensor, "HookPoint"], Tensor | None]
"""What can be attached: it gets the tensor and the point, and returns a replacement, or None to leave it as it is."""


class HookPointError(LabError):
    """A name that belongs to no hook point."""


class HookPoint(nn.Module):
    """An identity in the forward pass that calls the attached functions, in the order in which they were attached.

    The model sets `name` to the point's full name in TransformerLens's terms, such as `blocks.0.attn.hook_pattern`.
    Without functions the same tensor is returned: same bits, and less than a microsecond.
    """

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self._functions: dict[int, HookFunction] = {}
        self._numbers = itertools.count()

    @property
    def is_used(self) -> bool:
        """Whether anything is attached, so that the model must really make this tensor."""
        return bool(self._functions or self._forward_hooks or self._backward_hooks)

    def attach(self, function: HookFunction) -> "HookHandle":
        """Call `function(tensor, point)` on every forward pass from now on, after those attached before it."""
        number = next(self._numbers)
        self._functions[number] = function
        return HookHandle(self._functions, number)

    def __call__(self, x: Tensor) -> Tensor:
        """The same tensor, at once, unless something is attached."""
        if not self.is_used:
            return x
        replaced: Tensor = super().__call__(x)
        return replaced

    def forward(self, x: Tensor) -> Tensor:
        """Pass the tensor through the attached functions."""
        for function in tuple(self._functions.values()):
            replacement = function(x, self)
            x = x if replacement is None else replacement
        return x


@dataclass(frozen=True)
class Weight:
    """A parameter as a place of a hook."""

    name: str
    parameter: nn.Parameter


Place = HookPoint | Weight
"""Where a backward hook acts."""


class HookHandle:
    """What `attach` returns: `remove()` detaches the function, once; removing it again does nothing."""

    def __init__(self, functions: dict[int, HookFunction], number: int) -> None:
        self._functions = functions
        self._number = number

    def remove(self) -> None:
        """Detach the function."""
        self._functions.pop(self._number, None)


def must_be_like(failure: str, result: Any, like: Tensor) -> Tensor:
    """A function's result, if it is a tensor of the shape and type of `like`. HookError that begins with `failure`."""
    want = f"a tensor of the shape {tuple(like.shape)}"
    if not isinstance(result, Tensor):
        raise HookError(f"{failure}: it must return {want}, not {type(result).__name__}")
    if result.shape != like.shape:
        raise HookError(f"{failure}: it must return {want}, not {tuple(result.shape)}")
    if result.dtype != like.dtype or result.device != like.device:
        have, need = f"{result.dtype} on {result.device}", f"{like.dtype} on {like.device}"
        raise HookError(f"{failure}: it must return {need}, not {have}")
    return result


def matching_names(names: Iterable[str], pattern: str) -> list[str]:
    """The names that a glob such as `blocks.*.hook_resid_post` matches, in their order.

    Raises HookPointError, naming the nearest ones, when there is none.
    """
    names = list(names)
    if found := matches(names, pattern):
        return found
    raise HookPointError(no_match(names, pattern, "hook point"))
