"""Attaching hooks to a model's points, weights and linear layers, and calling them: what a function is given, what it
may return, how an error in it is told, how it is measured.

At one place, activation and weight hooks act in their listed order; then loss terms look at the result; then it goes
on. The gradient that comes back passes the backward hooks first, in their listed order too, and joins that of the loss
terms behind them: a `stop` leaves what lies below to the losses that look there.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lmcore.errors import LabError, UserCodeError
from lmcore.hooks.catalogue import HookError
from lmcore.hooks.declared import Hook, Hookable, State
from lmcore.hooks.guard import Guard
from lmcore.hooks.points import HookPoint, Place, Weight, must_be_like
from lmcore.hooks.replaced_gradient import with_gradient
from lmcore.hooks.source import own_error
from lmcore.seeds import stream_seed

Undo = Callable[[], None]
Look = Callable[[Hook, str, Tensor], None]
Pass = Callable[[Tensor, Place], Tensor | None]
"""A tensor on its way through a place → what goes on instead of it, or None to leave it."""


@dataclass
class Moment:
    """When and where in a run a hook is called; one for all hooks of a model."""

    model: Hookable
    seed: int
    device: torch.device
    step: int = 0
    micro_batch: int = 0
    watch: bool = False  # measure time and effect
    look_for_non_finite: bool = False
    inside: set[tuple[Hook, str]] = field(default_factory=set)  # the calls that go on, by hook and place
    error: Tensor | None = None  # the gradient at the logits, while it goes back: [batch, pos, vocabulary]

    def __post_init__(self) -> None:
        self.guard = Guard(self.model)

    def the_error(self) -> Tensor:
        """The gradient of the loss with respect to the logits. RuntimeError when none goes back."""
        if self.error is None:
            raise RuntimeError("the error at the logits is known only while the gradient goes back")
        return self.error


def attach(hooks: Sequence[Hook], moment: Moment, look: Look) -> list[Undo]:
    """Let hooks act from now on; what comes back ends that. `look` is called with what loss terms want to see."""
    model = moment.model
    assert isinstance(model, nn.Module)
    points, parameters = model.hook_points(), dict(model.named_parameters())
    undo: list[Undo] = []
    passes: dict[str, list[Pass]] = {}
    for place, passing in _passes(hooks, points, moment, look):
        if place in points:
            undo.append(points[place].attach(passing).remove)
        else:
            passes.setdefault(place, []).append(passing)
    if passes:
        undo += _replace_weights(model, {Weight(name, parameters[name]): made for name, made in passes.items()})
    for hook in hooks:
        if hook.entry.stage == "linear":
            undo += [_replace_linear(hook, Weight(place, parameters[place]), moment) for place in hook.places]
    if any("error" in hook.entry.supplied for hook in hooks):
        undo.append(_keep_error(model, moment))
    return undo


def _passes(
    hooks: Sequence[Hook], points: Mapping[str, HookPoint], moment: Moment, look: Look
) -> Iterable[tuple[str, Pass]]:
    """What a tensor passes at each place, in order."""
    for hook in hooks:
        if hook.entry.stage in ("activation", "value"):
            yield from ((place, partial(_replace, hook, moment)) for place in hook.places)
    for hook in hooks:
        if hook.entry.stage == "term":
            yield from ((place, partial(_see, hook, look)) for place in hook.places if place in points)
    for hook in reversed(hooks):  # a gradient comes back the other way
        if hook.entry.stage == "gradient_at":
            yield from ((place, partial(_replace_gradient, hook, moment)) for place in hook.places)


def _replace(hook: Hook, moment: Moment, x: Tensor, place: Place) -> Tensor:
    return replaced(hook, place.name, moment, x, place)


def _see(hook: Hook, look: Look, x: Tensor, place: Place) -> None:
    look(hook, place.name, x)


def _replace_gradient(hook: Hook, moment: Moment, x: Tensor, place: Place) -> Tensor | None:
    if not torch.is_grad_enabled():
        return None
    return with_gradient(x, lambda gradient: replaced(hook, place.name, moment, gradient, place))


def _replace_weights(model: nn.Module, passes: Mapping[Weight, Sequence[Pass]]) -> list[Undo]:
    """For the length of each forward pass, let the model compute with what the passes make of its weights.

    The made weight hides the parameter, which stays what it is: the optimizer and checkpoints see it alone.
    """
    owners = {weight: _owner(weight, model) for weight in passes}

    def hide(*_: Any) -> None:
        for weight, through in passes.items():
            x: Tensor = weight.parameter
            for passing in through:
                made = passing(x, weight)
                x = x if made is None else made
            vars(owners[weight])[_attribute(weight)] = x

    def show(*_: Any) -> None:
        for weight, owner in owners.items():
            vars(owner).pop(_attribute(weight), None)

    before = model.register_forward_pre_hook(hide)
    after = model.register_forward_hook(show, always_call=True)
    return [before.remove, after.remove, show]


def _replace_linear(hook: Hook, weight: Weight, moment: Moment) -> Undo:
    """Let a linear layer compute what a hook says."""
    assert isinstance(moment.model, nn.Module)
    linear = _owner(weight, moment.model)
    assert isinstance(linear, nn.Linear)
    vars(linear)["forward"] = partial(_compute, hook, linear, weight, moment)
    return partial(vars(linear).pop, "forward", None)


def _compute(hook: Hook, linear: nn.Linear, weight: Weight, moment: Moment, x: Tensor) -> Tensor:
    """[…, in] → […, out]. When watched, the effect is that on the gradient which goes on to `x`."""
    came_back: list[Tensor] = []
    is_watched = moment.watch and torch.is_grad_enabled() and x.requires_grad
    w = linear.weight.detach()  # [out, in]

    def compare(gradient: Tensor) -> Tensor:
        measure(hook, [came_back[-1] @ w], [gradient])
        return gradient

    def keep(gradient: Tensor) -> Tensor:
        came_back.append(gradient)
        return gradient

    was_finite = moment.look_for_non_finite and is_finite(x)
    seen = with_gradient(x, compare) if is_watched else x
    result = call(hook, weight.name, moment, writable(hook, seen), linear.weight, linear.bias, weight)
    result = checked(hook, weight.name, moment, result, like=x.new_empty((*x.shape[:-1], w.shape[0])))
    if was_finite:
        refuse_non_finite(hook, weight.name, moment, result)
    return with_gradient(result, keep) if is_watched else result


def _keep_error(model: nn.Module, moment: Moment) -> Undo:
    """Keep the gradient that comes back to the logits, for the hooks that it reaches later."""

    def keep(gradient: Tensor) -> None:
        moment.error = gradient

    def at_logits(_: nn.Module, __: Any, logits: Tensor) -> None:
        moment.error = None
        if logits.requires_grad:
            logits.register_hook(keep)  # type: ignore[no-untyped-call]

    return model.register_forward_hook(at_logits).remove


def _owner(weight: Weight, model: nn.Module) -> nn.Module:
    """The part of the model that a parameter belongs to."""
    return model.get_submodule(weight.name.rpartition(".")[0])


def _attribute(weight: Weight) -> str:
    """What its owner calls a parameter."""
    return weight.name.rpartition(".")[2]


def call(hook: Hook, place: str, moment: Moment, *given: Any) -> Any:
    """What the hook's function returns. HookError or UserCodeError, naming hook, place and step, if it fails."""
    if (hook, place) in moment.inside:
        raise HookError(
            f"{failure(hook, place, moment)}: its function lets the model compute up to this place, which calls it "
            "again, without end"
        )
    supplied = _supplied(hook, place, moment)
    hook.firings += 1
    moment.inside.add((hook, place))
    began = time.perf_counter()
    try:
        result = _call_own(hook, place, moment, given, supplied) if hook.entry.file else _call(hook, given, supplied)
    except (HookError, UserCodeError):  # of another hook, which this one's function made act
        raise
    except (Exception, SystemExit) as error:
        raise _failed(hook, place, moment, error) from error
    finally:
        moment.inside.discard((hook, place))
    if moment.watch:
        if moment.device.type == "cuda":
            torch.cuda.synchronize(moment.device)
        hook.seconds = (hook.seconds or 0.0) + time.perf_counter() - began
    if "state" in supplied:
        _keep_plain(hook, place, moment, supplied["state"])
    return result


