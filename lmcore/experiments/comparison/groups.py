"""Runs of one experiment with several seeds, told from runs of another."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.experiments.comparison.recorded import RecordedRun
from lmcore.experiments.identity.own_code import recorded_digests
from lmcore.experiments.runs.journal import bears_on_learning


@dataclass(frozen=True)
class Group:
    """Runs that were trained in the same way and on the same text, each with a seed of its own."""

    runs: tuple[RecordedRun, ...]

    @property
    def letters(self) -> str:
        """The letters of its runs: `a c`."""
        return " ".join(run.letter for run in self.runs)

    @property
    def by_seed(self) -> dict[int, RecordedRun]:
        """Its runs by their seeds, of those whose seed is known."""
        return {run.seed: run for run in self.runs if run.seed is not None}


def group_runs(runs: Sequence[RecordedRun]) -> tuple[Group, ...]:
    """Put runs together that differ in their seed alone; that of the first run comes first.

    The same are: the configuration as far as it is learned from, text and tokens, own code, the step that a fork began
    at, and the changes made on the way. A run whose seed is there already stands for itself: it is the same run again.
    """
    groups: dict[object, list[RecordedRun]] = {}
    for run in runs:
        key: object = _recipe(run)
        group = groups.get(key, []) if key is not None else []
        if key is None or run.seed is None or any(other.seed == run.seed for other in group):
            key = run.folder
        groups.setdefault(key, []).append(run)
    return tuple(Group(tuple(group)) for group in groups.values())


def _recipe(run: RecordedRun) -> object:
    """What must be equal for two runs to be one experiment; None where it is not known."""
    identity = run.identity
    digest, data = identity.get("config_hash"), identity.get("data_fingerprint")
    if not digest or not data:
        return None
    code = tuple(sorted(recorded_digests(identity).items()))
    changes = tuple((change.step, change.key, change.new) for change in run.changes if bears_on_learning(change.key))
    return str(digest), str(data), code, run.parent_step, changes
