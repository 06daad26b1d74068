"""The catalogue of hooks: plain functions, each registered under its kind and name."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["forward", "backward", "update", "loss"]
Stage = Literal["activation", "gradient_at", "value", "linear", "gradient", "gradients", "step", "direction", "term"]

SIGNATURES: dict[Kind, dict[Stage, str]] = {
    "forward": {"activation": "x, point"},
    "backward": {"gradient_at": "gradient, place", "value": "x, place", "linear": "x, weight, bias, place"},
    "update": {
        "gradient": "gradient, parameter",
        "gradients": "gradients",
        "step": "update, parameter",
        "direction": "direction, parameter",
    },
    "loss": {"term": "logits, targets, seen"},
}
"""What each kind can be, its default first, and what the function gets; all but a term return what came first.

    forward   activation   replaces an activation at a hook point
    backward  gradient_at  replaces the gradient that comes back to a hook point or a parameter
              value        replaces an activation or a weight, and gives it a gradient of its own
              linear       replaces the computation of a linear layer, named by its weight
    update    gradient     replaces one parameter's gradient before the optimizer
              gradients    replaces all matching gradients at once: a dict by name
              step         replaces what the optimizer would add to a parameter, apart from weight decay
              direction    replaces all that would be added to a parameter, weight decay included; after steps
    loss      term         a scalar that is added to the loss; `seen` holds what passed the matching hook points, or the
                           matching parameters, by name
"""

SUPPLIED = ("generator", "state", "step", "model", "error")
"""Keyword-only parameters of these names are not set under `with`; a function that has one is given

    generator  a torch.Generator (cpu) of its own for each call: the same numbers whenever the step is made again
    state      a dict of tensors for each place, kept from step to step and in checkpoints
    step       the number of steps done before this one
    model      the Transformer
    error      a function: the gradient of the loss with respect to the logits, while the gradient goes back
"""


class HookError(ValueError):
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
    if kind not in get_args(Kind):
        raise HookError(f"{name} is registered as {kind!r}; the kinds are: {', '.join(get_args(Kind))}")
    stages = SIGNATURES[kind]
    stage = next(iter(stages)) if stage is None else stage
    if stage not in stages:
        raise HookError(f"{name} is registered as {kind!r}, {stage!r}; a {kind} hook can be: {', '.join(stages)}")
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) != len(stages[stage].split(", ")) or any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise HookError(
            f"{name} must be {name}({stages[stage]}, *, …), its arguments behind the star, to be a {kind} hook"
            + (f" ({stage})" if len(stages) > 1 else "")
        )
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    return CatalogueEntry(
        kind,
        prefix + name,
        stage,
        function,
        tuple(p for p in keywords if p.name not in SUPPLIED),
        frozenset(p.name for p in keywords if p.name in SUPPLIED),
    )


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
    there = {entry.name: entry for entry in (own[file].values() if colon else catalogue()) if entry.kind == kind}
    if use in there:
        return there[use]
    nearest = difflib.get_close_matches(use, there, n=1)
    right = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(there) or 'none'}"
    raise HookError(f"hook {hook_name!r}: there is no {kind} hook {use!r}; {right}")
