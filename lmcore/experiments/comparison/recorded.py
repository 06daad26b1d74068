"""One run as far as its folder can be read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lmcore.config import TrainingConfig, check_text
from lmcore.experiments.comparison.curves import Curves, read_curves
from lmcore.experiments.runs.folder import CONFIG, METRICS, RunError, inspect_run, plainly
from lmcore.experiments.runs.journal import inspect_changes, replayable
from lmcore.experiments.runs.listing import RunSummary, Sample, is_run, read_config_text, read_samples, summarize
from lmcore.protocol.messages import ValueChanged

Found = TypeVar("Found")


@dataclass(frozen=True)
class RecordedRun:
    """A run under the letter that it has in a comparison; `problems` says what could not be read, in sentences."""

    letter: str
    folder: Path
    summary: RunSummary
    identity: dict[str, Any]  # run.json, as far as it can be read
    config: TrainingConfig | None
    curves: Curves
    samples: tuple[Sample, ...]
    changes: tuple[ValueChanged, ...]  # those made on the way that count
    problems: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.summary.name

    @property
    def seed(self) -> int | None:
        """Its seed, where that is known."""
        return self.summary.seed

    @property
    def parent_step(self) -> int:
        """The step that its own record begins after: 0, or that of its parent where it was forked."""
        return self.summary.parent_step or 0


def read_recorded(folder: Path, letter: str) -> RecordedRun:
    """Read a run. What is damaged is left out and named; RunError only for a folder that is no run at all."""
    if not is_run(folder):
        raise RunError(f"{folder} is not a run.")
    summary = summarize(folder)
    problems = [summary.note] if summary.note else []

    def tolerantly(read: Callable[[], Found], otherwise: Found) -> Found:
        try:
            with plainly("read", folder):
                return read()
        except ValueError as error:
            if str(error) not in summary.note:
                problems.append(str(error))
            return otherwise

    def read_config() -> TrainingConfig | None:
        config, found = check_text(read_config_text(folder))
        if config is None:
            problems.append(f"{CONFIG} is damaged: {found[0].message}." if found else f"{CONFIG} is damaged.")
        return config

    identity = inspect_run(folder)[0]
    changes, problem = tolerantly(lambda: inspect_changes(folder, identity), (list[ValueChanged](), ""))
    problems += [problem] if problem else []
    config = tolerantly(read_config, None)
    curves = tolerantly(lambda: read_curves(folder / METRICS), Curves())
    if curves.damaged:
        are = "line is" if curves.damaged == 1 else "lines are"
        problems.append(f"{METRICS}: {curves.damaged:,} damaged {are} left out.")
    return RecordedRun(
        letter,
        folder,
        summary,
        identity,
        config,
        curves,
        tuple(tolerantly(lambda: read_samples(folder), [])),
        tuple(replayable(changes)),
        tuple(problems),
    )
