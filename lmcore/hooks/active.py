"""The hooks of one model: declared in the configuration, resolved once, attached only while they act."""

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lmcore.config.schema import HookConfig
from lmcore.hooks.arguments import check_arguments
from lmcore.hooks.catalogue import CatalogueEntry, HookError, find_entry
from lmcore.hooks.points import HookPoint
from lmcore.hooks.replaced_gradient import with_gradient


class HasHookPoints(Protocol):
    """What hooks need of a model: its points and its parameters by name."""

    def hook_points(self) -> Mapping[str, HookPoint]:
        """Every hook point by its name."""
        ...

    def named_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Every parameter by its name."""
        ...


@dataclass
class Hook:
    """One declared hook: what it calls, where, and whether it acts now."""

    declared: HookConfig
    entry: CatalogueEntry
    arguments: dict[str, Any]
    places: tuple[str, ...]  # names of points, or of parameters
    enabled: bool
    firings: int = 0
    attached: list[Callable[[], None]] = field(default_factory=list)  # undo one attachment each
    seen: dict[str, Tensor] = field(default_factory=dict)  # activations that a loss term waits for

    def acts_at(self, step: int) -> bool:
        """Whether it is on at a step: enabled, and within its window."""
        begun = self.declared.from_step is None or step >= self.declared.from_step
        ended = self.declared.until_step is not None and step >= self.declared.until_step
        return self.enabled and begun and not ended


class Hooks:
    """All hooks of one model, in their listed order. Those that do not act are not attached, and cost nothing."""

    def __init__(self, declared: Sequence[HookConfig], model: HasHookPoints) -> None:
        self._points = model.hook_points()
        self._parameters = dict(model.named_parameters())
        self.hooks = tuple(self._resolve(one, index) for index, one in enumerate(declared))
        self._acting: tuple[Hook, ...] = ()

    def _resolve(self, declared: HookConfig, index: int) -> Hook:
        name = declared.name or f"hooks[{index}]"
        entry = find_entry(name, declared.kind, declared.use, {})
        arguments = check_arguments(name, entry, declared.with_)
        names = list(self._points) if entry.stage in ("activation", "gradient_at", "term") else list(self._parameters)
        what = "hook point" if entry.stage in ("activation", "gradient_at", "term") else "parameter"
        if declared.at is None:
            if entry.stage in ("activation", "gradient_at"):
                raise HookError(
                    f"hook {name!r}: say under `at` which hook points it acts on, such as blocks.0.hook_attn_out"
                )
            places = () if entry.stage == "term" else tuple(names)
        else:
            places = tuple(one for one in names if fnmatch.fnmatchcase(one, declared.at))
            if not places:
                nearest = ", ".join(difflib.get_close_matches(declared.at, names, n=3, cutoff=0.3))
                raise HookError(
                    f"hook {name!r}: no {what} matches {declared.at!r}" + (f"; near are: {nearest}" if nearest else "")
                )
        return Hook(declared, entry, arguments, places, declared.enabled)

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Switch a hook on or off by its name; it takes effect at the next `at_step`. HookError if there is none."""
        for hook in self.hooks:
            if hook.declared.name == name:
                hook.enabled = enabled
                return
        names = ", ".join(hook.declared.name for hook in self.hooks) or "none are declared"
        raise HookError(f"There is no hook {name!r}; the hooks of this run: {names}")

    def at_step(self, step: int) -> None:
        """Attach exactly the hooks that act at this step, in their listed order."""
        acting = tuple(hook for hook in self.hooks if hook.acts_at(step))
        if acting == self._acting:
            return
        for hook in self._acting:
            for undo in hook.attached:
                undo()
            hook.attached.clear()
        for hook in acting:
            if hook.entry.stage in ("activation", "gradient_at", "term"):
                function = partial(
                    {"activation": self._fire, "gradient_at": self._fire_back, "term": self._see}[hook.entry.stage],
                    hook,
                )
                hook.attached = [self._points[place].attach(function).remove for place in hook.places]
        self._acting = acting

    def _fire(self, hook: Hook, x: Tensor, point: HookPoint) -> Tensor:
        hook.firings += 1
        try:
            replaced = hook.entry.function(x, point, **hook.arguments)
        except (ValueError, RuntimeError, TypeError) as error:
            raise HookError(f"hook {hook.declared.name!r} failed at {point.name}: {error}") from error
        if not isinstance(replaced, Tensor) or replaced.shape != x.shape:
            got = tuple(replaced.shape) if isinstance(replaced, Tensor) else type(replaced).__name__
            raise HookError(
                f"hook {hook.declared.name!r} must return the shape {tuple(x.shape)} at {point.name}, not {got}"
            )
        return replaced

    def _fire_back(self, hook: Hook, x: Tensor, point: HookPoint) -> Tensor:
        return with_gradient(x, lambda gradient: self._fire(hook, gradient, point))

    def _see(self, hook: Hook, x: Tensor, point: HookPoint) -> None:
        if torch.is_grad_enabled():  # an evaluation or an answer in between is not what the loss is about
            hook.seen[point.name] = x

    def loss_terms(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The terms to add to the loss, by metric name `loss/aux/<hook>`; each a scalar."""
        terms: dict[str, Tensor] = {}
        for hook in self._acting:
            if hook.entry.stage != "term":
                continue
            hook.firings += 1
            try:
                terms[f"loss/aux/{hook.declared.name}"] = hook.entry.function(
                    logits, targets, hook.seen, **hook.arguments
                )
            except (ValueError, RuntimeError, TypeError) as error:
                raise HookError(f"hook {hook.declared.name!r} failed: {error}") from error
            finally:
                hook.seen = {}
        return terms

    def forget_activations(self) -> None:
        """Let go of activations that a forward pass without a loss left behind."""
        for hook in self.hooks:
            hook.seen = {}

    def transform_gradients(self) -> None:
        """Pass every matching parameter's gradient through the gradient hooks."""
        for hook, name, parameter in self._of_stage("gradient"):
            if parameter.grad is not None:
                parameter.grad.copy_(self._transformed(hook, name, parameter.grad, parameter))

    @contextmanager
    def transformed_directions(self) -> Iterator[None]:
        """Around the optimizer's step: what it adds to a parameter passes through the direction hooks."""
        affected = {name: parameter for _, name, parameter in self._of_stage("direction")}
        before = {name: parameter.detach().clone() for name, parameter in affected.items()}
        yield
        if not affected:
            return
        with torch.no_grad():
            directions = {name: parameter - before[name] for name, parameter in affected.items()}
            for name in affected:
                affected[name].copy_(before[name])
            for hook, name, parameter in self._of_stage("direction"):
                directions[name] = self._transformed(hook, name, directions[name], parameter)
            for name, parameter in affected.items():
                parameter.add_(directions[name])

    def _of_stage(self, stage: str) -> list[tuple[Hook, str, nn.Parameter]]:
        acting = [hook for hook in self._acting if hook.entry.stage == stage]
        return [(hook, place, self._parameters[place]) for hook in acting for place in hook.places]

    def _transformed(self, hook: Hook, name: str, x: Tensor, parameter: nn.Parameter) -> Tensor:
        hook.firings += 1
        try:
            with torch.no_grad():
                replaced = hook.entry.function(x, parameter, **hook.arguments)
        except (ValueError, RuntimeError, TypeError) as error:
            raise HookError(f"hook {hook.declared.name!r} failed at {name}: {error}") from error
        if not isinstance(replaced, Tensor) or replaced.shape != x.shape:
            raise HookError(f"hook {hook.declared.name!r} must return the shape {tuple(x.shape)} at {name}")
        return replaced
