"""Two trainings of one run compared bit for bit: their logged rows, and the tensors of their checkpoints."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lmcore.experiments.runs.folder import METRICS, SAMPLES
from lmcore.experiments.runs.lines import read_lines
from lmcore.experiments.runs.metrics import is_of_time
from lmcore.files import read_regular
from lmcore.training.checkpoints import HOOKS_FILE, LARGEST_FILE, MODEL_FILE, OPTIMIZER_FILE, step_of

Row = dict[str, Any]

MISSING = "missing"


@dataclass(frozen=True)
class MetricDifference:
    """The first logged value that did not come out again; values as text."""

    step: int
    metric: str
    recorded: str
    repeated: str

    @property
    def sentence(self) -> str:
        """What differs, for a person."""
        return f"step {self.step:,}, {self.metric}: recorded {self.recorded}, now {self.repeated}."


@dataclass(frozen=True)
class TensorDifference:
    """The first tensor of a checkpoint that did not come out again."""

    step: int
    file: str  # model.safetensors, optimizer.safetensors or hooks.safetensors
    tensor: str
    differing: int  # elements whose bits differ; 0 where there is nothing to compare with
    elements: int
    largest: float  # |recorded − repeated|

    @property
    def sentence(self) -> str:
        """What differs, for a person."""
        where = f"First tensor that differs in the checkpoint of step {self.step:,}: {self.tensor}"
        if not self.differing:
            return f"{where} ({self.file}): its shape or type is not the same, or only one of the two has it."
        return f"{where} ({self.file}), {self.differing:,} of {self.elements:,} values, by at most {self.largest:.3g}."


def logged_rows(folder: Path) -> dict[int, list[Row]]:
    """What a run logged, by step: its metrics, then its samples."""
    found: dict[int, list[Row]] = defaultdict(list)
    for row in read_lines(folder / METRICS).rows + read_lines(folder / SAMPLES).rows:
        if isinstance(row.get("step"), int):
            found[row["step"]].append(row)
    return found


def first_difference(
    step: int, recorded: Sequence[Row], repeated: Sequence[Row], is_cut_short: bool = False
) -> MetricDifference | None:
    """The first value of one step's rows that is not the same.

    `is_cut_short`: the run ended before everything that was due after this step was done, so less may be recorded.
    """
    if is_cut_short:
        present = {kind_of(row) for row in recorded}
        repeated = [row for row in repeated if kind_of(row) in present or kind_of(row) == "step"]
    for row, row_now in zip_longest(recorded, repeated, fillvalue=Row()):
        if (found := _row_difference(step, row, row_now)) is not None:
            return found
    return None


def kind_of(row: Row) -> str:
    """What a row tells of: a step, an evaluation or a sample."""
    return "evaluation" if "loss/val" in row else "sample" if "text" in row else "step"


def _row_difference(step: int, recorded: Row, repeated: Row) -> MetricDifference | None:
    if not recorded or not repeated:
        names = {"step": "its line of metrics", "evaluation": "its evaluation", "sample": "its sample"}
        sides = ("there", MISSING) if recorded else (MISSING, "there")
        return MetricDifference(step, names[kind_of(recorded or repeated)], *sides)
    for name in [*repeated, *recorded]:
        if is_of_time(name):
            continue
        # Written as text, a number shows each of its bits: the sign of zero and not-a-number too.
        then, now = (repr(row[name]) if name in row else MISSING for row in (recorded, repeated))
        if then != now:
            return MetricDifference(step, "sample" if name == "text" else name, then, now)
    return None


def first_tensor_that_differs(recorded: Path, repeated: Path, order: Iterable[str] = ()) -> TensorDifference | None:
    """The first tensor whose bits differ between two checkpoints of one step; the model's stand in the given order."""
    step = step_of(recorded)
    for file in (MODEL_FILE, OPTIMIZER_FILE, HOOKS_FILE):
        then, now = _tensors(recorded / file), _tensors(repeated / file)
        if then is None or now is None:
            if (recorded / file).exists() or (repeated / file).exists():
                return TensorDifference(step, file, "every one", 0, 0, 0.0)
            continue
        for name in dict.fromkeys([*(name for name in order if name in now), *sorted(now), *sorted(then)]):
            if (found := _tensor_difference(step, file, name, then.get(name), now.get(name))) is not None:
                return found
    return None


def _tensors(path: Path) -> dict[str, Tensor] | None:
    """The tensors of a file; None if it is missing or damaged. Whether it is what was written is not asked."""
    try:
        return safetensors.torch.load(read_regular(path, LARGEST_FILE))
    except (OSError, safetensors.SafetensorError):
        return None


def _tensor_difference(
    step: int, file: str, name: str, then: Tensor | None, now: Tensor | None
) -> TensorDifference | None:
    if then is None or now is None or then.shape != now.shape or then.dtype != now.dtype:
        return TensorDifference(step, file, name, 0, 0, 0.0)
    then, now = then.reshape(-1), now.reshape(-1)  # [element], of scalars too
    width = then.element_size()
    bits = (then.view(torch.uint8) != now.view(torch.uint8)).view(-1, width).any(dim=1)  # [element]
    if not bits.any():
        return None
    largest = (then.double() - now.double()).abs().max().item()
    return TensorDifference(step, file, name, int(bits.sum()), then.numel(), largest)
