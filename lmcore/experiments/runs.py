"""Runs as they lie on disk: list, find, read, rename, delete. Needs no torch, and no run can stop the others."""

import difflib
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lmcore.experiments import folder as layout
from lmcore.experiments.folder import RunError as RunError
from lmcore.experiments.folder import alone, load_run, plainly, update_run
from lmcore.experiments.lines import read_last_lines
from lmcore.experiments.lock import holder_of, is_locked
from lmcore.experiments.metrics import latest_metrics
from lmcore.experiments.samples import Sample as Sample
from lmcore.experiments.samples import load_samples

STATUSES = ("running", "finished", "stopped", "failed", "interrupted")
"""What run.json may say. A run that says running without a live writer is shown as `settled` has it."""


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs. Losses in nats per token; `note` says what is wrong with a damaged run."""

    name: str
    title: str
    folder: Path
    status: str  # running, finished, stopped, failed, interrupted, damaged
    step: int
    max_steps: int
    created: str  # ISO 8601
    loss_train: float | None
    loss_val: float | None
    floor: float | None
    config_hash: str
    note: str = ""
    seed: int | None = None
    parameters: int | None = None
    parent: str = ""  # the name of the run that it was forked from
    parent_step: int | None = None


def is_run(folder: Path) -> bool:
    """Whether a folder is a run, be it a damaged one."""
    parts = (layout.RUN, layout.CONFIG, layout.METRICS, layout.CHECKPOINTS)
    return folder.is_dir() and any((folder / part).exists() for part in parts)


def list_runs(runs_folder: Path) -> list[RunSummary]:
    """All runs of a folder, the newest first. Damaged ones are listed with what can be read; no folder, no runs."""
    return sorted(map(summarize, _run_folders(runs_folder)), key=_age, reverse=True)


def as_tree(runs: Sequence[RunSummary]) -> list[tuple[int, RunSummary]]:
    """Each run with its depth: a fork stands under its parent, one deeper; a fork whose parent is not there, at 0.

    Runs beside each other keep their order. Parents that go round in a circle (somebody edited them) hide nothing.
    """
    names = {run.name for run in runs}
    forks: dict[str, list[RunSummary]] = {}
    for run in runs:
        forks.setdefault(run.parent if run.parent in names - {run.name} else "", []).append(run)
    tree: list[tuple[int, RunSummary]] = []
    placed: set[str] = set()
    # The roots first; what is left after that is in a circle, which is cut at its newest run.
    for root in [*forks.get("", []), *runs]:
        waiting = [(0, root)]
        while waiting:
            depth, run = waiting.pop()
            if run.name not in placed:
                placed.add(run.name)
                tree.append((depth, run))
                waiting += [(depth + 1, fork) for fork in reversed(forks.get(run.name, []))]
    return tree


def _run_folders(runs_folder: Path) -> list[Path]:
    try:
        names = [entry.name for entry in os.scandir(runs_folder)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"Cannot read the runs folder {runs_folder}: {error.strerror}.") from error
    return [runs_folder / name for name in sorted(names) if not name.startswith(".") and is_run(runs_folder / name)]


def _age(run: RunSummary) -> tuple[float, str]:
    try:
        return datetime.fromisoformat(run.created).timestamp(), run.name
    except (ValueError, OverflowError, OSError):
        return -math.inf, run.name


def summarize(folder: Path) -> RunSummary:
    """One run's line in the list, from run.json and the end of metrics.jsonl. Never raises for a damaged run."""
    problems: list[str] = []
    run: dict[str, Any] = {}
    latest: dict[str, Any] = {}
    try:
        run = load_run(folder)
    except RunError as error:
        problems.append(str(error))
    try:
        latest = latest_metrics(folder / layout.METRICS)
    except OSError as error:
        problems.append(f"{layout.METRICS} cannot be read: {error.strerror}.")

    def text(key: str) -> str:
        value = run.get(key, "")
        if not isinstance(value, str):
            problems.append(f"{layout.RUN}: {key} should be text.")
        return value if isinstance(value, str) else ""

    if not (folder / layout.CONFIG).exists():
        problems.append(f"{layout.CONFIG} is missing.")
    status = text("status")
    if run and status not in STATUSES:
        problems.append(f"{layout.RUN}: status should be one of {', '.join(STATUSES)}.")
    if run and _whole(run.get("max_steps")) is None:
        problems.append(f"{layout.RUN}: max_steps should be a whole number.")
    status = settled(folder, run, status)
    remembered = run.get("latest")
    parent = run["parent"] if isinstance(run.get("parent"), dict) else {}
    known = {**(remembered if isinstance(remembered, dict) else {}), **latest}
    return RunSummary(
        name=folder.name,
        title=text("title") or folder.name,
        folder=folder,
        created=text("created"),
        config_hash=text("config_hash"),
        status="damaged" if problems else status,
        step=_whole(known.get("step")) or 0,
        max_steps=_whole(run.get("max_steps")) or 0,
        loss_train=_number(known.get("loss/train")),
        loss_val=_number(known.get("loss/val")),
        floor=_number(run.get("floor")),
        note=" ".join(problems),
        seed=_whole(run.get("seed")),
        parameters=_whole(run.get("parameters")),
        parent=str(parent.get("run") or ""),
        parent_step=_whole(parent.get("step")),
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def find_run(runs_folder: Path, part: str) -> Path:
    """The run that is meant by its path, its name, or any part of its name or title that only one run has.

    RunError when no run or several fit; it names them.
    """
    if not part.strip():
        raise RunError("Name a run: its directory's name, any part of it that no other run has, or its path.")
    direct = Path(part).expanduser()
    for folder in (runs_folder / part, direct):
        if is_run(folder):
            return folder
    names = [folder.name for folder in _run_folders(runs_folder)]
    fitting = [name for name in names if part.lower() in name.lower()]
    if not fitting:
        fitting = [name for name in names if part.lower() in summarize(runs_folder / name).title.lower()]
    if len(fitting) == 1:
        return runs_folder / fitting[0]
    if fitting:
        raise RunError(f"{part!r} is part of {len(fitting)} runs: {_few(reversed(fitting))}. Write more of the name.")
    if not names:
        raise RunError(f"There is no run {part!r}: {runs_folder} holds no runs yet.")
    near = difflib.get_close_matches(part, names, n=3, cutoff=0.4) or sorted(names, reverse=True)
    raise RunError(f"There is no run {part!r} in {runs_folder}. Perhaps: {_few(near)}.")


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def read_run(folder: Path) -> dict[str, Any]:
    """run.json, with the status that the run really has. RunError if it cannot be read."""
    run = load_run(folder)
    return {**run, "status": settled(folder, run, str(run.get("status")))}


def settled(folder: Path, run: dict[str, Any], status: str) -> str:
    """How a run stands that may have lost its writer: interrupted, or finished if only the word for it is missing."""
    if status != "running" or is_locked(folder):
        return status
    max_steps = _whole(run.get("max_steps"))
    is_complete = max_steps is not None and (folder / layout.CHECKPOINTS / f"step-{max_steps:06d}").is_dir()
    return "finished" if is_complete else "interrupted"


def read_config_text(folder: Path) -> str:
    """The text of the run's config.yaml: the values it began with. RunError if it cannot be read."""
    path = folder / layout.CONFIG
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not a whole run: it has no {layout.CONFIG}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"Cannot read {path}: {error}.") from error


