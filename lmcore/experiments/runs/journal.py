"""journal.jsonl: every change made while a run went on, with its step, so that the run can be repeated.

Each line has a digest of itself and all lines before it, so that a line that was changed, removed or moved is noticed.
How many lines there are, run.json and the checkpoints remember.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from lmcore.clock import stamp
from lmcore.config import field_of, is_learned
from lmcore.experiments.runs.folder import JOURNAL, RUN, plainly
from lmcore.experiments.runs.lines import append_lines, in_json, read_lines
from lmcore.protocol.messages import ValueChanged

HOOKS_KEY = "hooks."
"""`hooks` itself is the whole list (its value a list in one line); `hooks.NAME.FIELD` one value of one hook."""

CODE_KEY = "code."
"""`code.FILE` says that another version of an own file acts; its values are digests, "" where there was none."""


def change_now(step: int, key: str, old: str, new: str) -> ValueChanged:
    """A change made at this moment."""
    return ValueChanged(step, key, old, new, stamp())


@dataclass(frozen=True)
class Journal:
    """What a journal holds; `problem` says what is wrong with it, in words that follow its name."""

    changes: tuple[ValueChanged, ...] = ()  # in the order in which they were made; damaged lines are left out
    rows: tuple[dict[str, Any], ...] = ()  # its lines, as they stand in the file
    digests: tuple[str, ...] = ("",)  # after none of its lines, one, two, …
    problem: str = ""
    is_sealed: bool = False  # its lines have digests; those of earlier versions have none

    @property
    def mark(self) -> dict[str, Any]:
        """What tells whether this much of it is there another time."""
        return {"lines": len(self.rows), "digest": self.digests[-1]}

    def lacks(self, mark: object, of: str) -> str:
        """What is missing of a journal that was marked earlier; "" if nothing. `of`: who remembers the mark."""
        if not isinstance(mark, Mapping):
            return ""
        lines = mark.get("lines")
        if not isinstance(lines, int) or not 0 <= lines < len(self.digests):
            return f"ends after {counted(len(self.rows))}, and {of} knows {lines}"
        if self.digests[lines] != mark.get("digest"):
            return f"holds other changes than {of} knows"
        return ""


def counted(changes: int) -> str:
    """So many changes, in words."""
    return f"{changes:,} change{'' if changes == 1 else 's'}"


def append_change(path: Path, change: ValueChanged) -> Journal:
    """Append a change and wait until it is on disk; returns the journal with it. RunError if it cannot be written."""
    before = read_journal(path)
    row = {"step": change.step, "time": change.time, "key": change.key, "old": change.old, "new": change.new}
    row["digest"] = _digest_after(before.digests[-1], row)
    append_lines(path, [row])
    return journal_of([*before.rows, row])


def read_journal(path: Path) -> Journal:
    """A run's journal, whole or not. OSError if it cannot be read."""
    lines = read_lines(path)
    journal = journal_of([{key: in_json(value) for key, value in row.items()} for row in lines.rows])
    if lines.damaged:
        are = "line that is" if lines.damaged == 1 else "lines that are"
        return replace(journal, problem=f"has {lines.damaged:,} {are} not readable")
    return journal


def journal_of(rows: Sequence[Any]) -> Journal:
    """The journal that some lines make."""
    changes, digests, problem = [], [""], ""
    for number, row in enumerate(rows, start=1):
        change = _change_of(row)
        digests.append(_digest_after(digests[-1], row))
        if change is None:
            problem = problem or f"has a line that is no change, line {number:,}"
        else:
            changes.append(change)
            if not problem and row.get("digest", digests[-1]) != digests[-1]:
                problem = f"was changed at line {number:,}, or a line before it was changed, removed or moved"
    sealed = ["digest" in row if isinstance(row, dict) else False for row in rows]
    if not problem and any(before and not after for before, after in pairwise(sealed)):
        problem = "has a line without its digest"
    return Journal(tuple(changes), tuple(rows), tuple(digests), problem, any(sealed))


def inspect_changes(folder: Path, run: Mapping[str, Any]) -> tuple[list[ValueChanged], str]:
    """A run's changes in the order in which they were made, and what is wrong with its journal, in a sentence.

    By itself, and by what its run.json remembers; "" if nothing. Damaged lines are skipped. RunError.
    """
    with plainly("read", folder / JOURNAL):
        journal = read_journal(folder / JOURNAL)
    problem = journal.problem or journal.lacks(run.get("journal"), RUN)
    return list(journal.changes), f"{JOURNAL} {problem}, so which values acted is not certain." if problem else ""


def read_changes(path: Path) -> list[ValueChanged]:
    """All changes in the order in which they were made; damaged lines are skipped."""
    return list(read_journal(path).changes)


def _change_of(row: object) -> ValueChanged | None:
    """The change on a line; None if it is none."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("key", "old", "new")):
        return None
    step = row.get("step")
    if type(step) is not int or not 0 <= step < 2**63:
        return None
    return ValueChanged(step, row["key"], row["old"], row["new"], str(row.get("time", "")))


def _digest_after(digest: str, row: object) -> str:
    """The running digest after one more line."""
    said = {key: row[key] for key in sorted(row) if key != "digest"} if isinstance(row, dict) else row
    return hashlib.sha256(f"{digest} {json.dumps(said)}".encode()).hexdigest()[:32]


def replayable(changes: Iterable[ValueChanged]) -> list[ValueChanged]:
    """The changes that count, by step: what a run must repeat to go the way it went.

    A run that was killed goes back to its checkpoint and meets the changes that it had already seen a second time. They
    stay valid, unless the person changes the same value again on the way: a change takes the place of those made before
    it to the same key at the same or a later step. A list of hooks also takes the place of changes of single ones.
    """
    kept: list[ValueChanged] = []
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
