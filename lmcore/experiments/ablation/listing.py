"""Ablations as they lie on disk: listed, the newest first, and read to go on with. Needs no torch."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lmcore.experiments.ablation.plan import FOLDER
from lmcore.experiments.ablation.result import BASE, RESULT, read_result
from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.experiments.runs.lock import is_locked
from lmcore.files import check_folder, read_regular
from lmcore.protocol.results import AblationResult


@dataclass(frozen=True)
class AblationSummary:
    """One line of the list of ablations; `result` is None where it is damaged, and `note` says what is wrong."""

    folder: Path
    status: Literal["running", "finished", "interrupted", "damaged"]
    changed: float  # seconds since the epoch
    result: AblationResult | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """Its name, or that of its folder."""
        return self.result.name if self.result is not None else self.folder.name


@dataclass(frozen=True)
class Again:
    """What carries the same ablation out again: the base's text, the changes, and where its own files lie."""

    text: str
    changes: tuple[str, ...]
    code_folder: Path


def list_ablations(runs_folder: Path) -> list[AblationSummary]:
    """All ablations of a runs folder, the newest first; damaged ones are listed. No folder, no ablations. RunError."""
    folder = runs_folder / FOLDER
    try:
        check_folder(folder)
        names = [entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"Cannot read {folder}: {error.strerror}.") from error
    return sorted(map(summarize, (folder / name for name in names)), key=lambda one: one.changed, reverse=True)


def summarize(folder: Path) -> AblationSummary:
    """How one ablation stands. One that says running without a live process was interrupted."""
    try:
        changed = (folder / RESULT).stat().st_mtime
    except OSError:
        changed = 0.0
    try:
        result = read_result(folder)
    except RunError as error:
        return AblationSummary(folder, "damaged", changed, note=str(error))
    status = "interrupted" if result.status == "running" and not is_locked(folder) else result.status
    return AblationSummary(folder, status, changed, result)


def again(summary: AblationSummary) -> Again:
    """What the same ablation is carried out with another time. RunError if its base is not there any more."""
    path = summary.folder / BASE
    with plainly("read", path):
        text = read_regular(path).decode("utf-8", "replace")
    arms = summary.result.arms[1:] if summary.result is not None else ()
    return Again(text, tuple(arm.name for arm in arms), summary.folder / "runs")
