"""What differs between the configurations, the code and the machines of several runs, by what it means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lmcore.experiments.comparison.recorded import RecordedRun
from lmcore.experiments.identity import one_change
from lmcore.experiments.identity.one_change import JUDGING, Leaf, Recipe
from lmcore.experiments.identity.own_code import recorded_digests
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import bears_on_learning

Meaning = Literal["learned", "seed", "judged", "code", "machine", "presentation"]
"""What a difference bears on: what is learned; chance; how a model is judged; lmcore's code; the last bits of every
number; or nothing but names, records and the screen."""

MEANINGS: tuple[Meaning, ...] = ("learned", "seed", "judged", "code", "machine", "presentation")

UNKNOWN = "–"

_MACHINE = ("other.device", "other.threads")
_ENVIRONMENT = {"torch": "torch", "threads": "threads used", "processor": "processor", "instructions": "instructions"}


@dataclass(frozen=True)
class Setting:
    """One thing in which runs differ: its value in each run, in their order, as text; a dash where it is not known."""

    key: str
    meaning: Meaning
    group: str  # of fields that are one change together, such as the schedule
    values: tuple[str, ...]


@dataclass(frozen=True)
class ChangeFromFirst:
    """In how many changes of what is learned a run differs from the first, in words."""

    letter: str
    words: str


def changes_from_first(runs: Sequence[RecordedRun]) -> tuple[ChangeFromFirst, ...]:
    """What each further run does differently, as far as its configuration and the first one's can be read."""
    first, *others = runs
    found = []
    for run in others:
        try:
            compared = _compare(first, run)
        except RunError as error:
            found.append(ChangeFromFirst(run.letter, f"not comparable: {error}"))
        else:
            found.append(ChangeFromFirst(run.letter, compared.words if compared else "its configuration is not known"))
    return tuple(found)


def differing_settings(runs: Sequence[RecordedRun]) -> tuple[Setting, ...]:
    """Everything in which runs differ from the first: what matters most comes first."""
    found = [*_of_configurations(runs), *_of_journals(runs), *_of_records(runs)]
    return tuple(sorted(found, key=lambda setting: MEANINGS.index(setting.meaning)))


def _compare(first: RecordedRun, second: RecordedRun) -> one_change.Comparison | None:
    """What differs between two configurations; None where one of them is not known. RunError."""
    recipes = [_recipe(run) for run in (first, second)]
    return one_change.compare(recipes[0], recipes[1]) if recipes[0] and recipes[1] else None


def _recipe(run: RecordedRun) -> Recipe | None:
    if run.config is None:
        return None
    return Recipe(run.config, str(run.identity.get("data_fingerprint") or ""), recorded_digests(run.identity))


def _of_configurations(runs: Sequence[RecordedRun]) -> Iterator[Setting]:
    first, *others = runs
    leaves: dict[str, dict[str, Leaf]] = {}  # by key and by letter
    meanings: dict[str, Meaning] = {}
    for run in others:
        try:
            compared = _compare(first, run)
        except RunError:  # which `changes_from_first` tells
            continue
        for meaning, leaf in _leaves(compared) if compared else ():
            leaves.setdefault(leaf.key, {})[run.letter] = leaf
            meanings[leaf.key] = meaning
    for key, by_letter in leaves.items():
        some = next(iter(by_letter.values()))
        values = [by_letter[run.letter].new_text if run.letter in by_letter else some.old_text for run in others]
        known = [value if run.config else UNKNOWN for run, value in zip(others, values, strict=True)]
        yield Setting(key, meanings[key], some.group, (some.old_text, *known))


def _leaves(compared: one_change.Comparison) -> Iterator[tuple[Meaning, Leaf]]:
    for change in compared.changes:
        for leaf in change.leaves:
            yield "learned", leaf
    if compared.seed is not None:
        yield "seed", compared.seed
    for leaf in compared.presentation:
        yield "judged" if leaf.key in JUDGING else "machine" if leaf.key in _MACHINE else "presentation", leaf


def _of_journals(runs: Sequence[RecordedRun]) -> Iterator[Setting]:
    """The changes that were made on the way in some of the runs, but not in all."""
    made = [{(c.step, c.key, c.old, c.new): None for c in run.changes} for run in runs]
    for change in dict.fromkeys(change for changes in made for change in changes):
        step, key, old, new = change
        values = tuple(f"{old} → {new}" if change in changes else UNKNOWN for changes in made)
        if UNKNOWN in values:
            meaning: Meaning = "learned" if bears_on_learning(key) else "presentation"
            yield Setting(f"{key} after step {step:,}", meaning, "", values)


def _of_records(runs: Sequence[RecordedRun]) -> Iterator[Setting]:
    yield from _if_differing("code of lmcore", "code", [run.identity.get("code_digest") for run in runs])
    yield from _if_differing("device used", "machine", [run.identity.get("device") for run in runs])
    for entry, name in _ENVIRONMENT.items():
        yield from _if_differing(name, "machine", [_table(run, "environment").get(entry) for run in runs])


def _table(run: RecordedRun, entry: str) -> dict[str, object]:
    table = run.identity.get(entry)
    return table if isinstance(table, dict) else {}


def _if_differing(name: str, meaning: Meaning, values: Sequence[object]) -> Iterator[Setting]:
    if any(value != values[0] for value in values):
        yield Setting(name, meaning, "", tuple(UNKNOWN if value is None else str(value)[:12] for value in values))
