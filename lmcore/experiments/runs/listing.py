"""Runs as they lie on disk: list, find, read, rename. Needs no torch, and no run can stop the others."""

import difflib
import math
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from lmcore.experiments.runs import folder as layout
from lmcore.experiments.runs.folder import RunError as RunError
from lmcore.experiments.runs.folder import inspect_run, load_run, plainly, update_run
from lmcore.experiments.runs.lines import read_last_lines
from lmcore.experiments.runs.samples import Sample as Sample
from lmcore.experiments.runs.samples import load_samples
from lmcore.experiments.runs.summary import RunSummary as RunSummary
from lmcore.experiments.runs.summary import settled as settled
from lmcore.experiments.runs.summary import summarize as summarize
from lmcore.files import open_regular
from lmcore.places import at_home
from lmcore.plain_text import is_plain

LAST = "last"
"""What the newest run is called, wherever a run is named."""

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
    return _when(run.created, run.name)


def _when(created: object, name: str) -> tuple[float, str]:
    try:
        return datetime.fromisoformat(str(created)).timestamp(), name
    except (ValueError, OverflowError, OSError):
        return -math.inf, name


def find_run(runs_folder: Path, part: str) -> Path:
    """The run that is meant: by its path or its name, by `last` (the newest), by its whole title (the newest that has
    it), or by any part of its name or title that only one run has.

    RunError when no run or several fit; it names them.
    """
    if not part.strip():
        raise RunError(
            "Name a run: last, its title, its directory's name, any part of these that no other run has, or its path."
        )
    for folder in (runs_folder / part, at_home(part)):
        if is_run(folder):
            return folder
    names = run_names(runs_folder)
    said = {name: _title_and_age(runs_folder / name) for name in names}
    wanted = " ".join(part.split()).lower()
    if meant := names if wanted == LAST else [name for name in names if said[name][0].lower() == wanted]:
        return runs_folder / max(meant, key=lambda name: said[name][1])
    fitting = [name for name in names if wanted in name.lower()]
    if not fitting:
        fitting = [name for name in names if wanted in said[name][0].lower()]
    if len(fitting) == 1:
        return runs_folder / fitting[0]
    if fitting:
        raise RunError(f"{part!r} is part of {len(fitting)} runs: {_few(fitting)}. Write more of the name.")
    if not names:
        raise RunError(f"There is no run {part!r}: {runs_folder} holds no runs yet.")
    near = difflib.get_close_matches(part, names, n=3, cutoff=0.4) or names
    raise RunError(f"There is no run {part!r} in {runs_folder}. Perhaps: {_few(near)}.")


def list_titles(runs_folder: Path) -> dict[str, str]:
    """The title of each run of a folder by its name, the latest first. As quick as `find_run`. RunError."""
    return {name: _title_and_age(runs_folder / name)[0] for name in run_names(runs_folder)}


def _title_and_age(folder: Path) -> tuple[str, tuple[float, str]]:
    """What a run is called, and what sorts it by when it was begun. Quick: reads run.json alone; never raises."""
    run, _ = inspect_run(folder)
    return str(run.get("title") or folder.name), _when(run.get("created"), folder.name)


def command(verb: str, folder: Path, *options: str) -> str:
    """The command line that does something with a run, from the present folder: `lmcore fork NAME …`."""
    where = [] if folder.parent.resolve() == Path("runs").resolve() else ["--runs-folder", str(folder.parent)]
    return shlex.join(["lmcore", *verb.split(), folder.name, *options, *where])


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


def rename_run(folder: Path, title: str) -> str:
    """Give a run another title, which is returned as it is kept. RunError.

    Its directory keeps its name, which other runs may name as their parent, and its identity stays.
    """
    title = " ".join(title.split())
    if problem := title_problem(title):
        raise RunError(problem)
    update_run(folder, {"title": title})
    return title


def title_problem(title: str) -> str:
    """Why a text cannot be a run's title, in a sentence; "" if it can."""
    if not title.strip():
        return "A title needs at least one character."
    if len(title) > 100:
        return f"A title has at most 100 characters; this one has {len(title)}."
    return "" if is_plain(title) else "A title is one line of printable characters."
