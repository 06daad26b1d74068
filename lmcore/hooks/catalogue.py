"""The catalogue of hooks: plain functions, each registered under its kind and name, its arguments checked."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

Kind = Literal["forward", "backward", "update", "loss"]
Stage = Literal["point", "gradient", "direction", "term"]
"""Where a function acts: on a point's activation, on parameter gradients before the optimizer, on the optimizer's
direction before it is applied, or as a term of the loss."""


class HookError(ValueError):
    """A hook that cannot be used as it is declared; the sentence names the hook and what would be right."""


@dataclass(frozen=True)
class CatalogueEntry:
    """One function that a configuration can name under `use`."""

    kind: Kind
    name: str
    stage: Stage
    function: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]  # what `with` may set

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (self.function.__doc__ or "").strip().split("\n")[0]


_entries: dict[tuple[Kind, str], CatalogueEntry] = {}


def hook(kind: Kind, stage: Stage) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function in the catalogue. Its keyword-only parameters may be set under `with`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        parameters = tuple(
            parameter
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        )
        _entries[kind, name] = CatalogueEntry(kind, name, stage, function, parameters)
        return function

    return register


def catalogue() -> list[CatalogueEntry]:
    """All entries, by kind and name."""
    import lmcore.hooks.backward
    import lmcore.hooks.forward
    import lmcore.hooks.loss
    import lmcore.hooks.update  # noqa: F401

    return [_entries[key] for key in sorted(_entries)]


def find_entry(hook_name: str, kind: Kind, use: str) -> CatalogueEntry:
    """The catalogue's entry for `use`. HookError with the nearest names if there is none of this kind."""
    names = [entry.name for entry in catalogue() if entry.kind == kind]
    if use in names:
        return _entries[kind, use]
    nearest = difflib.get_close_matches(use, names, n=1)
    right = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(names)}"
    raise HookError(f"hook {hook_name!r}: there is no {kind} hook {use!r}; {right}")


def check_arguments(hook_name: str, entry: CatalogueEntry, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments to call the function with. HookError for an unknown one, a missing one or one of the wrong type."""
    known = {parameter.name: parameter for parameter in entry.parameters}
    for name in given:
        if name not in known:
            takes = ", ".join(known) or "none"
            raise HookError(f"hook {hook_name!r}: {entry.name} has no argument {name!r}; its arguments are: {takes}")
    arguments: dict[str, Any] = {}
    for name, parameter in known.items():
        if name not in given:
            if parameter.default is inspect.Parameter.empty:
                raise HookError(f"hook {hook_name!r}: {entry.name} needs the argument {name!r} under `with`")
            continue
        if not _is_a(given[name], parameter.annotation):
            raise HookError(
                f"hook {hook_name!r}: the argument {name!r} of {entry.name} must be "
                f"{_type_name(parameter.annotation)}, not {given[name]!r}"
            )
        arguments[name] = float(given[name]) if parameter.annotation is float else given[name]
    return arguments


def _is_a(value: Any, annotation: Any) -> bool:
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if get_origin(annotation) is list:
        return isinstance(value, list) and all(_is_a(item, get_args(annotation)[0]) for item in value)
    if get_args(annotation):
        return any(_is_a(value, one) for one in get_args(annotation))
    return value is None if annotation is type(None) or annotation is None else isinstance(value, annotation)


def _type_name(annotation: Any) -> str:
    names = {float: "a number", int: "a whole number", bool: "true or false", str: "text", type(None): "null"}
    if get_origin(annotation) is list:
        return f"a list, each item {_type_name(get_args(annotation)[0])}"
    if get_args(annotation):
        return " or ".join(_type_name(one) for one in get_args(annotation))
    return names.get(annotation, str(annotation))
