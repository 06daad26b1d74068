"""What stands under a hook's `with`: checked against the function's parameters; numbers may change with the step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmcore.config.hook_functions import SCHEDULE, argument_problems, takes_number
from lmcore.hooks.catalogue import CatalogueEntry, HookError


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
    for _, problem in argument_problems(entry.name, entry.parameters, given):
        raise HookError(f"hook {hook_name!r}: {problem}")
    return {p.name: _value(p.annotation, given[p.name]) for p in entry.parameters if p.name in given}


def _value(annotation: Any, value: Any) -> Any:
    """A value that is right, as the function gets it."""
    if takes_number(annotation) and isinstance(value, Mapping):
        first, last, steps = (value[key] for key in SCHEDULE)
        return Schedule(float(first), float(last), steps)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if takes_number(annotation) and is_whole else value
