"""A query for runs: `muon -tag:old status:finished loss/val<1.9 training.optimizer=muon`. Parsing never raises.

Words are looked for in name, title, status, config hash and tags. A term is a key, a comparison and a value: of a
property of the run, of a metric's newest value, or of a value of its configuration. A `-` in front turns a word or a
term round; quotes keep a text with blanks together.
"""

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lmcore.experiments.runs.summary import RunSummary
from lmcore.experiments.selection import conditions
from lmcore.experiments.selection.conditions import Holds, Unfinished, Wrong


@dataclass(frozen=True)
class Term:
    """One condition. What it asks of a run is told by `of`, or stands in the column `column` (a metric's name, a dotted
    key of the configuration), which has to be read first."""

    text: str  # as typed
    holds: Holds
    of: Callable[[RunSummary], Any] | None = None
    column: str = ""
    negated: bool = False
    key: str = ""  # empty: a plain word


@dataclass(frozen=True)
class Query:
    """All conditions that could be understood; a run must meet each. Each sentence is about the first of its kind."""

    terms: tuple[Term, ...] = ()
    problem: str = ""  # a term that means nothing
    unfinished: str = ""  # a term whose end is still to be typed

    def asks_for(self, key: str) -> bool:
        """Whether a term is about a property, a metric or a configuration key."""
        return any(term.key == key for term in self.terms)


_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_TERM = re.compile(r'([^\s":=<>!]+)(<=|>=|!=|[:=<>!])(.*)', re.DOTALL)
ROW_NUMBERS = ("tokens", "seconds")
"""Numbers of a logged row that are asked for like metrics."""


def parse_query(text: str) -> Query:
    """What a text asks for. Terms that are wrong or unfinished ask for nothing, and are told."""
    terms: list[Term] = []
    problem = unfinished = ""
    for token in _TOKEN.findall(text):
        try:
            terms.append(_term(token))
        except Wrong as error:
            problem = problem or str(error)
        except Unfinished as error:
            unfinished = unfinished or str(error)
    return Query(tuple(terms), problem, unfinished)


def _term(token: str) -> Term:
    negated = token.startswith("-")
    body = token[1:] if negated else token
    if not body.strip('"'):
        raise Unfinished(f"{token} stands before a word or a term that a run is not to have.")
    found = _TERM.fullmatch(body)
    if found is None:
        return Term(token, _word(body), _searched, negated=negated)
    key, comparison, value = found.group(1), found.group(2), found.group(3).replace('"', "")
    if comparison == "!":
        raise Unfinished(f"{key}!= is how 'is not' is written.")
    known = known_key(key)
    if not value:
        raise Unfinished(f"{key}{comparison} wants a value, such as {key}{comparison}{_example(known)}")
    if known in PROPERTIES:
        of, check = PROPERTIES[known]
        return Term(token, check(known, comparison, value), of, negated=negated, key=known)
    check = conditions.number if is_metric(known) else conditions.setting
    return Term(token, check(known, comparison, value), column=known, negated=negated, key=known)


def _word(body: str) -> Holds:
    if re.match(r"[A-Za-z]\w*/", body):
        raise Unfinished(f"{body} is no part of a run's name; say how the metric compares, such as {body}<1.9")
    if "." in body and any(key.startswith(body) for key in _leaf_keys()):
        raise Unfinished(f"{body} begins a key of the configuration; say what it is, such as training.optimizer=muon")
    word = body.replace('"', "").lower()
    return lambda text: word in text


def _searched(run: RunSummary) -> str:
    return " ".join((run.name, run.title, run.status, run.config_hash, *run.tags)).lower()


def is_metric(key: str) -> bool:
    """Whether a key names a metric, not a value of the configuration."""
    return "/" in key or key in ROW_NUMBERS


def known_key(key: str) -> str:
    """The property, metric or dotted configuration key that is meant. Wrong for what is none."""
    if key in PROPERTIES or is_metric(key) or key == "hooks":
        return key
    keys = _leaf_keys()
    if key in keys:
        return key
    homes = [full for full in keys if full.partition(".")[2] == key]
    if len(homes) == 1:
        return homes[0]
    if homes:
        raise Wrong(f"{key} could be {' or '.join(homes)}; write the one that is meant.")
    short = [full.partition(".")[2] for full in keys]
    near = difflib.get_close_matches(key, [*PROPERTIES, *keys, *short, "hooks", *ROW_NUMBERS], n=1, cutoff=0.6)
    perhaps = f"; did you mean {near[0]}?" if near else f". Ask for {', '.join(PROPERTIES)}, a metric or a config key."
    raise Wrong(f"There is no {key!r} to ask for{perhaps}")


def _leaf_keys() -> Sequence[str]:
    from lmcore.config.values import leaf_keys  # the schema loads slowly, and most queries are words

    return leaf_keys()


def _example(key: str) -> str:
    examples = {"status": "finished", "tag": "mine", "archived": "yes", "confounded": "yes", "begun": "2026-01-31"}
    if key in examples or is_metric(key):
        return examples.get(key, "1.9")
    if key in PROPERTIES and PROPERTIES[key][1] is not conditions.number:
        return "baseline"
    return "4"


Check = Callable[[str, str, str], Holds]

PROPERTIES: dict[str, tuple[Callable[[RunSummary], Any], Check]] = {
    "tag": (lambda run: run.tags, conditions.tag),
    "status": (lambda run: run.status, conditions.status),
    "name": (lambda run: run.name, conditions.text),
    "title": (lambda run: run.title, conditions.text),
    "parent": (lambda run: run.parent, conditions.text),
    "baseline": (lambda run: run.baseline, conditions.text),
    "hash": (lambda run: run.config_hash, conditions.begins),
    "seed": (lambda run: run.seed, conditions.number),
    "step": (lambda run: run.step, conditions.number),
    "max_steps": (lambda run: run.max_steps, conditions.number),
    "parameters": (lambda run: run.parameters, conditions.number),
    "floor": (lambda run: run.floor, conditions.number),
    "begun": (lambda run: run.created, conditions.moment),
    "archived": (lambda run: run.archived, conditions.yes),
    "confounded": (lambda run: run.confounded, conditions.yes),
}
"""What a run's line in the list says by itself."""
