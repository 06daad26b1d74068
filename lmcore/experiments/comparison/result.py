"""A whole comparison: what both front ends show."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from lmcore.experiments.comparison.axes import Axis
from lmcore.experiments.comparison.comparable import cautions, metric_to_compare
from lmcore.experiments.comparison.configuration import ChangeFromFirst, Setting, changes_from_first, differing_settings
from lmcore.experiments.comparison.difference import Difference, difference_between
from lmcore.experiments.comparison.first_difference import FirstDifference, first_difference
from lmcore.experiments.comparison.groups import Group, group_runs
from lmcore.experiments.comparison.outcome import Outcome, outcome_of, target_of
from lmcore.experiments.comparison.recorded import RecordedRun, read_recorded
from lmcore.experiments.comparison.samples import samples_at
from lmcore.experiments.runs.folder import RunError

SMOOTHING = 0.95
"""Weight of the past in metrics of training that are compared."""


@dataclass(frozen=True)
class Comparison:
    """Two runs or more, the first of which is what the others are compared with."""

    runs: tuple[RecordedRun, ...]
    groups: tuple[Group, ...]  # of runs that differ in their seed alone; that of the first run is the first
    metric: str  # in which they can best be compared
    target: float | None  # what the first group ended with, in that metric
    changes: tuple[ChangeFromFirst, ...]  # of each further run from the first
    settings: tuple[Setting, ...]
    outcomes: tuple[Outcome, ...]
    first_differences: tuple[FirstDifference, ...]  # of each further run from the first
    notes: tuple[str, ...]  # what one must know to read the numbers, in sentences

    @property
    def sides(self) -> tuple[Group, ...]:
        """What is compared: the groups; or, where all differ in their seed alone, the runs one by one."""
        if len(self.groups) > 1:
            return self.groups
        return tuple(Group((run,)) for run in self.runs)

    def differences(self, metric: str, axis: Axis = "step", smoothing: float = SMOOTHING) -> tuple[Difference, ...]:
        """How far each further side lies from the first along a metric."""
        first, *others = self.sides
        return tuple(difference_between(first, other, metric, axis, smoothing) for other in others)


def compare(folders: Sequence[Path]) -> Comparison:
    """Read runs and compare each with the first. RunError for fewer than two, for one twice, and for what is no run."""
    if len(folders) < 2:
        raise RunError("A comparison needs two runs or more.")
    if len(folders) > len(ascii_lowercase):
        raise RunError(f"At most {len(ascii_lowercase)} runs can be compared at once; these are {len(folders)}.")
    resolved = [folder.resolve() for folder in folders]
    if twice := next((folder for folder in resolved if resolved.count(folder) > 1), None):
        raise RunError(f"{twice.name} is named twice; a comparison needs different runs.")
    runs = tuple(read_recorded(folder, letter) for folder, letter in zip(folders, ascii_lowercase, strict=False))
    groups = group_runs(runs)
    metric = metric_to_compare(runs)
    target = target_of(groups[0], metric)
    return Comparison(
        runs,
        groups,
        metric,
        target,
        changes_from_first(runs),
        differing_settings(runs),
        tuple(outcome_of(run, metric, target) for run in runs),
        tuple(first_difference(runs[0], run) for run in runs[1:]),
        tuple(_notes(runs, groups)),
    )


def _notes(runs: Sequence[RecordedRun], groups: Sequence[Group]) -> Iterator[str]:
    for run in runs:
        for problem in run.problems:
            yield f"{run.letter}: {problem}"
        if run.parent_step:
            record = f"its own record begins after step {run.parent_step:,}"
            yield f"{run.letter} was forked from {run.summary.parent}: {record}."
        if run.summary.confounded:
            yield f"{run.letter} is confounded: it made several changes at once, because: {run.summary.confounded}"
    yield from cautions(runs)
    if len(groups) == 1:
        yield "They differ in their seed alone: what is seen between them is seed noise."


def as_json(comparison: Comparison, metric: str, axis: Axis, samples_of: int | None = None) -> dict[str, Any]:
    """A comparison as plain data, with the differences along one metric over one axis, and the samples of one step."""
    return {
        "metric": metric,
        "axis": axis,
        "target": comparison.target,
        "groups": [[run.letter for run in group.runs] for group in comparison.groups],
        "runs": [
            {
                **asdict(outcome),
                "name": run.name,
                "title": run.summary.title,
                "folder": run.folder,
                "status": run.summary.status,
                "seed": run.seed,
                "config_hash": run.summary.config_hash,
            }
            for run, outcome in zip(comparison.runs, comparison.outcomes, strict=True)
        ],
        "changes": {change.letter: change.words for change in comparison.changes},
        "settings": [asdict(setting) for setting in comparison.settings],
        "first_differences": [
            {**asdict(found), "sentences": found.sentences} for found in comparison.first_differences
        ],
        "differences": [_difference_as_json(difference) for difference in comparison.differences(metric, axis)],
        "samples": [asdict(sample) for sample in samples_at(comparison.runs, samples_of)],
        "notes": comparison.notes,
    }


def _difference_as_json(difference: Difference) -> dict[str, Any]:
    names = ("positions", "ours", "theirs", "mean", "low", "high")
    arrays = {name: list(getattr(difference, name)) for name in names}
    return {
        "first": difference.first.split(),
        "second": difference.second.split(),
        "noise": difference.noise,
        "seeds": difference.seeds,
        **arrays,
    }
