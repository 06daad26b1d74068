"""What can be wrong with a configuration, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.errors import LabError

MOST_PROBLEMS = 50
"""How many problems of a text are told: nobody reads more, and each costs a sentence."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: a sentence, the dotted key it is about, and the place in the text.

    Line and column count from 1; both are 0 where there is no text, or the text as a whole is meant. `override` is the
    `key=value` that brought the value in, where it did not come from the text.
    """

    line: int
    column: int
    key: str
    message: str
    override: str = ""


class ConfigError(LabError):
    """A configuration that cannot be used. Its text is one readable line for each problem."""

    def __init__(self, problems: Sequence[Problem], source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        super().__init__("\n".join(describe(problem, source) for problem in self.problems))


def general_problem(message: str, key: str = "") -> Problem:
    """A problem that has no place in a text."""
    return Problem(0, 0, key, message)


def describe(problem: Problem, source: str = "") -> str:
    """A problem as one line: where it is, then what it is."""
    if problem.override:
        said = problem.override if len(problem.override) <= 200 else f"{problem.override[:200]}…"
        return f"{said}: {problem.message}"
    if not problem.line:
        return f"{source}: {problem.message}" if source else problem.message
    if source:
        return f"{source}:{problem.line}:{problem.column}: {problem.message}"
    return f"line {problem.line}, column {problem.column}: {problem.message}"


def place(text: str, index: int) -> tuple[int, int]:
    """The line and column (both from 1) of a character of the text, lines ending as editors end them."""
    before = text[: max(0, index)].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def problem_at(text: str, index: int, key: str, message: str) -> Problem:
    """A problem at a character of the text."""
    line, column = place(text, min(index, len(text)))
    return Problem(line, column, key, message)
