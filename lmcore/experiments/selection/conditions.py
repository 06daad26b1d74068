"""What a value in a query may be, for each kind of key: from comparison and text to a test of what a run has.

Each takes the key, the comparison and the value as typed, and returns the test; Wrong and Unfinished say what is the
matter with the value.
"""

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any, get_args

from lmcore.errors import LabError
from lmcore.experiments.runs.folder import STATUSES

Holds = Callable[[Any], bool]
"""Whether what a run has is what is asked for; it gets None where the run has nothing."""


class Wrong(LabError):
    """A term means nothing; the message says why."""


class Unfinished(LabError):
    """The end of a term is missing; the message says what could stand there."""


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
}
_HALF_A_NUMBER = re.compile(r"[-+]?(\.|[0-9_.]+[eE][-+]?|n|na|i|in)?")
_NOT_FINITE = {"nan": float("nan"), "inf": float("inf"), "+inf": float("inf"), "-inf": float("-inf")}


def number(key: str, comparison: str, value: str) -> Holds:
    """A number; `nan` and `inf` find runs that broke."""
    wanted = _as_number(value)
    if wanted is None:
        raise Wrong(f"{key}{comparison}{value}: {key} is a number.")
    compare = _COMPARE[comparison]
    if wanted != wanted:  # not a number, as a run that broke has it
        is_equal = comparison in ("=", ":")
        return lambda own: own is not None and (own != own) == is_equal
    return lambda own: _is_number(own) and compare(own, wanted)


def _as_number(value: str) -> int | float | None:
    """The number that a text stands for, if it does. Unfinished for the beginning of one."""
    from lmcore.config.scalars import resolve_plain

    if value.lower() in _NOT_FINITE:
        return _NOT_FINITE[value.lower()]
    number = resolve_plain(value)
    if _is_number(number):
        return number  # type: ignore[no-any-return]
    if _HALF_A_NUMBER.fullmatch(value):
        raise Unfinished(f"{value} is the beginning of a number.")
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text(key: str, comparison: str, value: str) -> Holds:
    """`:` looks for a part (`*` stands for anything), `=` for the whole."""
    wanted = value.lower()
    if comparison == ":":
        return lambda own: bool(own) and _fits(own.lower(), wanted)
    return _equality(key, comparison, lambda own: own.lower() == wanted)


def _equality(key: str, comparison: str, is_equal: Holds) -> Holds:
    if comparison not in (":", "=", "!="):
        raise Wrong(f"{key} has no order: compare it with : = or !=, not {comparison}")
    return (lambda own: not is_equal(own)) if comparison == "!=" else is_equal


def _fits(text: str, wanted: str) -> bool:
    if "*" not in wanted:
        return wanted in text
    return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), text, re.DOTALL) is not None


def tag(key: str, comparison: str, value: str) -> Holds:
    """A whole tag; `*` stands for anything."""
    wanted = value.lower()

    def has(tags: Sequence[str]) -> bool:
        return any(_fits(tag.lower(), wanted) if "*" in wanted else tag.lower() == wanted for tag in tags)

    return _equality(key, comparison, has)


def status(key: str, comparison: str, value: str) -> Holds:
    """The beginning of a status."""
    wanted = value.lower()
    known = (*STATUSES, "damaged")
    if not any(status.startswith(wanted) for status in known):
        raise Wrong(f"A run's status is {', '.join(known[:-1])} or {known[-1]}, not {value!r}.")
    return _equality(key, comparison, lambda own: own.startswith(wanted))


def begins(key: str, comparison: str, value: str) -> Holds:
    """The beginning of a text."""
    wanted = value.lower()
    return _equality(key, comparison, lambda own: own.lower().startswith(wanted))


def moment(key: str, comparison: str, value: str) -> Holds:
    """A date, or the beginning of one, compared as far as it is given."""
    if not re.fullmatch(r"[0-9][0-9T:-]*", value):
        raise Wrong(f"{key}{comparison}{value}: a date is written as 2026-01-31.")
    compare = _COMPARE[comparison]
    return lambda own: bool(own) and compare(own[: len(value)], value)


def yes(key: str, comparison: str, value: str) -> Holds:
    """Yes or no."""
    answers = {"yes": True, "true": True, "no": False, "false": False}
    if value.lower() not in answers:
        if any(answer.startswith(value.lower()) for answer in answers):
            raise Unfinished(f"{key} is yes or no.")
        raise Wrong(f"{key} is yes or no, not {value!r}.")
    wanted = answers[value.lower()]
    return _equality(key, comparison, lambda own: bool(own) == wanted)


def setting(key: str, comparison: str, value: str) -> Holds:
    """A value of the configuration, of its own type; `:` looks for a part of a text."""
    if key == "hooks":
        return _hooks(key, comparison, value)
    from lmcore.config.scalars import resolve_plain

    if comparison in ("<", "<=", ">", ">="):
        return number(key, comparison, value)
    wanted = resolve_plain(value)
    if isinstance(wanted, str):
        _check_word(key, value)
    if comparison == ":":
        return lambda own: _is_same(own, wanted) or (isinstance(own, str) and _fits(own.lower(), value.lower()))
    return _equality(key, comparison, lambda own: _is_same(own, wanted))


def _check_word(key: str, value: str) -> None:
    """Raise for a word that a field with choices, a number or a switch does not take."""
    from lmcore.config.fields import choices_of, takes_own
    from lmcore.config.schema import field_of

    field, word = field_of(key), value.lower()
    kinds = get_args(field.annotation) or (field.annotation,)
    words = {bool: ("true", "false"), NoneType: ("null",)}
    choices = choices_of(field) or [word for kind in kinds for word in words.get(kind, ())]
    if (not choices_of(field) and str in kinds) or word in choices or (takes_own(field) and "." in value):
        return
    if any(choice.startswith(word) for choice in choices) or _HALF_A_NUMBER.fullmatch(value):
        raise Unfinished(f"{key}={value} is not written to its end.")
    if not choices_of(field):
        raise Wrong(f"{key} is {'true or false' if bool in kinds else 'a number'}, not {value!r}.")
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    perhaps = f"; did you mean {near[0]}?" if near else f"; it is {', '.join(choices)}."
    raise Wrong(f"{key} is never {value!r}{perhaps}")


def _is_same(own: Any, wanted: Any) -> bool:
    if isinstance(own, bool) or isinstance(wanted, bool) or own is None or wanted is None:
        return own is wanted
    if _is_number(own) and _is_number(wanted):
        return bool(own == wanted)
    return str(own).lower() == str(wanted).lower()


def _hooks(key: str, comparison: str, value: str) -> Holds:
    """How many hooks are declared, or a part of the name, the function or the place of one of them."""
    try:
        wanted = _as_number(value)
    except Unfinished:
        wanted = None
    if wanted is not None:
        compare = _COMPARE[comparison]
        return lambda own: compare(len(_declared(own)), wanted)
    word = value.lower()

    def has(own: Any) -> bool:
        texts = [text for hook in _declared(own) for text in hook.values() if isinstance(text, str)]
        return any(_fits(text.lower(), word) for text in texts)

    return _equality(key, comparison, has)


def _declared(own: Any) -> list[dict[str, Any]]:
    """The hooks that a run.json names; what else stands in their place is none."""
    return [hook for hook in own if isinstance(hook, dict)] if isinstance(own, list) else []