def _call(hook: Hook, given: Sequence[Any], supplied: dict[str, Any]) -> Any:
    return hook.entry.function(*given, **hook.arguments, **supplied)


def _call_own(hook: Hook, place: str, moment: Moment, given: Sequence[Any], supplied: dict[str, Any]) -> Any:
    """What a person's function returns. HookError if it wrote to a parameter, which is then what it was."""
    moment.guard.remember()
    try:
        return _call(hook, given, supplied)
    finally:
        if written := moment.guard.bring_back():
            raise HookError(
                f"{failure(hook, place, moment)}: it wrote to {written}, which a hook may only read; what is to change "
                "a parameter is a hook of the kind update"
            )


def writable(hook: Hook, x: Tensor) -> Tensor:
    """x as the hook's function gets it: a copy for a person's own, which may write into it, whoever needs x besides."""
    return x.clone() if hook.entry.file else x


def replaced(hook: Hook, place: str, moment: Moment, x: Tensor, *rest: Any) -> Tensor:
    """What the function makes of `x`: a tensor of the same shape and type. HookError."""
    was_finite = moment.look_for_non_finite and is_finite(x, place)
    result = checked(hook, place, moment, call(hook, place, moment, writable(hook, x), *rest), x)
    if was_finite:
        refuse_non_finite(hook, place, moment, result)
    if moment.watch:
        measure(hook, [x], [result])
    return result


