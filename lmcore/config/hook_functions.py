"""What a function must be like to be a hook, and what `use` and `with` may say of it: judged by signatures alone."""

import difflib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

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

SCHEDULE = ("from", "to", "steps")


def default_stage(kind: Kind) -> Stage:
    """What a hook of a kind is where it does not say more."""
    return next(iter(SIGNATURES[kind]))


def settable(parameters: Iterable[inspect.Parameter]) -> tuple[inspect.Parameter, ...]:
    """Those of a function's parameters that `with` may set."""
    return tuple(p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in SUPPLIED)


def registration_problem(name: str, kind: str, stage: str | None, parameters: Sequence[inspect.Parameter]) -> str:
    """Why a function cannot be registered as a hook, in a sentence; "" if it can."""
    if kind not in get_args(Kind):
        return f"{name} is registered as {kind!r}; the kinds are: {', '.join(get_args(Kind))}"
    stages: Mapping[Any, str] = SIGNATURES[kind]  # type: ignore[index]
    stage = stage or default_stage(kind)  # type: ignore[arg-type]
    if stage not in stages:
        return f"{name} is registered as {kind!r}, {stage!r}; a {kind} hook can be: {', '.join(stages)}"
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) != len(stages[stage].split(", ")) or any(p.kind is p.VAR_KEYWORD for p in parameters):
        which = f" ({stage})" if len(stages) > 1 else ""
        return (
            f"{name} must be {name}({stages[stage]}, *, …), its arguments behind the star, to be a {kind} hook{which}"
        )
    return ""


def no_such_hook(kind: str, use: str, known: Iterable[tuple[str, str]]) -> str:
    """The sentence about a name that is no hook of a kind; `known`: the hooks that there are, each kind and name."""
    names: dict[str, list[str]] = {}
    for its_kind, name in known:
        names.setdefault(its_kind, []).append(name)
    others = [its_kind for its_kind, there in names.items() if use in there]
    there = sorted(names.get(kind, []))
    nearest = difflib.get_close_matches(use, there, n=1)
    if others:
        right = f"it is one of kind {' and of kind '.join(others)}"
    elif nearest:
        right = f"did you mean {nearest[0]!r}?"
    else:
        right = f"there are: {', '.join(there) or 'none'}"
    return f"there is no {kind} hook {use!r}; {right}"


def argument_problems(
    use: str, parameters: Sequence[inspect.Parameter], given: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """What is wrong with the arguments under `with`: the name of each, and a sentence."""
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            nearest = difflib.get_close_matches(str(name), known, n=1)
            takes = f"did you mean {nearest[0]!r}?" if nearest else f"its arguments are: {', '.join(known) or 'none'}"
            yield str(name), f"{use} has no argument {name!r}; {takes}"
    for name, parameter in known.items():
        if name not in given:
            if parameter.default is parameter.empty:
                yield name, f"{use} needs the argument {name!r} under `with`"
        elif wrong := _wrong_value(parameter.annotation, given[name]):
            yield name, f"the argument {name!r} of {use} must be {wrong}"


def takes_number(annotation: Any) -> bool:
    """Whether an argument is a number, which may go from one value to another."""
    return annotation is float or float in get_args(annotation)


def _wrong_value(annotation: Any, value: Any) -> str:
    """What a value should be instead, as the end of a sentence; "" if it is right."""
    if takes_number(annotation) and isinstance(value, Mapping):
        numbers: list[Any] = [value.get(key) for key in SCHEDULE]
        if set(value) != set(SCHEDULE) or not all(map(is_a, numbers, (float, float, int))) or numbers[2] < 1:
            schedule = "a number or a schedule {from: a, to: b, steps: n} with n at least 1"
            return f"{schedule}, not {dict(value)!r:.200}"
        return ""
    return "" if is_a(value, annotation) else f"{type_name(annotation)}, not {value!r:.200}"


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
