"""What runs and ablations leave for the notebook, day by day; nothing that is damaged stops it. Needs no torch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from lmcore.experiments.ablation.listing import AblationSummary, list_ablations
from lmcore.experiments.runs.folder import inspect_run
from lmcore.experiments.runs.journal import inspect_changes, replayable
from lmcore.experiments.runs.listing import list_runs, read_log, read_samples
from lmcore.experiments.runs.notes import read_notes
from lmcore.experiments.runs.samples import Sample
from lmcore.experiments.runs.summary import RunSummary
from lmcore.protocol.messages import ValueChanged

Found = TypeVar("Found")


@dataclass(frozen=True)
class Reference:
    """The run that another one is held against, as far as it is there."""

    role: str  # baseline or parent
    run: RunSummary
    is_same_data: bool


@dataclass(frozen=True)
class RunEntry:
    """One run, with everything that the notebook says of it; `unread` names the parts that could not be read."""

    summary: RunSummary
    role: str  # baseline or parent; "" where it is held against nothing
    held_against: str  # its name
    reference: Reference | None  # the run that its losses are compared with
    changes: tuple[ValueChanged, ...]
    sample: Sample | None
    notes: str
    last_words: str  # of the log, where the run failed
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """What was begun on one day (runs) or last went on then (ablations); `date` is None where no date is known."""

    date: date | None
    runs: tuple[RunEntry, ...]
    ablations: tuple[AblationSummary, ...]


def gather(runs_folder: Path, since: date | None = None, until: date | None = None) -> list[Day]:
    """The days on which something happened, the newest last (and what has no date after it); both ends are included.

    RunError for the folder itself.

    Runs of an ablation are told with it, not one by one, unless they have notes.
    """
    known = list_runs(runs_folder)
    ablations = list_ablations(runs_folder)
    of_ablations = {name for ablation in ablations for name in _run_names(ablation)}
    by_day: dict[date | None, tuple[list[RunEntry], list[AblationSummary]]] = {}
    for run in reversed(known):
        day = _day_of(run.created)
        if _is_within(day, since, until) and (run.name not in of_ablations or _has_notes(run.folder)):
            by_day.setdefault(day, ([], []))[0].append(_entry(run, known))
    for ablation in reversed(ablations):
        day = date.fromtimestamp(ablation.changed) if ablation.changed else None
        if _is_within(day, since, until):
            by_day.setdefault(day, ([], []))[1].append(ablation)
    order = sorted(by_day, key=lambda day: day or date.max)
    return [Day(day, tuple(by_day[day][0]), tuple(by_day[day][1])) for day in order]


def _day_of(created: str) -> date | None:
    """The day on which a run was begun, by the clock of whoever began it."""
    try:
        return datetime.fromisoformat(created).date()
    except ValueError:
        return None


def _is_within(day: date | None, since: date | None, until: date | None) -> bool:
    """Whether a day is asked for; what has no date is told only where all days are."""
    if day is None:
        return since is None and until is None
    return (since is None or since <= day) and (until is None or day <= until)


def _entry(run: RunSummary, known: Sequence[RunSummary]) -> RunEntry:
    unread: list[str] = []

    def read(part: str, reader: Callable[[], Found], otherwise: Found) -> Found:
        try:
            return reader()
        except (ValueError, OSError) as error:
            unread.append(f"{part}: {error}")
            return otherwise

    recorded, _ = inspect_run(run.folder)
    changes, problem = read("journal", lambda: inspect_changes(run.folder, recorded), (list[ValueChanged](), ""))
    unread += [problem] if problem else []
    samples = read("samples", lambda: read_samples(run.folder), list[Sample]())
    notes = read("notes", lambda: read_notes(run.folder), "")
    log = read("log", lambda: read_log(run.folder, 1), list[str]()) if run.status == "failed" else []
    role, name = ("baseline", run.baseline) if run.baseline else ("parent", run.parent) if run.parent else ("", "")
    reference = _reference(run, role, name, recorded, known)
    return RunEntry(
        run,
        role,
        name,
        reference,
        tuple(replayable(changes)),
        samples[-1] if samples else None,
        notes,
        log[-1] if log else "",
        tuple(unread),
    )


def _reference(
    run: RunSummary, role: str, name: str, recorded: Mapping[str, Any], known: Sequence[RunSummary]
) -> Reference | None:
    """The run to compare with: the one that is named, or of a configuration the newest one that finished.

    Of several runs of a configuration one with the same seed goes first: first weights and data order are its own.
    """
    found = next((other for other in known if other.name == name and other.name != run.name), None)
    baseline = recorded.get("baseline")
    if found is None and role == "baseline" and isinstance(baseline, dict) and not baseline.get("is_run"):
        digest = baseline.get("config_hash")
        same = [
            other
            for other in known
            if other.config_hash == digest and other.status == "finished" and other.name != run.name
        ]
        found = next((other for other in same if other.seed == run.seed), same[0] if same else None)
    if found is None:
        return None
    is_same_data = inspect_run(found.folder)[0].get("data_fingerprint") == recorded.get("data_fingerprint")
    return Reference(role, found, is_same_data)


def _has_notes(folder: Path) -> bool:
    try:
        return bool(read_notes(folder).strip())
    except ValueError:
        return True  # that they cannot be read is worth a line


def _run_names(ablation: AblationSummary) -> Iterable[str]:
    """The runs that an ablation made itself; those that it found made already have an entry of their own."""
    for arm in ablation.result.arms if ablation.result is not None else ():
        yield from (cell.run for cell in arm.cells if cell.run and not cell.reused)
