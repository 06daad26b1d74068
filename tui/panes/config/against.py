"""How many changes a configuration makes against the baseline that it names, as a line."""

from pathlib import Path

from textual.content import Content

from lmcore.config import TrainingConfig
from lmcore.experiments.named import find_named
from lmcore.experiments.one_change import Recipe, compare
from tui.plain_text import shown_text


def against_baseline(config: TrainingConfig | None, runs_folder: Path | None) -> Content | None:
    """What differs from the baseline in what is learned; None where none is named. Reads the disk."""
    if config is None or not (name := config.other.baseline.strip()):
        return None
    try:
        found = find_named(name, runs_folder or Path(config.other.runs_folder))
        comparison = compare(found.recipe, Recipe(config))
    except (ValueError, OSError):
        return _line(f"▲ there is no baseline {name}", "$text-warning")
    name = Path(found.name).name
    if comparison.kind == "none":
        return _line(f"against {name}: {comparison.words}", "")
    listed = ", ".join(change.name for change in comparison.changes)
    if comparison.kind == "one":
        return _line(f"against {name}: one change, {listed}", "")
    return _line(f"▲ against {name}: {len(comparison.changes)} changes: {listed}", "$text-warning")


def _line(text: str, style: str) -> Content:
    return Content.assemble((shown_text(text, one_line=True), style))
