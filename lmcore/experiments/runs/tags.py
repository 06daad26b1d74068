"""Tags and the archive: how a person sorts runs. Neither touches what a run is, learns or can be verified by."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lmcore.experiments.runs.folder import RunError, update_run
from lmcore.experiments.runs.summary import tags_of

TAG = re.compile(r"[a-z0-9][a-z0-9._-]*")
LONGEST = 40
MOST = 50


def problem_with_tag(tag: str) -> str:
    """A sentence when a word cannot be a tag; empty when it can."""
    if len(tag) > LONGEST:
        return f"A tag has at most {LONGEST} characters; this one has {len(tag)}."
    if not TAG.fullmatch(tag):
        return f"{tag!r} is no tag: write small letters a-z, digits, '.', '_' and '-', a letter or a digit first."
    return ""


def tag_run(folder: Path, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
    """Give a run tags and take others away; returns those that it has now, sorted. RunError; nothing has changed then.

    What is to be taken away may be anything: somebody else may have written it.
    """
    add, remove = set(add), set(remove)
    for tag in sorted(add):
        if problem := problem_with_tag(tag):
            raise RunError(problem)

    def changed(run: dict[str, Any]) -> dict[str, Any]:
        tags = sorted((set(tags_of(run)) - remove) | add)
        if len(tags) > MOST:
            raise RunError(f"A run has at most {MOST} tags; {folder.name} would have {len(tags)}.")
        return {"tags": tags}

    return tags_of(update_run(folder, changed))


def archive_run(folder: Path, archived: bool = True) -> None:
    """Hide a run from the list unless it is asked for, or show it again. RunError."""
    update_run(folder, {"archived": archived})
