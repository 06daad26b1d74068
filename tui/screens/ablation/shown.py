"""What the screen of an ablation shows: one that the core carries out, or one that lies on disk."""

from dataclasses import dataclass, field
from pathlib import Path

from lmcore.experiments.ablation.listing import AblationSummary
from lmcore.experiments.ablation.page import PAGE
from lmcore.protocol.messages import AblationCell
from lmcore.protocol.results import AblationResult
from tui.lab.ablation import AblationState
from tui.lab.numbers import duration
from tui.plain_text import shown_text

_HOW_TO_READ = (
    "Loss of the last step on the whole validation split, in nats per token; the difference is the arm's minus the "
    "baseline's, paired by seed: below zero is better. p is corrected for the number of arms. “Could see” is the true "
    "difference that so many seeds find four times in five: where no difference was seen there may be one below it."
)


@dataclass(frozen=True)
class Shown:
    """What the screen shows: an ablation that goes on, or one that lies on disk."""

    name: str
    base: str
    folder: Path
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: int
    status: str
    reason: str = ""
    live: dict[tuple[str, int], AblationCell] = field(default_factory=dict)
    result: AblationResult | None = None
    state: AblationState | None = None  # of one that this lab carries out, or did

    @property
    def can_go_on(self) -> bool:
        """Whether it was ended before all of its runs were in."""
        return self.status in ("stopped", "interrupted", "failed")


def shown_live(state: AblationState) -> Shown:
    """The ablation of this session."""
    plan = state.plan
    return Shown(
        plan.name,
        plan.base,
        Path(plan.folder),
        plan.arms,
        plan.seeds,
        plan.max_steps,
        state.status,
        state.reason,
        dict(state.cells),
        state.result,
        state,
    )


def shown_summary(summary: AblationSummary) -> Shown:
    """An ablation as it lies on disk."""
    result = summary.result
    if result is None:
        return Shown(summary.name, "", summary.folder, (), (), 0, summary.status, reason=summary.note)
    arms = tuple(arm.name for arm in result.arms)
    return Shown(
        result.name, result.base, summary.folder, arms, result.seeds, result.steps, summary.status, result=result
    )


def head(shown: Shown, now: float) -> str:
    """The line above the grid: how it stands, what is compared, how long it will go on. `now`: by its clock."""
    if not shown.arms:
        return shown.status
    parts = [shown.status]
    state = shown.state
    if state is not None:
        parts.append(f"{state.done} of {state.total} runs")
    parts.append(f"{len(shown.arms)} arms × {len(shown.seeds)} seeds")
    parts.append(f"{shown.steps:,} steps")
    if state is not None and state.is_going:
        parts.append(f"{state.plan.jobs} at once")
        left = state.seconds_left(now)
        parts += [] if left is None else [f"about {duration(left)} left"]
    return " · ".join([*parts, shown.base])


def notes(shown: Shown) -> list[str]:
    """What stands below the table: why it ended, which runs failed and why, what a reader must know."""
    said = [f"▲ {shown.reason}"] if shown.reason else []
    if shown.result is not None:
        said += [
            f"✖ {arm.name}, seed {cell.seed}: {shown_text(cell.failure, one_line=True)}"
            for arm in shown.result.arms
            for cell in arm.cells
            if cell.failure
        ]
        said += shown.result.notes
    if shown.status == "running":
        said.append("Verdicts come when all runs are in: looking often finds a difference by chance.")
    return [*said, _HOW_TO_READ, f"page: {shown.folder / PAGE}"]
