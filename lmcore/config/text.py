"""From YAML text to the typed configuration, with every problem in its place."""

from collections.abc import Iterable

from lmcore.config.overrides import Overrides, parse_yaml_value, shortened, with_override
from lmcore.config.problems import ConfigError, Problem, problem_at
from lmcore.config.schema import TrainingConfig
from lmcore.config.tree import Mapping, Node, find, read_tree, to_data
from lmcore.config.validation import Finding, Path, validate


def parse_config(text: str, source: str = "", overrides: Overrides = ()) -> TrainingConfig:
    """The configuration that a text describes, with `overrides` in place of its own values, and shortened with them.

    Raises ConfigError with every problem found; `source` is the name that its lines begin with.
    """
    config, problems = _read(text, overrides)
    if config is None or problems:
        raise ConfigError(problems, source)
    return config


def check_text(text: str) -> tuple[TrainingConfig | None, tuple[Problem, ...]]:
    """The configuration that a text describes, or None and what is wrong. Never raises, whatever the text."""
    return _read(text, ())


def problems_in(text: str, findings: Iterable[Finding]) -> tuple[Problem, ...]:
    """Findings about a text as problems in their places, in the text's order. Never raises."""
    tree, _ = read_tree(text)
    placed = [_placed(text, tree, finding, {}) for finding in findings]
    return tuple(sorted(placed, key=lambda problem: (problem.line, problem.column)))


def _read(text: str, overrides: Overrides) -> tuple[TrainingConfig | None, tuple[Problem, ...]]:
    tree, problems = read_tree(text)
    if problems:
        return None, problems
    data = to_data(tree)
    written: dict[str, str] = {}
    wrong: list[Problem] = []
    shorter = [(phase.key, str(phase.new)) for phase in shortened(data, overrides)]
    for key, value in (*overrides, *shorter):
        try:
            data = with_override(data, key, parse_yaml_value(value))
            written[key] = f"{key}={value}"
        except ConfigError as error:
            wrong.extend(Problem(0, 0, key, p.message, f"{key}={value}") for p in error.problems)
    config, findings = validate(data)
    wrong.extend(_placed(text, tree, finding, written) for finding in findings)
    wrong.sort(key=lambda problem: (bool(problem.override), problem.line, problem.column))
    return (None if wrong else config), tuple(wrong)


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
