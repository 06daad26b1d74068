"""What the screens know about the ablation that the core carries out: one frozen state, advanced by its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from lmcore.protocol.messages import AblationBegan, AblationCell, AblationEnded, AblationStands, CoreDied, Event
from lmcore.protocol.results import AblationResult

AblationRequest = Literal["new", "list", "show", "go on", "stop"]
"""What the screens of ablations ask for."""

OVER = ("finished", "reused", "failed")
"""The states of a cell that nothing is to come of any more."""

UNSEEN, UNSEEN_IN_SHORT = "no difference that this experiment could see", "no difference seen"

MOST_NAMED = 3
"""How many arms one line tells of one by one; more are counted."""


@dataclass(frozen=True)
class AblationState:
    """The ablation of this session: the one that goes on, or the last."""

    plan: AblationBegan
    cells: Mapping[tuple[str, int], AblationCell] = field(default_factory=dict)  # by arm and seed
    result: AblationResult | None = None
    status: Literal["running", "finished", "stopped", "failed"] = "running"
    reason: str = ""

    @property
    def is_going(self) -> bool:
        """Whether the core carries it out now."""
        return self.status == "running"

    @property
    def total(self) -> int:
        """How many runs it has."""
        return len(self.plan.arms) * len(self.plan.seeds)

    @property
    def done(self) -> int:
        """How many of its runs are over."""
        return sum(cell.state in OVER for cell in self.cells.values())

    def seconds_left(self, now: float) -> float | None:
        """About how long it will go on, by the steps made since it began; None while too few are.

        `now` is by the monotonic clock, as its beginning is.
        """
        to_make = self.plan.max_steps * (self.total - sum(cell.state == "reused" for cell in self.cells.values()))
        made = sum(cell.step for cell in self.cells.values() if cell.state != "reused")
        made += sum(cell.max_steps for cell in self.cells.values() if cell.state == "failed")
        if made < 0.02 * to_make or made <= 0:
            return None
        return max(0.0, (now - self.plan.at) * (to_make / made - 1))


def advance_ablation(state: AblationState | None, event: Event) -> AblationState | None:
    """The state after an event of an ablation, or after the core's end. Pure."""
    match event:
        case AblationBegan():
            return AblationState(event)
        case AblationCell() if state is not None:
            return replace(state, cells={**state.cells, (event.arm, event.seed): event})
        case AblationStands() if state is not None:
            return replace(state, result=event.result)
        case AblationEnded() if state is not None:
            return replace(state, status=event.status, reason=event.reason)
        case CoreDied() if state is not None and state.is_going:
            reason = "The core is gone; the runs that trained were saved."
            return replace(state, status="stopped", reason=reason)
        case _:
            return state


def outcome(result: AblationResult) -> str:
    """What came out, in one line: each arm where there are few, else how many of each kind."""
    arms = result.arms[1:]
    if len(arms) <= MOST_NAMED:
        return "; ".join(f"{arm.name} {arm.words}" for arm in arms)
    counts: dict[str, int] = {}
    for arm in arms:
        words = arm.words.replace(UNSEEN, UNSEEN_IN_SHORT)
        counts[words] = counts.get(words, 0) + 1
    return ", ".join(f"{count} {words}" for words, count in counts.items())
