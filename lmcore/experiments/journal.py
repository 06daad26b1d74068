"""journal.jsonl: every change made while a run went on, with its step, so that the run can be repeated."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lmcore.config import field_of, is_learned
from lmcore.experiments.lines import append_lines, read_lines

HOOKS_KEY = "hooks."
"""`hooks` itself is the whole list (its value a list in one line); `hooks.NAME.FIELD` one value of one hook."""

CODE_KEY = "code."
"""`code.FILE` says that another version of an own file acts; its values are digests, "" where there was none."""


@dataclass(frozen=True)
class Change:
    """One value changed after `step` steps were done: it acts from the next step on.

    Values stand as YAML text. Keys are those of the configuration, and `hooks.NAME.enabled`, `code.FILE`.
    """

    step: int
    key: str
    old: str
    new: str
    time: str = ""  # ISO 8601, when a person did it


def change_now(step: int, key: str, old: str, new: str) -> Change:
    """A change made at this moment."""
    return Change(step, key, old, new, datetime.now().astimezone().isoformat(timespec="seconds"))


def append_change(path: Path, change: Change) -> None:
    """Append a change and wait until it is on disk. RunError if it cannot be written."""
    row = {"step": change.step, "time": change.time, "key": change.key, "old": change.old, "new": change.new}
    append_lines(path, [row])


def read_changes(path: Path) -> list[Change]:
    """All changes in the order in which they were made; damaged lines are skipped."""
    return [
        Change(row["step"], row["key"], row["old"], row["new"], str(row.get("time", "")))
        for row in read_lines(path).rows
        if isinstance(row.get("step"), int) and all(isinstance(row.get(name), str) for name in ("key", "old", "new"))
    ]


def replayable(changes: Iterable[Change]) -> list[Change]:
    """The changes that count, by step: what a run must repeat to go the way it went.

    A run that was killed goes back to its checkpoint and meets the changes that it had already seen a second time. They
    stay valid, unless the person changes the same value again on the way: a change takes the place of those made before
    it to the same key at the same or a later step. A list of hooks also takes the place of changes of single ones.
    """
    kept: list[Change] = []
    for change in changes:
        kept = [other for other in kept if not overrules(change.key, other.key) or other.step < change.step]
        kept.append(change)
    return sorted(kept, key=lambda change: change.step)


def bears_on_learning(key: str) -> bool:
    """Whether a change of `key` changes what is learned, not only what is shown, recorded or judged."""
    try:
        return key.startswith(("hooks", CODE_KEY)) or is_learned(field_of(key))
    except KeyError:
        return False


def overrules(key: str, other: str) -> bool:
    """Whether a new change of `key` takes the place of one of `other` that is still to come."""
    return other == key or (key == "hooks" and other.startswith(HOOKS_KEY))
