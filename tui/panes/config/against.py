"""How many changes a configuration makes against the baseline that it names, as a line."""

import time
from functools import lru_cache
from pathlib import Path

from textual.content import Content

from lmcore.config import ConfigError, TrainingConfig
from lmcore.experiments.identity.named import Named, find_named
from lmcore.experiments.identity.one_change import Recipe, compare
from lmcore.experiments.runs.listing import RunError
from tui.plain_text import shown_text

REMEMBERED_SECONDS = 10
"""How long a baseline is remembered: looking through hundreds of runs for a name at every key would be felt."""


def against_baseline(config: TrainingConfig | None, runs_folder: Path | None) -> Content | None:
    """What differs from the baseline in what is learned; None where none is named. Reads the disk."""
    if config is None or not (name := config.other.baseline.strip()):
        return None
    folder = (runs_folder or Path(config.other.runs_folder)).absolute()
    found = _found(name, folder, int(time.monotonic() / REMEMBERED_SECONDS))
    if isinstance(found, str):
        return _line(f"▲ {found}", "$text-warning")
    try:
        comparison = compare(found.recipe, Recipe(config))
    except RunError as error:  # a file of one's own with a name that cannot be
        return _line(f"▲ {error}", "$text-warning")
    name = Path(found.name).name
    if comparison.kind == "none":
        return _line(f"against {name}: {comparison.words}", "")
    listed = ", ".join(change.name for change in comparison.changes)
    if comparison.kind == "one":
        return _line(f"against {name}: one change, {listed}", "")
    return _line(f"▲ against {name}: {len(comparison.changes)} changes: {listed}", "$text-warning")


@lru_cache(maxsize=4)
def _found(name: str, runs_folder: Path, moment: int) -> Named | str:
    """The baseline, or why there is none; asked anew with each `moment`."""
    try:
        return find_named(name, runs_folder)
    except ConfigError:
        return f"the configuration of the baseline {name} is wrong"
    except (ValueError, OSError):
        return f"there is no baseline {name}"


def _line(text: str, style: str) -> Content:
    return Content.assemble((shown_text(text, one_line=True), style))
