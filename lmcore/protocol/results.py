"""What came out of an ablation, as it is told and as it is kept: of each arm its runs, and a verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["running", "finished", "interrupted"]


def mean_of(values: Sequence[float]) -> float | None:
    """Their mean; None where there are none."""
    return math.fsum(values) / len(values) if values else None


@dataclass(frozen=True)
class Verdict:
    """What an experiment says about one arm. Losses in nats per token; differences are the arm's minus the baseline's.

    The interval is for this arm alone. `smallest_effect` is the true difference that this many seeds, as noisy as these
    were, find with a chance of 80 % at the level that the correction leaves to one arm (level / arms).
    """

    seeds: int
    arms: int
    mean_difference: float
    low: float  # of the confidence interval, level 95 %
    high: float
    p: float
    p_corrected: float
    smallest_effect: float
    outcome: Literal["better", "worse", "no difference"]
    p_sign_flip: float | None = None  # of the sign-flip test, corrected likewise; it never decides. None: not kept

    @property
    def words(self) -> str:
        """The verdict as a person says it."""
        if self.outcome == "no difference":
            return "no difference that this experiment could see"
        return self.outcome


@dataclass(frozen=True)
class CellResult:
    """How one arm did with one seed; `failure` says why there is no run to count, "" where it is there or to come."""

    seed: int
    run: str = ""
    loss: float | None = None
    seconds: float | None = None
    seconds_to_reach: float | None = None  # of training, until the baseline's mean final loss; None: never
    tokens_to_reach: int | None = None
    reused: bool = False
    failure: str = ""


@dataclass(frozen=True)
class ArmResult:
    """How one arm did; `verdict` only where every seed of it and of the baseline is finished."""

    name: str
    key: str
    value: str
    cells: tuple[CellResult, ...]
    verdict: Verdict | None

    @property
    def losses(self) -> list[float]:
        """The final losses that are there."""
        return [cell.loss for cell in self.cells if cell.loss is not None]

    @property
    def mean_loss(self) -> float | None:
        """The mean of the final losses, in nats per token."""
        return mean_of(self.losses)

    @property
    def failures(self) -> int:
        """How many of its runs cannot be counted."""
        return sum(bool(cell.failure) for cell in self.cells)

    @property
    def words(self) -> str:
        """The verdict in words, or why there is none."""
        if self.verdict is not None:
            return self.verdict.words
        if self.failures:
            return f"no verdict: {self.failures} of {len(self.cells)} runs failed"
        if not self.key:
            return ""
        return f"{len(self.losses)} of {len(self.cells)} seeds so far"


@dataclass(frozen=True)
class AblationResult:
    """An ablation as it stands; the first arm is the baseline. `notes`: what a reader must know, in sentences."""

    name: str
    base: str
    status: Status
    seeds: tuple[int, ...]
    steps: int
    threads: int
    target: float | None  # the baseline's mean final loss
    arms: tuple[ArmResult, ...]
    notes: tuple[str, ...] = ()
