"""What queries and sorting ask of runs beyond their lines: newest values of metrics, values of the configuration."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from lmcore.experiments.runs.folder import METRICS, RunError
from lmcore.experiments.runs.listing import read_config_text
from lmcore.experiments.runs.metrics import DEPTHS, latest_values, metric_names
from lmcore.experiments.runs.summary import RunSummary
from lmcore.experiments.selection.query import PROPERTIES, is_metric


class RunValues:
    """A column of values for each key that was asked for; each is read once for a run, when it is first needed.

    A run that has no such value, or whose files cannot be read, has no entry.
    """

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, Any]] = {}  # by key, then by the run's name
        self._read: dict[str, set[str]] = {}  # which runs each column is read for
        self.metrics: tuple[str, ...] = ()  # every metric that the runs' last rows have, once it was asked for

    def lacks(self, runs: Iterable[RunSummary], keys: Sequence[str]) -> bool:
        """Whether `read` has something to do for these runs and keys."""
        return any(run.name not in self._read.get(key, ()) for run in runs for key in keys)

    def read(self, runs: Sequence[RunSummary], keys: Sequence[str]) -> None:
        """Read what is not known yet. Slow for many runs: not for the screen's thread, which may go on asking."""
        for key in keys:
            new = [run for run in runs if run.name not in self._read.get(key, ())]
            found = _metric(new, key) if is_metric(key) else _setting(new, key)
            self._columns.setdefault(key, {}).update(found)
            self._read.setdefault(key, set()).update(run.name for run in new)
            if is_metric(key) and not self._columns[key]:
                self.read_metrics(runs)

    def read_metrics(self, runs: Iterable[RunSummary]) -> None:
        """Find out which metrics there are. As slow as reading a column."""
        names: set[str] = set()
        for run in runs:
            with suppress(RunError):
                names |= metric_names(run.folder / METRICS)
        self.metrics = tuple(sorted(name for name in names if is_metric(name)))

    def forget(self, names: Iterable[str]) -> None:
        """Read these runs anew the next time."""
        gone = set(names)
        for key, names_read in self._read.items():
            names_read -= gone
            self._columns[key] = {name: value for name, value in self._columns[key].items() if name not in gone}

    def column(self, key: str) -> Mapping[str, Any]:
        """The values of a key by the names of the runs that have one, as far as they are read."""
        return self._columns.get(key, {})

    def of(self, run: RunSummary, key: str) -> Any:
        """A property, metric or setting of a run; None where it has none."""
        return PROPERTIES[key][0](run) if key in PROPERTIES else self.column(key).get(run.name)


def _metric(runs: Sequence[RunSummary], name: str) -> dict[str, Any]:
    """A metric's newest value by run. An evaluation may lie far back, behind many long lines with norms: these are
    looked through only where the metric is known to exist."""
    found = {run.name: _KNOWN[name](run) if name in _KNOWN else None for run in runs}
    lack = [run for run in runs if found[run.name] is None]
    found |= _newest(lack, name, DEPTHS[:1])
    lack = [run for run in lack if found.get(run.name) is None]
    found |= _newest(lack[:FEW], name, DEPTHS[1:])
    if any(value is not None for value in found.values()):
        found |= _newest(lack[FEW:], name, DEPTHS[1:])
    return {run: value for run, value in found.items() if isinstance(value, int | float)}


FEW = 20
_KNOWN: dict[str, Callable[[RunSummary], float | None]] = {
    "loss/train": lambda run: run.loss_train,
    "loss/val": lambda run: run.loss_val,
    "loss/floor": lambda run: run.floor,
}


def _newest(runs: Sequence[RunSummary], name: str, depths: Sequence[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for run in runs:
        with suppress(RunError):
            found[run.name] = latest_values(run.folder / METRICS, [name], depths).get(name)
    return found


def _setting(runs: Sequence[RunSummary], key: str) -> dict[str, Any]:
    """A value of the configuration by run: from run.json, or, where that says nothing of it, from config.yaml."""
    from lmcore.config.schema import TrainingConfig  # loads slowly, and most queries are words
    from lmcore.config.text import check_text
    from lmcore.config.values import get_from_config
    from lmcore.experiments.identity.identity import differing_values

    default = get_from_config(TrainingConfig(), key)
    found: dict[str, Any] = {}
    for run in runs:
        if run.settings is not None:
            found[run.name] = run.settings.get(key, default)
            continue
        with suppress(RunError):
            config, _ = check_text(read_config_text(run.folder))
            if config is not None:
                found[run.name] = differing_values(config).get(key, default)
    return found


def value_text(value: Any) -> str:
    """A value as it stands in a list of runs; a dash where there is none."""
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "–"
    return f"{value:,}" if isinstance(value, int) else f"{len(value)}" if isinstance(value, list) else str(value)
