"""Values that are set over those of a text, by dotted key; a shorter run shortens the phases that no longer fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lmcore.config.problems import ConfigError, general_problem
from lmcore.config.schema import SECTIONS, TrainingConfig
from lmcore.config.tree import read_tree, to_data
from lmcore.config.validation import Path, known_names, unknown_key, validate

Overrides = Sequence[tuple[str, str]]
"""Dotted keys and their values as YAML text; the later ones win."""

STEPS = "training.max_steps"


def parse_yaml_value(text: str) -> Any:
    """The plain value that a piece of YAML stands for (`1e-3` is a number). Raises ConfigError."""
    tree, problems = read_tree(text)
    if problems:
        raise ConfigError(problems)
    return to_data(tree)


def with_override(data: Any, key: str, value: Any) -> Any:
    """A copy of plain data with the value at a dotted key replaced. Raises ConfigError if there can be no such key."""
    path = tuple(key.split("."))
    if path[0] not in TrainingConfig.model_fields or (len(path) == 1 and path[0] in SECTIONS):
        raise ConfigError([general_problem(unknown_key(path), key)])
    if path[0] in SECTIONS and (len(path) != 2 or path[1] not in known_names(path[:1])):
        raise ConfigError([general_problem(unknown_key(path), key)])
    return _replaced(data, path, key, value)


def _replaced(data: Any, path: Path, key: str, value: Any) -> Any:
    if not path:
        return value
    name, rest = path[0], path[1:]
    if isinstance(data, list):
        if not name.isdecimal() or int(name) >= len(data):
            raise ConfigError([general_problem(f"{key}: there is no item {name} in this list of {len(data)}", key)])
        return [_replaced(item, rest, key, value) if i == int(name) else item for i, item in enumerate(data)]
    if data is not None and not isinstance(data, dict):
        raise ConfigError([general_problem(f"{key}: a value stands where its section should be", key)])
    data = data or {}
    return {**data, name: _replaced(data.get(name), rest, key, value)}


@dataclass(frozen=True)
class Shortened:
    """A phase of the schedule that did not fit into the steps that an override sets."""

    key: str
    old: int
    new: int


def shortened(data: Any, overrides: Overrides) -> tuple[Shortened, ...]:
    """The phases that are shortened, because overrides set fewer training.max_steps than they need: each to the same
    share of the run as before, and at least a step.

    None where the configuration is wrong by itself; a phase whose length is among the overrides stays.
    """
    given = dict(overrides)
    if STEPS not in given:
        return ()
    try:
        steps = parse_yaml_value(given[STEPS])
        for key, value in overrides:
            data = data if key == STEPS else with_override(data, key, parse_yaml_value(value))
    except ConfigError:
        return ()
    before, _ = validate(data)
    if before is None or isinstance(steps, bool) or not isinstance(steps, int | float) or steps % 1 != 0:
        return ()
    training, steps = before.training, int(steps)
    phases = {"training.warmup_steps": training.warmup_steps}
    if training.schedule == "warmup_stable_decay":
        phases["training.decay_steps"] = training.decay_steps
    if not 1 <= steps < training.max_steps or sum(phases.values()) <= steps:
        return ()
    found: list[Shortened] = []
    left = steps
    for key, length in phases.items():
        if length and key not in given:
            new = min(left, -(-length * steps // training.max_steps))
            left -= new
            found.append(Shortened(key, length, new))
    return tuple(found)


def shortening_notes(text: str, overrides: Overrides) -> tuple[str, ...]:
    """What a person should know of the phases that overrides of a text shorten, in at most one sentence."""
    tree, problems = read_tree(text)
    found = () if problems else shortened(to_data(tree), overrides)
    listed = " and ".join(f"{phase.key} is {phase.new:,} instead of {phase.old:,}" for phase in found)
    steps = dict(overrides).get(STEPS, "").strip()
    return (f"With {STEPS}={steps}, {listed}, the same share of the run as before.",) if found else ()
