"""What carrying out a session once more showed, and the verdict in words."""

from dataclasses import dataclass, field
from pathlib import Path

from lmcore.experiments.verification.drift import Drift

MOST_TOLD = 5  # differences in the verdict

UNENDED = (
    "The session has no end, because its core was killed or goes on still: it was repeated as far as it is recorded."
)


@dataclass(frozen=True)
class Difference:
    """One thing that did not come out as it is recorded."""

    run: str  # the original's name; "" before one was open
    step: int
    sentence: str


@dataclass(frozen=True)
class ReplayedRunReport:
    """One run of the session, what took its place, and the steps that were trained again."""

    name: str
    folder: Path
    first: int
    last: int
    is_compared: bool  # with what the original recorded


@dataclass
class Replayed:
    """What carrying out a session once more showed."""

    session: str
    folder: Path  # where the runs of the replay lie
    runs: list[ReplayedRunReport] = field(default_factory=list)
    changes: int = 0
    answers: int = 0
    differences: list[Difference] = field(default_factory=list)  # in the order of runs and steps
    notes: list[str] = field(default_factory=list)  # what could not be compared, and why
    drifts: list[Drift] = field(default_factory=list)
    is_interrupted: bool = False  # by the person, while it was repeated
    has_end: bool = True  # the session; False: its core was killed, or goes on

    @property
    def steps(self) -> int:
        """Training steps that were made again."""
        return sum(run.last - run.first for run in self.runs)

    @property
    def is_same(self) -> bool:
        """Whether everything was done again and came out as it was recorded."""
        return not self.differences and not self.is_interrupted

    @property
    def sentences(self) -> list[str]:
        """The verdict, then what differs first, and what could not be compared."""
        counts = [(len(self.runs), "run"), (self.steps, "step"), (self.changes, "change"), (self.answers, "answer")]
        done = ", ".join(f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in counts)
        if self.differences:
            verdict = "not everything came out the same."
        elif self.is_interrupted:
            verdict = "interrupted; what was done up to there came out the same."
        elif self.notes:
            verdict = "all that could be compared came out the same."
        else:
            verdict = "everything came out the same."
        more = len(self.differences) - MOST_TOLD
        return [
            f"replayed {done}: {verdict}",
            *(difference.sentence for difference in self.differences[:MOST_TOLD]),
            *([f"and {more:,} more differences."] if more > 0 else []),
            *(drift.sentence for drift in self.drifts if self.differences and not drift.is_tampering),
            *self.notes,
            *([] if self.has_end else [UNENDED]),
        ]
