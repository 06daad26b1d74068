"""What an ablation is: a base, changes of one leaf each, seeds. Needs no torch."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lmcore.config import (
    SECTIONS,
    HookConfig,
    TrainingConfig,
    differences,
    get_from_config,
    parse_config,
    resolved_text,
    shortening_notes,
    to_yaml_value,
)
from lmcore.errors import LabError
from lmcore.experiments.comparison.verdict import TooFewSeeds
from lmcore.experiments.identity.identity import config_hash
from lmcore.experiments.identity.one_change import Recipe, compare
from lmcore.experiments.runs.folder import CHECKPOINTS, slug
from lmcore.places import at_home

BASELINE = "baseline"
"""The name of the arm without a change."""

FOLDER = "ablations"
"""The folder inside the runs folder in which each ablation has one of its own."""

ANOTHER_KEY = re.compile(rf"[\s,;&]+(?=(?:{'|'.join((*SECTIONS, 'hooks'))})\.[\w.]+\s*=)")
"""What stands between keys that belong together: `training.schedule=linear training.max_steps=800`."""

MOST_TITLE = 100  # characters, as other.name allows


class AblationError(LabError):
    """An ablation that would not compare one change, or cannot go on; the message says why."""


@dataclass(frozen=True)
class Arm:
    """One side of the comparison; `key` and `value` (as YAML) are its change, empty for the baseline.

    A change of fields that belong together has several of each, separated by spaces.
    """

    name: str
    key: str
    value: str
    text: str  # the resolved configuration; its seed is set for each run
    config: TrainingConfig


@dataclass(frozen=True)
class Ablation:
    """A planned ablation; the first arm is the baseline. All arms share the seeds, and so their data order."""

    name: str
    base: str  # the configuration that it starts from, as the person named it
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    runs_folder: Path
    code_folder: Path  # where own files that the arms name lie
    notes: tuple[str, ...] = ()  # what was adapted to the number of steps, in sentences

    @property
    def folder(self) -> Path:
        """Where its configurations, logs and results are."""
        return self.runs_folder / FOLDER / slug(self.name)

    @property
    def baseline(self) -> Arm:
        """The arm without a change."""
        return self.arms[0]

    def title_of(self, arm: Arm) -> str:
        """The title of an arm's runs."""
        return f"{self.name} {arm.name}"[:MOST_TITLE]


def plan_ablation(
    text: str,
    source: str,
    changes: Sequence[str],
    *,
    seeds: int,
    overrides: Sequence[tuple[str, str]] = (),
    name: str = "",
    code_folder: Path = Path(),
) -> Ablation:
    """An ablation of the configuration in `text`; each of `changes` is one KEY=VALUE and makes one arm.

    Every run judges the whole validation split and, unless `overrides` say otherwise, uses one processor thread: how
    many run side by side changes no bit. AblationError, TooFewSeeds, or ConfigError for a key or value that cannot be.
    """
    if not changes:
        raise AblationError("An ablation needs at least one change, such as training.optimizer=muon.")
    if seeds < 2:
        raise TooFewSeeds(f"An ablation needs at least two seeds, not {seeds}: one pair says nothing about noise.")
    given = [key for key, _ in overrides]
    forced = [("evaluation.batches", "0"), *([] if "other.threads" in given else [("other.threads", "1")])]
    shared = [*overrides, *forced]
    base = parse_config(text, source, shared)
    resolved = resolved_text(text, shared)
    arms = [Arm(BASELINE, "", "", resolved, base)]
    notes = shortening_notes(text, shared)
    hashes = {config_hash(base): BASELINE}
    for change in changes:
        arm = _arm(arms[0], change, source)
        notes += shortening_notes(resolved, _settings_of(change))
        digest = config_hash(arm.config)
        if digest in hashes:
            raise AblationError(_no_arm(arm, base, hashes[digest], source))
        hashes[digest] = arm.name
        arms.append(arm)
    plain_name = name or f"{Path(source).stem}-{_digest([*sorted(hashes), base.other.seed])}"
    if slug(plain_name) == CHECKPOINTS:
        raise AblationError(f"An ablation cannot be called {plain_name!r}; give it another name.")
    first = base.other.seed
    runs_folder = at_home(base.other.runs_folder).absolute()
    return Ablation(
        plain_name, source, tuple(arms), tuple(range(first, first + seeds)), runs_folder, code_folder.absolute(), notes
    )


def _settings_of(change: str) -> list[tuple[str, str]]:
    """The keys and values of a change."""
    parts = [change] if change.lstrip().startswith("hooks") else ANOTHER_KEY.split(change)
    overrides = []
    for part in parts:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key:
            raise AblationError(f"{change}: write it as KEY=VALUE, such as training.optimizer=muon.")
        overrides.append((key, value))
    return overrides


def _arm(baseline: Arm, change: str, source: str) -> Arm:
    overrides = _settings_of(change)
    config = parse_config(baseline.text, source, overrides)
    changes = compare(Recipe(baseline.config), Recipe(config)).changes
    if len(changes) > 1:
        listed = ", ".join(found.name for found in changes)
        raise AblationError(
            f"{change}: this is more than one change ({listed}), so their effects could not be told apart. "
            "Give each alone; each becomes an arm."
        )
    keys = [key for key, _ in overrides]
    values = [to_yaml_value(_plain(get_from_config(config, key))) for key in keys]
    name = " ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
    return Arm(name, " ".join(keys), " ".join(values), resolved_text(baseline.text, overrides), config)


def _plain(value: object) -> object:
    """A value as the file has it: a list of hooks as plain data."""
    if isinstance(value, HookConfig):
        return value.model_dump(by_alias=True, exclude_defaults=True)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _no_arm(arm: Arm, base: TrainingConfig, same_as: str, source: str) -> str:
    """Why an arm that would learn what another one learns is refused."""
    if same_as != BASELINE:
        return f"{arm.name} is the same change as {same_as}; give each change once."
    if differences(base, arm.config):
        return f"{arm.name} changes nothing that the model learns, so there is nothing to compare."
    return f"{arm.name} is what {source} says already, so there is nothing to compare."


def _digest(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:6]
