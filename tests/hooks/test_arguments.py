"""What stands under `with`: checked by type, and numbers that change with the step."""

import inspect
from typing import Any, Literal

import pytest

from lmcore.config.hook_functions import is_a, type_name
from lmcore.hooks.arguments import Schedule, at_step, check_arguments
from lmcore.hooks.catalogue import CatalogueEntry, HookError, catalogue, hook


def function(
    x: Any, point: Any, *, factor: float, where: Literal["q", "k"] = "q", heads: list[int] | None = None
) -> None: ...


PARAMETERS = tuple(inspect.signature(function).parameters.values())[2:]
ENTRY = CatalogueEntry("forward", "function", "activation", function, PARAMETERS)


def test_a_number_may_go_from_one_value_to_another() -> None:
    arguments = check_arguments("h", ENTRY, {"factor": {"from": 1, "to": 0, "steps": 4}, "where": "k"})
    values = [at_step(arguments, steps)["factor"] for steps in range(-1, 7)]
    assert values == [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]
    assert at_step(arguments, 2)["where"] == "k"
    assert Schedule(0.1, 0.7, 3).at(3) == 0.7


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"factor": {"from": 1, "to": 2}}, r"a number or a schedule \{from: a, to: b, steps: n\}"),
        ({"factor": {"from": 1, "to": 2, "steps": 0}}, "n at least 1"),
        ({"factor": {"from": "1", "to": 2, "steps": 5}}, "schedule"),
        ({"factor": 1, "where": {"from": 1, "to": 2, "steps": 3}}, "one of q, k"),
        ({"factor": 1, "where": "v"}, "one of q, k, not 'v'"),
        ({"factor": 1, "heads": [1.5]}, "a list, each item a whole number or null"),
        ({"factor": 1, "heads": 1}, "a list"),
        ({}, "needs the argument 'factor'"),
    ],
)
def test_a_wrong_argument_is_answered_with_what_would_be_right(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(HookError, match=sentence) as refusal:
        check_arguments("h", ENTRY, given)
    assert str(refusal.value).startswith("hook 'h': ")


def test_types_have_words() -> None:
    assert type_name(float | None) == "a number or null"
    assert type_name(dict) == "a mapping"
    assert type_name(inspect.Parameter.empty) == "any value"
    assert is_a([1, 2.5], list[float]) and not is_a([True], list[float])
    assert is_a(None, int | None) and not is_a("1", int | None)


def test_every_built_in_argument_has_words_and_every_function_a_summary() -> None:
    entries = catalogue()
    assert len({(entry.kind, entry.name) for entry in entries}) == len(entries) > 0
    for entry in entries:
        assert entry.summary.endswith("."), entry.name
        for parameter in entry.parameters:
            assert not type_name(parameter.annotation).startswith(("<", "typing")), (entry.name, parameter)


@pytest.mark.parametrize(
    ("kind", "stage", "sentence"),
    [
        ("sideways", None, "the kinds are: forward, backward, update, loss"),
        ("forward", "value", "a forward hook can be: activation"),
        ("backward", "linear", r"must be function\(x, weight, bias, place, \*, …\)"),
    ],
)
def test_a_function_that_is_no_hook_is_refused(kind: Any, stage: Any, sentence: str) -> None:
    with pytest.raises(HookError, match=sentence):
        hook(kind, stage)(function)
    assert all(entry.name != "function" for entry in catalogue())
