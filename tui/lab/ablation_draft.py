"""From what a person fills in to an ablation: the judgement of each change, the plan, how long it would take."""

from dataclasses import dataclass
from pathlib import Path

from lmcore.config import ConfigError, TrainingConfig, estimate, parse_config, vocabulary_of
from lmcore.errors import LabError
from lmcore.experiments.ablation.plan import Ablation, Arm, plan_ablation
from lmcore.experiments.runs import folder as layout
from lmcore.experiments.runs.listing import read_config_text, read_run
from lmcore.experiments.runs.metrics import latest_metrics
from lmcore.protocol.messages import Ablate
from tui.lab.numbers import rough_duration

MOST_SEEDS = 1000

LOOKED_AT = 12
"""How many of the newest runs are looked at for a measured speed."""


@dataclass(frozen=True)
class Baseline:
    """The configuration that every arm differs from in one value, and how the person calls it."""

    text: str
    source: str
    folder: str  # where its own files lie


@dataclass(frozen=True)
class Draft:
    """What the form holds, as typed. An empty number of steps is the configuration's, an empty name is made."""

    changes: tuple[str, ...] = ()
    seeds: str = "5"
    steps: str = ""
    name: str = ""


class DraftError(LabError):
    """A draft cannot be carried out; the text says why. `field` is the line of the form."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def arm_of(baseline: Baseline, changes: tuple[str, ...], change: str) -> Arm:
    """The arm that a further change makes. ValueError with a sentence if it cannot be one."""
    return plan_ablation(baseline.text, baseline.source, (*changes, change), seeds=2).arms[-1]


def sentence_of(error: ValueError) -> str:
    """Why something was refused, in a sentence for a form that has no lines and columns."""
    return error.problems[0].message if isinstance(error, ConfigError) else str(error)


def plan_of(baseline: Baseline, draft: Draft) -> Ablation:
    """The ablation that a draft means. DraftError with a sentence about the first line that cannot stand."""
    if not draft.changes:
        raise DraftError("change", "Add at least one change, such as training.optimizer=muon; each becomes an arm.")
    seeds = _whole("seeds", draft.seeds)
    if not 2 <= seeds <= MOST_SEEDS:
        raise DraftError("seeds", "At least two seeds are needed: one pair of runs says nothing about noise.")
    overrides = _overrides(draft)
    try:
        return plan_ablation(
            baseline.text, baseline.source, draft.changes, seeds=seeds, overrides=overrides, name=draft.name.strip()
        )
    except ConfigError as error:
        field = "steps" if error.problems[0].key == "training.max_steps" else "change"
        raise DraftError(field, sentence_of(error)) from error
    except ValueError as error:
        raise DraftError("change", str(error)) from error


def command_of(baseline: Baseline, draft: Draft) -> Ablate:
    """What the core is asked for. DraftError as in `plan_of`."""
    plan = plan_of(baseline, draft)
    return Ablate(
        baseline.text,
        baseline.source,
        draft.changes,
        len(plan.seeds),
        overrides=_overrides(draft),
        name=draft.name.strip(),
        config_folder=baseline.folder,
    )


def draft_of(command: Ablate) -> Draft:
    """The draft that a command was made from."""
    steps = dict(command.overrides).get("training.max_steps", "")
    return Draft(command.changes, str(command.seeds), steps, command.name)


def _overrides(draft: Draft) -> tuple[tuple[str, str], ...]:
    return (("training.max_steps", str(_whole("steps", draft.steps))),) if draft.steps.strip() else ()


def _whole(field: str, text: str) -> int:
    try:
        return int(text.strip().replace(",", ""))
    except ValueError as error:
        raise DraftError(field, f"{field} is a whole number, not {text.strip() or 'nothing'}.") from error


def forecast(plan: Ablation, cores: int, work_rate: float | None) -> str:
    """How many runs there would be, and how long training would take where a speed was measured.

    `work_rate`: thread-seconds for each floating-point operation, see `measured_rate`.
    """
    count = len(plan.arms) * len(plan.seeds)
    steps = plan.baseline.config.training.max_steps
    jobs = max(1, cores // max(1, plan.baseline.config.other.threads or cores))
    words = f"{len(plan.arms)} arms × {len(plan.seeds)} seeds = {count} runs of {steps:,} steps, {jobs} at once"
    work = sum(_flops(arm.config) for arm in plan.arms) * len(plan.seeds) * steps
    time = "time: not measured yet"
    if work_rate is not None:
        time = f"about {rough_duration(work * work_rate / max(1, min(cores, count)))} of training"
    return "\n".join((f"{words} · {time}", *plan.notes))


def _flops(config: TrainingConfig) -> int:
    return max(1, estimate(config, vocabulary_of(config.dataset)).flops_per_step)


def work_rate_of(config: TrainingConfig, seconds_per_step: float, threads: int) -> float:
    """Thread-seconds for each floating-point operation, by a run with so many threads."""
    return seconds_per_step * threads / _flops(config)


def measured_rate(runs_folder: Path) -> float | None:
    """The rate of the newest run that has made steps; None where there is none. Reads files: not for the screen's
    thread."""
    folders = sorted(runs_folder.glob("*/"), reverse=True) if runs_folder.is_dir() else []
    for folder in folders[:LOOKED_AT]:
        try:
            latest, run = latest_metrics(folder / layout.METRICS), read_run(folder)
            step, seconds, threads = latest["step"], latest["seconds"], run["environment"]["threads"]
            if step >= 10 and seconds > 0:
                return work_rate_of(parse_config(read_config_text(folder)), seconds / step, threads)
        except (ValueError, OSError, KeyError, TypeError, ArithmeticError):
            continue  # no run, or a damaged one: the one before it may tell
    return None
