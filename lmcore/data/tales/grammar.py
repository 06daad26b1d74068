"""The notation in which the tales are written down, compiled into a graph of choices with known probabilities.

A pattern is the text itself with two marks in it. ``[x|y|z]`` is a fork: one of the texts, all equally likely;
``[3:x|y]`` takes x three times as often, ``[x|]`` takes x or nothing. ``{...}`` is a slot:

    {hero:girls}           pick a word from the list `girls`, call it `hero`, and write it
    {colour:colours.a}     the same, written in its form `a` ("a red", "an orange")
    {:foods}               pick a word that is never asked for again
    {hero}  {hero.his}     write the remembered word again, in its base form or in another
    {first+second-given}   write the number that the remembered numbers add up to

Forks and picks are the only choices. Everything else follows from them, so the probability of a tale is the product of
the probabilities of its choices, provided that no text can be derived in two ways.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmcore.data.tales.words import NUMBERS, VALUES, WORDS, Word
from lmcore.errors import LabError


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a derivation: what was chosen from (a word list, or "fork"), what was picked, and -ln p."""

    what: str
    picked: str
    nats: float


@dataclass(frozen=True, slots=True)
class Literal:
    """Write a fixed text."""

    text: str
    then: "Node | None"


@dataclass(frozen=True, slots=True)
class Recall:
    """Write a form of the word that an earlier pick remembered under `role`."""

    role: str
    form: str
    then: "Node | None"


@dataclass(frozen=True, slots=True)
class Total:
    """Write the sum of remembered numbers, each with its sign."""

    terms: tuple[tuple[int, str], ...]
    then: "Node | None"


@dataclass(frozen=True, slots=True)
class Pick:
    """Pick a word, all equally likely, remember it under `role` (if any) and write it in `form`."""

    role: str
    form: str
    options: tuple[tuple[Choice, Word], ...]
    then: "Node | None"


@dataclass(frozen=True, slots=True)
class Fork:
    """Go on with one of several continuations; `options` holds each as many times as its weight says."""

    options: tuple[tuple[Choice, "Node | None"], ...]


Node = Literal | Recall | Total | Pick | Fork
Roles = dict[str, Word]
Pattern = list["str | list[tuple[int, Pattern]]"]  # literal texts and "{slots}", forks as lists of (weight, pattern)

_MARK = re.compile(r"\{[^{}]*\}|[\[\]|]|[^\[\]|{}]+")
_WEIGHT = re.compile(r"(\d+):")


class GrammarError(LabError):
    """A pattern that cannot be compiled: what is wrong with it, and where."""


def total(terms: Sequence[tuple[int, str]], roles: Mapping[str, Word]) -> str:
    """The number word for a signed sum of remembered numbers, such as {first+second-given}."""
    return NUMBERS[sum(sign * VALUES[roles[role][""]] for sign, role in terms)]


def compile_pattern(pattern: str, then: Node | None = None) -> Node | None:
    """The first node of the graph that writes `pattern` and goes on with `then` (None: the tale ends)."""
    marks: list[str] = _MARK.findall(pattern)
    if "".join(marks) != pattern:
        raise GrammarError(f"a brace without its partner in: {pattern[:60]}…")
    tree, used = _read(marks, 0)
    if used != len(marks):
        raise GrammarError(f"'{marks[used]}' outside of any fork, after: {''.join(marks[:used])[-60:]}")
    return _link(tree, then)


def _read(marks: list[str], at: int) -> tuple[Pattern, int]:
    """Read marks up to the end of this text (']', '|' or the last mark); also where that is."""
    found: Pattern = []
    while at < len(marks) and marks[at] not in ("]", "|"):
        if marks[at] != "[":
            found.append(marks[at])
            at += 1
            continue
        options: list[tuple[int, Pattern]] = []
        while marks[at] != "]":
            option, at = _read(marks, at + 1)
            if at == len(marks):
                raise GrammarError(f"a fork that is never closed, in: {''.join(marks)[:60]}…")
            options.append((_take_weight(option), option))
        found.append(options)
        at += 1
    return found, at


def _take_weight(option: Pattern) -> int:
    """Cut the weight in front of a fork's option ("3:text") off and return it; 1 where there is none."""
    if option and isinstance(option[0], str) and (weight := _WEIGHT.match(option[0])):
        option[0] = option[0][weight.end() :]
        return int(weight[1])
    return 1


def _link(tree: Pattern, then: Node | None) -> Node | None:
    """Turn a pattern, last part first, into nodes that each know what follows them."""
    for part in reversed(tree):
        if isinstance(part, list):
            whole = sum(weight for weight, _ in part)
            options: list[tuple[Choice, Node | None]] = []
            for number, (weight, option) in enumerate(part):
                choice = Choice("fork", str(number), math.log(whole / weight))
                options += [(choice, _link(option, then))] * weight
            then = Fork(tuple(options))
        elif part.startswith("{"):
            then = _slot(part[1:-1], then)
        elif part:
            then = Literal(part, then)
    return then


def _slot(text: str, then: Node | None) -> Node:
    """The node for the inside of a slot: a pick, a sum or a recall."""
    if ":" in text:
        role, source = text.split(":")
        name, _, form = source.partition(".")
        if name not in WORDS:
            raise GrammarError(f"no word list is called '{name}' in {{{text}}}")
        words = WORDS[name]
        if any(form not in word for word in words):
            raise GrammarError(f"not every word of '{name}' has the form '{form}' in {{{text}}}")
        nats = math.log(len(words))
        return Pick(role, form, tuple((Choice(name, word[""], nats), word) for word in words), then)
    if "+" in text or "-" in text:
        terms = re.findall(r"([+-]?)(\w+)", text)
        return Total(tuple((-1 if sign == "-" else 1, role) for sign, role in terms), then)
    role, _, form = text.partition(".")
    return Recall(role, form, then)
