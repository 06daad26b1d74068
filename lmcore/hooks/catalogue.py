"""The catalogue of hooks: plain functions that are marked, found under their kind and name where they are defined."""

import inspect
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from lmcore.config.hook_functions import (
    SUPPLIED,
    Kind,
    Stage,
    default_stage,
    registration_problem,
    settable,
)
from lmcore.errors import LabError
from lmcore.hooks import builtin
from lmcore.hooks.source import run_source


class HookError(LabError):
    """A hook that cannot be used as it is declared, or that failed; the sentence says which, where, and what would be
    right."""


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

MARK = "lmlab_hooks"
"""The attribute of a function that holds what `hook` marked it as."""


def hook(kind: Kind, stage: Stage | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a hook, which does nothing else: the files that a run names are searched for marked functions.

    Its keyword-only parameters may be set under `with`, except for those that are supplied. HookError if it is not made
    as SIGNATURES says.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, MARK, (*getattr(function, MARK, ()), _entry(kind, stage, function)))
        return function

    return mark


def marked_in(module: ModuleType, file: str = "") -> Entries:
    """The hooks that a module itself defines, in their order; those of an own `file` are named FILE.py:FUNCTION."""
    prefix = f"{file}:" if file else ""
    entries = [
        replace(entry, name=prefix + entry.name)
        for value in vars(module).values()
        if inspect.isfunction(value) and value.__module__ == module.__name__
        for entry in getattr(value, MARK, ())
    ]
    return {(entry.kind, entry.name): entry for entry in entries}


def load_source(file: str, text: str) -> Entries:
    """The hooks that an own file defines; it runs in a module of its own. UserCodeError for an error in it."""
    return marked_in(run_source(file, text), file)


def _entry(kind: Kind, stage: Stage | None, function: Callable[..., Any]) -> CatalogueEntry:
    name = function.__name__
    parameters = tuple(inspect.signature(function, eval_str=True).parameters.values())
    if problem := registration_problem(name, kind, stage, parameters):
        raise HookError(problem)
    supplied = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name in SUPPLIED)
    return CatalogueEntry(kind, name, stage or default_stage(kind), function, settable(parameters), supplied)


@cache
def catalogue() -> tuple[CatalogueEntry, ...]:
    """All built-in entries, by kind and name."""
    found: Entries = {}
    for module in pkgutil.iter_modules(builtin.__path__, f"{builtin.__name__}."):
        found |= marked_in(import_module(module.name))
    return tuple(found[key] for key in sorted(found))
