"""From YAML text to the typed configuration, with every problem in its place."""

from collections.abc import Sequence
from typing import Any

from lmcore.config.problems import ConfigError, Problem, general_problem, problem_at
from lmcore.config.schema import SECTIONS, TrainingConfig
from lmcore.config.tree import Mapping, Node, find, read_tree, to_data
from lmcore.config.validation import Finding, Path, known_names, unknown_key, validate

Overrides = Sequence[tuple[str, str]]
"""Dotted keys and their values as YAML text; the later ones win."""


def parse_config(text: str, source: str = "", overrides: Overrides = ()) -> TrainingConfig:
    """The configuration that a text describes, with `overrides` in place of its own values.

    Raises ConfigError with every problem found; `source` is the name that its lines begin with.
    """
    config, problems = _read(text, overrides)
    if config is None or problems:
        raise ConfigError(problems, source)
    return config


def check_text(text: str) -> tuple[TrainingConfig | None, tuple[Problem, ...]]:
    """The configuration that a text describes, or None and what is wrong. Never raises, whatever the text."""
    return _read(text, ())


def parse_yaml_value(text: str) -> Any:
    """The plain value that a piece of YAML stands for (`1e-3` is a number). Raises ConfigError."""
    tree, problems = read_tree(text)
    if problems:
        raise ConfigError(problems)
    return to_data(tree)


def _read(text: str, overrides: Overrides) -> tuple[TrainingConfig | None, tuple[Problem, ...]]:
    tree, problems = read_tree(text)
    if problems:
        return None, problems
    data = to_data(tree)
    written: dict[str, str] = {}
    wrong: list[Problem] = []
    for key, value in overrides:
        try:
            data = with_override(data, key, parse_yaml_value(value))
            written[key] = f"{key}={value}"
        except ConfigError as error:
            wrong.extend(Problem(0, 0, key, p.message, f"{key}={value}") for p in error.problems)
    config, findings = validate(data)
    wrong.extend(_placed(text, tree, finding, written) for finding in findings)
    wrong.sort(key=lambda problem: (bool(problem.override), problem.line, problem.column))
    return (None if wrong else config), tuple(wrong)


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


def _placed(text: str, tree: Node | None, finding: Finding, written: dict[str, str]) -> Problem:
    """A finding as a problem: at its override, else at the first of its paths that stands in the text."""
    key = ".".join(finding.path)
    for path in (finding.path, *finding.others):
        for override, whole in written.items():
            if ".".join(path) == override or ".".join(path).startswith(override + "."):
                return Problem(0, 0, key, finding.message, whole)
    for path in (finding.path, *finding.others):
        if finding.at_key and (start := _key_start(tree, path)) is not None:
            return problem_at(text, start, key, finding.message)
        if (node := find(tree, path)) is not None:
            return problem_at(text, node.start, key, finding.message)
    return problem_at(text, _key_start(tree, finding.path[:1]) or 0, key, finding.message)


def _key_start(tree: Node | None, path: Path) -> int | None:
    home = find(tree, path[:-1]) if path else None
    if not isinstance(home, Mapping):
        return None
    return next((entry.key.start for entry in home.entries if entry.name == path[-1]), None)