def checked(hook: Hook, place: str, moment: Moment, result: Any, like: Tensor) -> Tensor:
    """The result, if it is a tensor of the shape and type of `like`. HookError."""
    return must_be_like(failure(hook, place, moment), result, like)


def refuse_non_finite(hook: Hook, place: str, moment: Moment, *results: Tensor) -> None:
    """HookError if a result holds an infinity or not-a-number; what it was made from held none."""
    if not all(is_finite(result, place) for result in results):
        raise HookError(
            f"{failure(hook, place, moment)}: it made values that are not finite from values that were; the step was "
            "undone"
        )


def is_finite(x: Tensor, place: str = "") -> bool:
    """Whether all values are finite; masked attention scores are -inf by design."""
    if place.endswith("hook_attn_scores"):
        return not bool((x.isnan() | (x == torch.inf)).any())
    return bool(x.isfinite().all())


def failure(hook: Hook, place: str, moment: Moment) -> str:
    """How a sentence begins that says what went wrong with a hook, where, and when."""
    return f"hook {hook.name!r} failed " + (f"at {place}, step {moment.step}" if place else f"at step {moment.step}")


@torch.no_grad()
def measure(hook: Hook, before: Sequence[Tensor], after: Sequence[Tensor]) -> None:
    """Note how large a change was, and what it changed; masked values (-inf) count as zero."""
    old = [x.detach().nan_to_num(0.0, 0.0, 0.0) for x in before]
    new = [x.detach().nan_to_num(0.0, 0.0, 0.0) for x in after]
    changes = torch.stack([torch.linalg.vector_norm(b - a) for a, b in zip(old, new, strict=True)])
    originals = torch.stack([torch.linalg.vector_norm(a) for a in old])
    hook.sizes.append((torch.linalg.vector_norm(changes), torch.linalg.vector_norm(originals)))


def effect_of(hook: Hook) -> float | None:
    """‖change‖/‖original‖ over all calls of the last watched step; None where nothing was measured."""
    if not hook.sizes:
        return None
    changes, originals = (torch.linalg.vector_norm(torch.stack(sizes)) for sizes in zip(*hook.sizes, strict=True))
    return (changes / originals).item() if originals > 0 else None


def _supplied(hook: Hook, place: str, moment: Moment) -> dict[str, Any]:
    wanted = hook.entry.supplied
    if not wanted:
        return {}
    given: dict[str, Any] = {"model": moment.model, "step": moment.step, "error": moment.the_error}
    if "generator" in wanted:
        seed = stream_seed(moment.seed, "hook", hook.name, place, moment.step, moment.micro_batch)
        given["generator"] = torch.Generator().manual_seed(seed)
    if "state" in wanted:
        kept = hook.states.setdefault(place, {})
        # An evaluation or an answer in between must leave no trace in what the run learns.
        given["state"] = kept if moment.model.training else copied(kept)
    return {name: given[name] for name in wanted}


def copied(state: State) -> State:
    """A state of its own with the same values."""
    return {key: tensor.clone() for key, tensor in state.items()}


def _keep_plain(hook: Hook, place: str, moment: Moment, state: dict[str, Any]) -> None:
    """See to it that the state can be saved: named tensors, without a graph, where the model is."""
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise HookError(
                f"{failure(hook, place, moment)}: its state must hold tensors by name, not {key!r}: {value!r:.60}"
            )
        state[key] = value.detach().to(moment.device)


def _failed(hook: Hook, place: str, moment: Moment, error: BaseException) -> LabError:
    if hook.entry.file:
        return own_error(failure(hook, place, moment), hook.entry.file, error)
    said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
    return HookError(f"{failure(hook, place, moment)}: {said}")
