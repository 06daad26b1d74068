"""The run directory: its names, how one is made whole or not at all, and run.json."""

import errno
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from lmcore import files
from lmcore.errors import LabError
from lmcore.files import NotPlain, alone, sync_folder, write_whole
from lmcore.tables import (
    COUNT,
    NAME,
    NUMBER,
    TEXT,
    WHOLE,
    YES_OR_NO,
    needed,
    one_of,
    or_null,
    problems,
    read_table,
    table,
)

CONFIG = "config.yaml"
RUN = "run.json"
METRICS = "metrics.jsonl"
JOURNAL = "journal.jsonl"
SAMPLES = "samples.jsonl"
NOTES = "notes.md"
CHECKPOINTS = "checkpoints"
LOG = "log.txt"
LOCK = "lock.json"

STATUSES = ("running", "finished", "stopped", "failed", "interrupted")
"""What run.json may say. A run that says running without a live writer is shown as `settled` has it."""

KINDS = {
    **dict.fromkeys(("id", "title", "created", "config_hash"), needed(TEXT)),
    **dict.fromkeys(("data_fingerprint", "tokenizer_fingerprint", "code_digest"), needed(TEXT)),
    **dict.fromkeys(("device", "code_folder", "confounded", "waiting"), TEXT),
    **dict.fromkeys(("own_code", "environment", "latest"), table()),
    "status": needed(one_of(*STATUSES)),
    "seed": needed(WHOLE),
    "max_steps": needed(COUNT),
    "vocabulary": COUNT,
    "parameters": COUNT,
    "floor": needed(or_null(NUMBER)),
    "settings": or_null(table()),
    "archived": YES_OR_NO,
    "parent": needed(or_null(table({"run": needed(NAME), "step": needed(COUNT), "id": or_null(TEXT)}))),
    "initial_weights": table({"digest": needed(TEXT), "run": TEXT, "step": COUNT}),
    "journal": table({"lines": needed(COUNT), "digest": needed(TEXT)}),
    "baseline": table({"name": needed(TEXT), "words": TEXT, "config_hash": TEXT, "id": or_null(TEXT)}),
    "changed": table({"words": TEXT}),
}
"""What run.json holds, as far as it is read; tags may be anything, since people write them by hand."""

UNFINISHED = ".new-"
"""Prefix of a run directory that is still being made."""

DELETED = ".deleted-"
"""Prefix of a run directory that is being deleted."""

LEFT_OVER = 24 * 3600.0
"""Seconds after which one with such a prefix was left behind by a process that was killed."""


class RunError(LabError):
    """A run cannot be found, read or written; the message says which and why."""


@contextmanager
def plainly(what: str, path: Path) -> Iterator[None]:
    """Turn an operating system's error into a RunError sentence: `what` could not be done with `path`, and why."""
    try:
        yield
    except NotPlain as error:
        raise RunError(f"Cannot {what} {error.filename}: {error.strerror}.") from error
    except OSError as error:
        forbidden = "you may not write there. Change its permissions or other.runs_folder"
        if what == "read":
            forbidden = "you may not read it. Change its permissions"
        reasons = {
            errno.ENOSPC: "the disk is full. Free some space and go on; nothing saved is lost",
            errno.EDQUOT: "your share of the disk is used up. Free some space and go on; nothing saved is lost",
            errno.EROFS: "it is on a file system that can only be read",
            errno.EACCES: forbidden,
            errno.EPERM: forbidden,
            errno.ENOTDIR: "a part of its path is a file, not a folder",
            errno.EEXIST: "something else has that name already",
            errno.ENOENT: "it is not there (any more)",
        }
        reason = reasons.get(error.errno or 0, (error.strerror or str(error)).lower())
        raise RunError(f"Cannot {what} {path}: {reason}.") from error


def slug(title: str) -> str:
    """A title as a part of a directory name: lower-case ASCII letters, digits and hyphens, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "run"


def run_name(title: str, config_hash: str, now: datetime) -> str:
    """The name of a run directory: local time, title and the beginning of the config hash."""
    return f"{now:%Y%m%d-%H%M%S}-{slug(title)}-{config_hash[:8]}"


def new_folder(runs_folder: Path) -> Path:
    """Make an empty folder, hidden from the list of runs, in which a run is put together until `publish`.

    What killed processes left behind goes. RunError if the runs folder cannot be made or written to.
    """
    with plainly("make a run in", runs_folder):
        files.make_path(runs_folder)
        folder = files.new_folder(runs_folder, UNFINISHED)
        _remove_leftovers(folder)
        return folder


def publish(folder: Path, name: str) -> Path:
    """Give a finished new folder its name (with -2, -3, … if that is taken) and return its path. Overwrites nothing."""
    with plainly("make a run in", folder.parent):
        sync_folder(folder)
        for number in range(1, 10_000):
            final = folder.with_name(name if number == 1 else f"{name}-{number}")
            with alone(folder.parent):
                if not os.path.lexists(final):
                    files.move_folder(folder, final)
                    sync_folder(final.parent)
                    return final
    raise RunError(f"Cannot make a run in {folder.parent}: the name {name} is taken ten thousand times.")


def _remove_leftovers(just_made: Path) -> None:
    """Remove new and deleted folders that a process left behind when it was killed.

    Ages are told by the file system's own clock, which dated `just_made` too: ours may be days ahead of it.
    """
    now = just_made.stat().st_mtime
    for prefix in (UNFINISHED, DELETED):
        for folder in just_made.parent.glob(f"{prefix}*"):
            with suppress(OSError):
                if folder != just_made and folder.lstat().st_mtime < now - LEFT_OVER:
                    files.remove_folder(folder)


def write_run(folder: Path, run: dict[str, Any]) -> None:
    """Write run.json whole. RunError if it cannot be written."""
    with plainly("write", folder / RUN):
        write_whole(folder / RUN, json.dumps(run, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def load_run(folder: Path) -> dict[str, Any]:
    """Read run.json; each value that is read anywhere is of its kind. RunError if it is missing or damaged."""
    run, problem = inspect_run(folder)
    if problem:
        raise RunError(problem)
    return run


def inspect_run(folder: Path) -> tuple[dict[str, Any], str]:
    """What can be read of run.json, damaged or not, and what is wrong with it, in a sentence; "" if nothing."""
    path = folder / RUN
    try:
        run = read_table(files.read_regular(path))
    except FileNotFoundError:
        return {}, f"{folder} is not a run: it has no {RUN}."
    except OSError as error:
        return {}, f"Cannot read {path}: {error.strerror}."
    except ValueError as error:
        return {}, f"{path} is damaged: {error}."
    wrong = list(problems(run, KINDS))
    return run, f"{path} is damaged: {'; '.join(wrong)}." if wrong else ""


def update_run(folder: Path, changes: dict[str, Any] | Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Change some entries of run.json, keep the others (also those that another process wrote), and return all.

    New entries that depend on the old are made by a function of what is there, which may refuse by RunError: no other
    process writes in between.
    """
    with plainly("write", folder / RUN), alone(folder):
        run = load_run(folder)
        run |= changes(run) if callable(changes) else changes
        write_run(folder, run)
    return run
