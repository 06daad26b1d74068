"""Runs as they lie on disk: list, find, read, rename. Needs no torch, and no run can stop the others."""

import difflib
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from lmcore.experiments import folder as layout
from lmcore.experiments.folder import RunError as RunError
from lmcore.experiments.folder import load_run, plainly, update_run
from lmcore.experiments.lines import read_last_lines
from lmcore.experiments.samples import Sample as Sample
from lmcore.experiments.samples import load_samples
from lmcore.experiments.summary import RunSummary as RunSummary
from lmcore.experiments.summary import settled as settled
from lmcore.experiments.summary import summarize as summarize
from lmcore.files import open_regular

MOST_OF_CONFIG = 1 << 20
"""Characters of a config.yaml that are read: more than a configuration may have."""


def is_run(folder: Path) -> bool:
    """Whether a folder is a run, be it a damaged one."""
    parts = (layout.RUN, layout.CONFIG, layout.METRICS, layout.CHECKPOINTS)
    try:
        return folder.is_dir() and any((folder / part).exists() for part in parts)
    except PermissionError:
        return True  # nobody may look inside, so nobody can say that it is none
    except (OSError, ValueError):
        return False


def list_runs(runs_folder: Path) -> list[RunSummary]:
    """All runs of a folder, the newest first. Damaged ones are listed with what can be read; no folder, no runs."""
    return newest_first(read_runs(runs_folder))


def read_runs(runs_folder: Path) -> Iterator[RunSummary]:
    """The runs of a folder one by one as they are read, roughly the newest first. RunError for the folder itself."""
    for name in run_names(runs_folder):
        yield summarize(runs_folder / name)


def newest_first(runs: Iterable[RunSummary]) -> list[RunSummary]:
    """Runs by when they were begun; those that do not say it, last."""
    return sorted(runs, key=_age, reverse=True)


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


def run_names(runs_folder: Path) -> list[str]:
    """The names of the runs of a folder, which begin with their date, the latest first. Quick: reads none of them."""
    try:
        names = [entry.name for entry in os.scandir(runs_folder)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RunError(f"Cannot read the runs folder {runs_folder}: {error.strerror}.") from error
    return [name for name in sorted(names, reverse=True) if not name.startswith(".") and is_run(runs_folder / name)]


def _age(run: RunSummary) -> tuple[float, str]:
    try:
        return datetime.fromisoformat(run.created).timestamp(), run.name
    except (ValueError, OverflowError, OSError):
        return -math.inf, run.name


def find_run(runs_folder: Path, part: str) -> Path:
    """The run that is meant by its path, its name, or any part of its name or title that only one run has.

    RunError when no run or several fit; it names them.
    """
    if not part.strip():
        raise RunError("Name a run: its directory's name, any part of it that no other run has, or its path.")
    for folder in (runs_folder / part, Path(part).expanduser()):
        if is_run(folder):
            return folder
    names = run_names(runs_folder)
    fitting = [name for name in names if part.lower() in name.lower()]
    if not fitting:
        fitting = [name for name in names if part.lower() in summarize(runs_folder / name).title.lower()]
    if len(fitting) == 1:
        return runs_folder / fitting[0]
    if fitting:
        raise RunError(f"{part!r} is part of {len(fitting)} runs: {_few(fitting)}. Write more of the name.")
    if not names:
        raise RunError(f"There is no run {part!r}: {runs_folder} holds no runs yet.")
    near = difflib.get_close_matches(part, names, n=3, cutoff=0.4) or names
    raise RunError(f"There is no run {part!r} in {runs_folder}. Perhaps: {_few(near)}.")


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")


def read_run(folder: Path) -> dict[str, Any]:
    """run.json, with the status that the run really has. RunError if it cannot be read."""
    run = load_run(folder)
    return {**run, "status": settled(folder, run, str(run.get("status")))}


def read_config_text(folder: Path) -> str:
    """The text of the run's config.yaml: the values it began with. RunError if it cannot be read."""
    path = folder / layout.CONFIG
    try:
        with TextIOWrapper(open_regular(path), encoding="utf-8") as file:
            return file.read(MOST_OF_CONFIG)
    except FileNotFoundError as error:
        raise RunError(f"{folder} is not a whole run: it has no {layout.CONFIG}.") from error
    except OSError as error:
        raise RunError(f"Cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
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
