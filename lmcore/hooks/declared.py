"""A hook as it is declared, resolved against one model: what it calls, where, and what it remembers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from lmcore.config.hook_functions import Kind, no_such_hook
from lmcore.config.hook_places import NoPlace, named_places, no_linear_layer
from lmcore.config.schema import HookConfig
from lmcore.hooks.arguments import Arguments, at_step, check_arguments
from lmcore.hooks.catalogue import CatalogueEntry, Entries, HookError, catalogue
from lmcore.hooks.points import HookPoint


class Hookable(Protocol):
    """What hooks need of a model, which is an nn.Module besides."""

    training: bool
    vocabulary: int

    def hook_points(self) -> Mapping[str, HookPoint]:
        """Every hook point by its name."""
        ...

    def named_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Every parameter by its name."""
        ...

    def named_buffers(self) -> Iterable[tuple[str, Tensor]]:
        """Every fixed tensor by its name."""
        ...

    def get_submodule(self, target: str) -> nn.Module:
        """A part of the model by its name."""
        ...

    def logits_of(self, x: Tensor) -> Tensor:
        """Residual stream [batch, pos, d_model] → logits [batch, pos, vocabulary]."""
        ...


State = dict[str, Tensor]
"""What a hook remembers of one place."""


@dataclass(eq=False)
class Hook:
    """One declared hook."""

    name: str
    declared: HookConfig
    entry: CatalogueEntry
    given: Arguments  # some of them schedules
    places: tuple[str, ...]  # names of hook points, or of parameters
    arguments: dict[str, Any] = field(default_factory=dict)  # as they are at the present step
    firings: int = 0
    states: dict[str, State] = field(default_factory=dict)  # by place
    seconds: float | None = None  # in the function during the last watched step
    sizes: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # norms of change and original in that step

    @property
    def enabled(self) -> bool:
        """Whether it is switched on."""
        return self.declared.enabled

    @property
    def wants_state(self) -> bool:
        """Whether it remembers anything."""
        return "state" in self.entry.supplied

    def acts_at(self, step: int) -> bool:
        """Whether it acts at a step: enabled, and within its window."""
        begun = self.declared.from_step is None or step >= self.declared.from_step
        ended = self.declared.until_step is not None and step >= self.declared.until_step
        return self.enabled and begun and not ended

    def prepare(self, step: int) -> None:
        """Take the values that scheduled arguments have at a step, counted from where the window opens."""
        self.arguments = at_step(self.given, step - (self.declared.from_step or 0))

    def has_place(self, place: str) -> bool:
        """Whether it acts at a place; what it does to all at once, or as a term of the loss, has the place ""."""
        return not place or place in self.places

    def forget_other_places(self) -> None:
        """Remember only what belongs to the places that it is declared for now."""
        self.states = {place: state for place, state in self.states.items() if self.has_place(place)}

    def go_on_from(self, other: "Hook") -> None:
        """Take over what another declaration of the same hook has counted, measured and remembered."""
        if self.entry.kind == other.entry.kind and self.declared.use == other.declared.use:
            self.firings, self.states = other.firings, other.states
            self.seconds, self.sizes = other.seconds, other.sizes


def resolve(declared: Sequence[HookConfig], model: Hookable, own: Mapping[str, Entries]) -> tuple[Hook, ...]:
    """The hooks of a model, `own` being the loaded files of a person's own. HookError for the first that cannot be."""
    hooks = tuple(_resolve(one, one.name or f"hooks[{index}]", model, own) for index, one in enumerate(declared))
    refuse_two_on_one_layer(hooks)
    return hooks


def _resolve(declared: HookConfig, name: str, model: Hookable, own: Mapping[str, Entries]) -> Hook:
    entry = _entry(name, declared.kind, declared.use, own)
    given = check_arguments(name, entry, declared.with_)
    places = _named_places(declared, name, entry, model)
    if entry.stage == "linear":
        layers = tuple(place for place in places if is_linear_weight(place, model))
        if not layers:
            raise HookError(f"hook {name!r}: {no_linear_layer(declared.use, declared.at)}")
        places = layers
    return Hook(name, declared, entry, given, places)


def _entry(hook_name: str, kind: Kind, use: str, own: Mapping[str, Entries]) -> CatalogueEntry:
    """The entry for `use`: a built-in, or FILE.py:FUNCTION of the files that were loaded. HookError with the nearest
    names if there is none of this kind."""
    file, colon, _ = use.rpartition(":")
    if colon and file not in own:
        raise HookError(
            f"hook {hook_name!r}: {use!r} names the file {file!r}, which is not among the files of this run"
        )
    there = tuple(own[file].values()) if colon else catalogue()
    for entry in there:
        if (entry.kind, entry.name) == (kind, use):
            return entry
    raise HookError(f"hook {hook_name!r}: {no_such_hook(kind, use, [(e.kind, e.name) for e in there])}")


def _named_places(declared: HookConfig, name: str, entry: CatalogueEntry, model: Hookable) -> tuple[str, ...]:
    parameters = [parameter for parameter, _ in model.named_parameters()]
    try:
        return named_places(entry.kind, entry.stage, declared.at, list(model.hook_points()), parameters)
    except NoPlace as error:
        raise HookError(f"hook {name!r}: {error}") from error


def is_linear_weight(parameter: str, model: Hookable) -> bool:
    """Whether a parameter is the weight of a linear layer."""
    owner, _, attribute = parameter.rpartition(".")
    return attribute == "weight" and isinstance(model.get_submodule(owner), nn.Linear)


def refuse_two_on_one_layer(hooks: Iterable[Hook]) -> None:
    """HookError where two hooks would replace the computation of one linear layer at the same step."""
    seen: list[Hook] = []
    for hook in hooks:
        if hook.entry.stage != "linear" or not hook.enabled:
            continue
        for other in seen:
            shared = [place for place in hook.places if place in other.places]
            if shared and _meet(hook.declared, other.declared):
                raise HookError(
                    f"hook {hook.name!r}: {other.name!r} replaces the linear layer of {shared[0]} already; only one "
                    "can at a time, so let one end (until_step) before the other begins (from_step)"
                )
        seen.append(hook)


def _meet(one: HookConfig, other: HookConfig) -> bool:
    ends = [window.until_step for window in (one, other) if window.until_step is not None]
    return not ends or max(one.from_step or 0, other.from_step or 0) < min(ends)
