"""The plan of a new run: from a text to what it will be, decided once, before it is made. Needs no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcore.config import TrainingConfig, parse_config, resolved_text, to_yaml_value, with_value
from lmcore.config.overrides import Overrides, shortening_notes
from lmcore.experiments.identity.baseline import OneChange, hold
from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.one_change import Recipe
from lmcore.experiments.identity.own_code import OwnCode, named_files, read_own_files
from lmcore.places import at_home


@dataclass(frozen=True)
class RunPlan:
    """A new run that may be made: its values, its own files, and the rule of one change that it keeps."""

    text: str  # every value, with its comments
    config: TrainingConfig  # what the text says
    own: OwnCode
    rule: OneChange
    runs_folder: Path
    parent: dict[str, Any] | None = None  # of a fork, as run.json names it
    notes: tuple[str, ...] = ()


def plan_run(
    config_text: str,
    *,
    runs_folder: Path | None = None,
    name: str = "",
    default_name: str = "",
    overrides: Overrides = (),
    config_folder: Path | None = None,
    allow_code: bool = False,
    confounded: str = "",
    source: str = "",
) -> RunPlan:
    """Plan a run of a configuration with overrides; ConfigError (its lines begin with `source`) or RunError.

    `name` and `runs_folder`, where given, take the place of the configuration's; `default_name` stands where it gives
    none. Own files that it names lie in `config_folder` (the working folder): ConsentNeeded unless you agreed to them,
    or do so now by `allow_code`. TooManyChanges against the baseline that it names, unless `confounded` says why.
    """
    overrides = [*overrides, *([("other.name", to_yaml_value(name))] if name else [])]
    config = parse_config(config_text, source, overrides)
    if default_name and not config.other.name:
        overrides.append(("other.name", to_yaml_value(default_name)))
        config = with_value(config, "other.name", default_name)
    folder = at_home(config_folder or Path()).absolute()
    files = read_own_files(named_files(config), folder)
    require_consent(files, allow_code)
    own = OwnCode({file.name: file for file in files}, folder)
    runs_folder = Path(config.other.runs_folder) if runs_folder is None else runs_folder
    rule = hold(Recipe(config, code=own.digests), runs_folder, confounded)
    text = resolved_text(config_text, overrides)
    return RunPlan(text, config, own, rule, runs_folder, notes=shortening_notes(config_text, overrides))