def read_samples(folder: Path) -> list[Sample]:
    """What the model made of the fixed prompt, oldest first."""
    with plainly("read", folder / layout.SAMPLES):
        return load_samples(folder / layout.SAMPLES)


def read_log(folder: Path, lines: int = 200) -> list[str]:
    """The last lines of everything that was printed while the run was open."""
    with plainly("read", folder / layout.LOG):
        last = read_last_lines(folder / layout.LOG, 400 * lines)
    return [line.decode("utf-8", "backslashreplace") for line in last if line][-lines:]


def rename_run(folder: Path, title: str) -> None:
    """Give a run another title; its directory keeps its name, which other runs may name as their parent. RunError."""
    title = " ".join(title.split())
    if not title:
        raise RunError("A title needs at least one character.")
    if len(title) > 100:
        raise RunError(f"A title has at most 100 characters; this one has {len(title)}.")
    update_run(folder, {"title": title})


def delete_run(folder: Path) -> None:
    """Delete a run directory and all within it; links inside are removed, never followed.

    RunError for a link in place of the directory, for something that is no run, and for a run that is being written.
    """
    if folder.is_symlink():
        raise RunError(f"{folder} is a link to {folder.readlink()}, not a run directory; remove the link yourself.")
    if not is_run(folder):
        raise RunError(f"{folder} is not a run, so it is not deleted.")
    with plainly("delete", folder):
        with alone(folder):
            if is_locked(folder):
                holder = holder_of(folder)
                raise RunError(
                    f"The run {folder.name} is being written by process {holder.pid if holder else '?'}; stop it first."
                )
            doomed = folder.with_name(f"{layout.DELETED}{folder.name}")
            number = 1
            while os.path.lexists(doomed):
                number += 1
                doomed = folder.with_name(f"{layout.DELETED}{folder.name}-{number}")
            folder.rename(doomed)
        shutil.rmtree(doomed)
