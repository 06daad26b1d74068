"""The catalogue of hooks: plain functions, each registered under its kind and name."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lmcore.config.hook_functions import (
    SUPPLIED,
    Kind,
    Stage,
    default_stage,
    no_such_hook,
    registration_problem,
    settable,
)
from lmcore.errors import LabError


class HookError(LabError):
    """A hook that cannot be used as it is declared, or that failed; the sentence says which, where, and what would be
    right. `trace` is the traceback of an error inside a person's own code."""

    def __init__(self, sentence: str, trace: str = "") -> None:
        super().__init__(sentence)
        self.trace = trace


@dataclass(frozen=True)
class CatalogueEntry:
    """One function that a configuration can name under `use`."""

    kind: Kind
    name: str  # as under `use`: zero, or my_hooks.py:function
    stage: Stage
    function: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]  # what `with` may set
    supplied: frozenset[str] = frozenset()  # those of SUPPLIED that it wants

    @property
    def file(self) -> str:
        """The file of a person's own function; "" for a built-in."""
        return self.name.rpartition(":")[0]

    @property
    def summary(self) -> str:
        """The first sentence of the function's docstring."""
        paragraph = " ".join((inspect.getdoc(self.function) or "").split("\n\n")[0].split())
        return re.split(r"(?<=\.)\s+(?=[A-Z])", paragraph)[0]


Entries = dict[tuple[Kind, str], CatalogueEntry]

_built_in: Entries = {}
_registering: list[tuple[Entries, str]] = [(_built_in, "")]  # last: where functions go now, and before their names


def hook(kind: Kind, stage: Stage | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function in the catalogue. Its keyword-only parameters may be set under `with`, except for those that
    are supplied. HookError if it is not made as SIGNATURES says."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        entries, prefix = _registering[-1]
        entry = _entry(kind, stage, function, prefix)
        entries[kind, entry.name] = entry
        return function

    return register


@contextmanager
def registering(entries: Entries, file: str) -> Iterator[None]:
    """Inside, functions are registered here instead of among the built-ins."""
    catalogue()  # so that no built-in is registered here because it is imported here first
    _registering.append((entries, f"{file}:"))
    try:
        yield
    finally:
        _registering.pop()


def _entry(kind: Kind, stage: Stage | None, function: Callable[..., Any], prefix: str) -> CatalogueEntry:
    name = function.__name__
    parameters = tuple(inspect.signature(function, eval_str=True).parameters.values())
    if problem := registration_problem(name, kind, stage, parameters):
        raise HookError(problem)
    supplied = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name in SUPPLIED)
    return CatalogueEntry(kind, prefix + name, stage or default_stage(kind), function, settable(parameters), supplied)


def catalogue() -> list[CatalogueEntry]:
    """All built-in entries, by kind and name."""
    import lmcore.hooks.backward
    import lmcore.hooks.feedback
    import lmcore.hooks.forward
    import lmcore.hooks.loss
    import lmcore.hooks.update  # noqa: F401

    return [_built_in[key] for key in sorted(_built_in)]


def find_entry(hook_name: str, kind: Kind, use: str, own: Mapping[str, Entries]) -> CatalogueEntry:
    """The entry for `use`: a built-in, or FILE.py:FUNCTION of the files that were loaded. HookError with the nearest
    names if there is none of this kind."""
    file, colon, _ = use.rpartition(":")
    if colon and file not in own:
        raise HookError(
            f"hook {hook_name!r}: {use!r} names the file {file!r}, which is not among the files of this run"
        )
    there = list(own[file].values()) if colon else catalogue()
    for entry in there:
        if (entry.kind, entry.name) == (kind, use):
            return entry
    raise HookError(f"hook {hook_name!r}: {no_such_hook(kind, use, [(e.kind, e.name) for e in there])}")
