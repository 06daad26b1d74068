"""Tables in JSON that somebody else may have written: read within bounds, each value of the kind that it should be."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

DEEPEST = 32
"""How deep tables and lists may lie in each other."""

LARGEST_WHOLE = 2**63
LARGEST_NUMBER = 1e100
"""Beyond it, squares and differences are no numbers any more."""


@dataclass(frozen=True)
class Kind:
    """What a value should be: `words` follow "should be"; `inside`: the known entries of a table."""

    words: str
    fits: Callable[[Any], bool]
    inside: Mapping[str, "Kind"] = field(default_factory=dict)
    is_needed: bool = False


def _is_whole(value: object, least: int) -> bool:
    return type(value) is int and least <= value < LARGEST_WHOLE  # not isinstance, for which true is a number


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < LARGEST_NUMBER  # type: ignore[arg-type]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and not set(value) & set("/\0") and 0 < len(value) < 256 and value not in (".", "..")


TEXT = Kind("text", lambda value: isinstance(value, str) and "\0" not in value)
NAME = Kind("the name of a folder", _is_name)
WHOLE = Kind("a whole number", lambda value: _is_whole(value, 1 - LARGEST_WHOLE))
COUNT = Kind("a whole number from 0 on", lambda value: _is_whole(value, 0))
NUMBER = Kind("a finite number", _is_number)
DURATION = Kind("a number from 0 on", lambda value: _is_number(value) and value >= 0)
YES_OR_NO = Kind("true or false", lambda value: isinstance(value, bool))
LIST = Kind("a list", lambda value: isinstance(value, list))


def needed(kind: Kind) -> Kind:
    """The same, where it may not be missing."""
    return replace(kind, is_needed=True)


def or_null(kind: Kind) -> Kind:
    """The same, or nothing."""
    return replace(kind, words=f"{kind.words}, or null", fits=lambda value: value is None or kind.fits(value))


def one_of(*words: str) -> Kind:
    """One of some words."""
    return Kind(f"one of {', '.join(words)}", lambda value: isinstance(value, str) and value in words)


def list_of(kind: Kind) -> Kind:
    """A list whose every item is of a kind."""
    return Kind(f"a list, each item {kind.words}", lambda value: isinstance(value, list) and all(map(kind.fits, value)))


def table(inside: Mapping[str, Kind] | None = None) -> Kind:
    """A table with such entries; others it may have too."""
    return Kind("a table", lambda value: isinstance(value, dict), inside or {})


def read_table(content: bytes) -> dict[str, Any]:
    """The table that a file's content is. ValueError with what is wrong with it, in words that follow its name."""
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except ValueError as error:
        raise ValueError("it is not valid JSON") from error
    if not isinstance(value, dict):
        raise ValueError("it does not hold a table")
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, float) and not math.isfinite(one):
            raise ValueError("it holds a number that is not finite")
        if isinstance(one, dict | list):
            if depth > DEEPEST:
                raise ValueError("it is nested too deep")
            waiting += [(inner, depth + 1) for inner in (one.values() if isinstance(one, dict) else one)]
    return value


def problems(values: Mapping[str, Any], kinds: Mapping[str, Kind], place: str = "") -> Iterator[str]:
    """What in a table is not of the kind that it should be, in words that follow its file's name."""
    for key, kind in kinds.items():
        if key not in values:
            if kind.is_needed:
                yield f"{place}{key} is missing"
        elif not kind.fits(values[key]):
            yield f"{place}{key} should be {kind.words}"
        elif isinstance(values[key], dict):
            yield from problems(values[key], kind.inside, f"{place}{key}.")
