"""What the checkpoints of two runs say about where they part. The one room of a comparison that needs torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lmcore.experiments.verification.bitwise import TensorDifference, first_tensor_that_differs
from lmcore.training.checkpoints import list_checkpoints, step_of


@dataclass(frozen=True)
class CheckpointComparison:
    """What the checkpoints of two runs say at the steps that both have kept."""

    identical: tuple[int, ...]  # steps up to the first difference whose tensors are the same
    difference: TensorDifference | None

    @property
    def sentence(self) -> str:
        """What is the same, and the first difference; empty where there is nothing to compare."""
        steps = ", ".join(f"{step:,}" for step in self.identical)
        which = f"checkpoint of step {steps} is" if len(self.identical) == 1 else f"checkpoints of steps {steps} are"
        same = f"The {which} the same bit for bit." if self.identical else ""
        return " ".join([same, self.difference.sentence]).strip() if self.difference is not None else same


def compare_checkpoints(first: Path, second: Path, order: Iterable[str] = ()) -> CheckpointComparison:
    """Compare the checkpoints that two runs have of the same steps, the earliest first, to the first difference.

    `order`: the parameters' names in the order of the model.
    """
    ours, theirs = ({step_of(path): path for path in list_checkpoints(folder)} for folder in (first, second))
    names, identical = tuple(order), list[int]()
    for step in sorted(ours.keys() & theirs.keys()):
        if (found := first_tensor_that_differs(ours[step], theirs[step], names)) is not None:
            return CheckpointComparison(tuple(identical), found)
        identical.append(step)
    return CheckpointComparison(tuple(identical), None)
