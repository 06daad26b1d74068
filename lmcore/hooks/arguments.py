"""What stands under a hook's `with`: checked against the function's parameters; numbers may change with the step."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from lmcore.hooks.catalogue import CatalogueEntry, HookError

SCHEDULE = ("from", "to", "steps")


@dataclass(frozen=True)
class Schedule:
    """A number that goes from one value to another in a straight line, and stays there."""

    first: float
    last: float
    steps: int

    def at(self, steps: int) -> float:
        """Its value after so many steps."""
        part = min(max(steps, 0) / self.steps, 1.0)
        return self.last if part == 1.0 else self.first + (self.last - self.first) * part


Arguments = dict[str, Any]
"""Values by parameter, some of them a Schedule."""


def at_step(arguments: Arguments, steps: int) -> Arguments:
    """The values to call the function with, `steps` after its window has opened."""
    return {name: value.at(steps) if isinstance(value, Schedule) else value for name, value in arguments.items()}


def check_arguments(hook_name: str, entry: CatalogueEntry, given: Mapping[str, Any]) -> Arguments:
    """The arguments to call the function with. HookError for an unknown one, a missing one or one of the wrong type."""
    known = {parameter.name: parameter for parameter in entry.parameters}
    for name in given:
        if name not in known:
            takes = ", ".join(known) or "none"
            raise HookError(f"hook {hook_name!r}: {entry.name} has no argument {name!r}; its arguments are: {takes}")
    arguments: Arguments = {}
    for name, parameter in known.items():
        if name in given:
            arguments[name] = _checked(hook_name, entry, parameter, given[name])
        elif parameter.default is inspect.Parameter.empty:
            raise HookError(f"hook {hook_name!r}: {entry.name} needs the argument {name!r} under `with`")
    return arguments


def _checked(hook_name: str, entry: CatalogueEntry, parameter: inspect.Parameter, value: Any) -> Any:
    annotation, complaint = parameter.annotation, f"hook {hook_name!r}: the argument {parameter.name!r} of {entry.name}"
    takes_number = annotation is float or float in get_args(annotation)
    if takes_number and isinstance(value, Mapping):
        numbers: list[Any] = [value.get(key) for key in SCHEDULE]
        if set(value) != set(SCHEDULE) or not all(map(is_a, numbers, (float, float, int))) or numbers[2] < 1:
            raise HookError(
                f"{complaint} must be a number or a schedule {{from: a, to: b, steps: n}} with n at least 1, not "
                f"{dict(value)!r}"
            )
        return Schedule(float(numbers[0]), float(numbers[1]), numbers[2])
    if not is_a(value, annotation):
        raise HookError(f"{complaint} must be {type_name(annotation)}, not {value!r}")
    return float(value) if takes_number and isinstance(value, int) and not isinstance(value, bool) else value


def is_a(value: Any, annotation: Any) -> bool:
    """Whether a value from YAML is what an annotation says; annotations that YAML has no words for take anything."""
    origin = get_origin(annotation)
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if annotation is None:
        return value is None
    if origin is Literal:
        return value in get_args(annotation)
    if origin is list:
        return isinstance(value, list) and all(is_a(item, get_args(annotation)[0]) for item in value)
    if _is_union(annotation):
        return any(is_a(value, one) for one in get_args(annotation))
    return isinstance(value, annotation) if annotation in (bool, str, list, dict, type(None)) else True


def type_name(annotation: Any) -> str:
    """An annotation in words: "a whole number", "a list, each item a number", "text or null"."""
    names: dict[Any, str] = {
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "text",
        list: "a list",
        dict: "a mapping",
        type(None): "null",
        None: "null",
    }
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(map(str, get_args(annotation)))
    if get_origin(annotation) is list:
        return f"a list, each item {type_name(get_args(annotation)[0])}"
    if _is_union(annotation):
        return " or ".join(type_name(one) for one in get_args(annotation))
    return names.get(annotation, "any value" if annotation is inspect.Parameter.empty else str(annotation))


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, type(int | str))
