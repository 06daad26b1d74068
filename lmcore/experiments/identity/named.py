"""A run or a configuration by its name: what it learns from, as it began. Needs no torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcore.config import (
    ConfigError,
    TrainingConfig,
    find_config,
    parse_config,
)
from lmcore.config import read_config_text as read_file
from lmcore.experiments.identity.one_change import Recipe
from lmcore.experiments.identity.own_code import CODE, recorded_digests
from lmcore.experiments.runs.folder import CONFIG, RunError, load_run
from lmcore.experiments.runs.journal import bears_on_learning, inspect_changes, replayable
from lmcore.experiments.runs.listing import find_run, is_run, read_config_text
from lmcore.places import at_home
from lmcore.protocol.messages import ValueChanged


@dataclass(frozen=True)
class Named:
    """A run or a configuration that a person named. `notes`: what its values do not show, in sentences."""

    name: str  # the run's directory, or the configuration's file
    text: str
    recipe: Recipe
    folder: Path  # the run's directory, or the one that the configuration's file lies in
    run: Mapping[str, Any] | None = None  # run.json
    notes: tuple[str, ...] = ()

    @property
    def config(self) -> TrainingConfig:
        """Its values, as it began."""
        return self.recipe.config

    @property
    def code_folder(self) -> Path:
        """Where the files of one's own lie that it names."""
        return self.folder / CODE if self.run is not None else self.folder


def find_named(name: str, runs_folder: Path) -> Named:
    """The run or configuration that a name means: a run's folder or whole name, then a configuration (a name or a
    file), then any part of a name or title that only one run has. RunError if there is none; ConfigError if the
    configuration is wrong."""
    if folder := _exact_run(name, runs_folder):
        return of_run(folder)
    try:
        path = find_config(name)
    except ConfigError as error:
        no_config = str(error)
    else:
        return of_config(path)
    try:
        return of_run(find_run(runs_folder, name))
    except (RunError, OSError) as error:  # the latter for a name that no file system can hold
        no_run = str(error) if isinstance(error, RunError) else f"There is no run {name[:100]!r}."
        end = "" if no_config.endswith("?") else "."
        raise RunError(f"{no_config[:1].upper()}{no_config[1:]}{end} {no_run}") from error


def of_run(folder: Path) -> Named:
    """A run as it began. RunError or ConfigError if it cannot be read."""
    folder = at_home(folder).absolute()
    run, text = load_run(folder), read_config_text(folder)
    data = str(run.get("data_fingerprint") or "")
    recipe = Recipe(parse_config(text, str(folder / CONFIG)), data, recorded_digests(run))
    return Named(folder.name, text, recipe, folder, run, tuple(_notes(folder, run)))


def of_config(path: Path) -> Named:
    """A configuration's file. ConfigError if it cannot be read."""
    text = read_file(path)
    return Named(str(path), text, Recipe(parse_config(text, str(path))), path.parent)


def learned_changes(changes: Iterable[ValueChanged]) -> list[ValueChanged]:
    """Of the changes that were made while a run went on, those that change what it learned."""
    return [change for change in replayable(changes) if bears_on_learning(change.key)]


def _notes(folder: Path, run: Mapping[str, Any]) -> list[str]:
    """What a run's configuration does not show."""
    made, problem = inspect_changes(folder, run)
    notes = [f"{folder.name}: {problem}"] if problem else []
    if changes := learned_changes(made):
        said = ", ".join(f"{change.key} at step {change.step:,}" for change in changes[:4])
        more = f" and {len(changes) - 4} more" if len(changes) > 4 else ""
        notes.append(
            f"{folder.name} was changed while it trained ({said}{more}); what counts here are the values that it "
            "began with."
        )
    parent = run.get("parent")
    if isinstance(parent, dict) and parent.get("step"):
        notes.append(f"{folder.name} is a fork: it began at step {parent['step']:,} of {parent.get('run')}.")
    return notes


def _exact_run(name: str, runs_folder: Path) -> Path | None:
    """A run's folder, by its path or its whole name."""
    if not name.strip() or "\x00" in name or len(name) > 4096:
        return None
    for folder in (at_home(runs_folder) / name, at_home(name)):
        try:
            if is_run(folder):
                return folder
        except (OSError, ValueError):
            continue
    return None
