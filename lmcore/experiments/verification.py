"""Proving that a run can be reproduced: it is trained again in a temporary folder and compared bit for bit."""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from lmcore.experiments.drift import Drift, drifts
from lmcore.experiments.experiment import Experiment, StepRecord
from lmcore.experiments.folder import CHECKPOINTS, LOCK, LOG, METRICS, SAMPLES, RunError, load_run, plainly, write_run
from lmcore.experiments.lines import read_lines
from lmcore.experiments.opening import OnProgress
from lmcore.experiments.runs import read_run
from lmcore.experiments.starting_point import lay_starting_point
from lmcore.hooks.catalogue import HookError
from lmcore.training.checkpoints import HOOKS_FILE, MODEL_FILE, OPTIMIZER_FILE, list_checkpoints, step_of
from lmcore.training.nonfinite import NonFinite

Row = dict[str, Any]
OnStep = Callable[[StepRecord, int], None]
"""Told of each step that was made again, and of the last step that will be."""

NOT_REPEATED = (CHECKPOINTS, METRICS, SAMPLES, LOG, LOCK)
"""What a run writes while it trains; all else in its folder says how it trains."""

MISSING = "missing"


@dataclass(frozen=True)
class MetricDifference:
    """The first logged value that did not come out again; values as text."""

    step: int
    metric: str
    recorded: str
    repeated: str


@dataclass(frozen=True)
class TensorDifference:
    """The first tensor of a checkpoint that did not come out again."""

    step: int
    file: str  # model.safetensors, optimizer.safetensors or hooks.safetensors
    tensor: str
    differing: int  # elements whose bits differ; 0 where there is nothing to compare with
    elements: int
    largest: float  # |recorded − repeated|


@dataclass(frozen=True)
class Verification:
    """What training a run again showed. Steps are counted from `first` (not included) to `last`."""

    run: str
    first: int
    last: int
    identical: int  # steps from the first on, up to the first difference
    logged: int  # steps among them whose numbers are in metrics.jsonl
    metric: MetricDifference | None
    tensor: TensorDifference | None
    checkpoints: tuple[int, ...]  # steps whose weights were compared and are the same
    stopped: str  # why training again ended early; "" if it did not
    drifts: tuple[Drift, ...]

    @property
    def reproduced(self) -> bool:
        """Whether everything that was compared is the same, and the record itself is whole."""
        is_same = self.metric is None and self.tensor is None and not self.stopped
        return is_same and not any(drift.is_tampering for drift in self.drifts)

    @property
    def sentences(self) -> list[str]:
        """The verdict, what differs first, and what may be why."""
        found = [self._verdict()]
        if self.metric is not None:
            found.append(
                f"First difference: step {self.metric.step:,}, {self.metric.metric}: recorded {self.metric.recorded}, "
                f"now {self.metric.repeated}."
            )
        if self.tensor is not None:
            found.append(_of_tensor(self.tensor))
        if self.stopped:
            found.append(f"Trained again, it stopped after step {self.first + self.identical:,}: {self.stopped}")
        found += [f"Differs: {drift.part}: recorded {drift.then}, now {drift.now}." for drift in self.drifts]
        if hint := self._hint():
            found.append(hint)
        return found

    def _verdict(self) -> str:
        steps = self.last - self.first
        if steps == 0:
            return "not reproduced: it cannot be trained again as it was."
        since = f" from step {self.first:,} on" if self.first else ""
        logged = "" if self.logged == self.identical else f" ({self.logged:,} of them logged)"
        weights = f"; weights identical at step {self.checkpoints[-1]:,}" if self.checkpoints else ""
        said = "reproduced" if self.reproduced else "not reproduced"
        return f"{said}, {self.identical:,} of {steps:,} steps{since} identical{logged}{weights}."

    def _hint(self) -> str:
        """What the differences say together, where that is more than each of them."""
        if self.metric is not None and any(step >= self.metric.step for step in self.checkpoints):
            return (
                f"The weights at step {self.checkpoints[-1]:,} are the same bit for bit: not the training was "
                "changed, but what is recorded of it, or how it is judged."
            )
        if self.metric is None and self.tensor is not None and not self.drifts:
            return "Every number up to there is the same: the checkpoint was changed, not the training."
        if (self.metric or self.tensor) and not self.drifts:
            return (
                "Configuration, data, tokenizer, code and machine are those recorded: journal.jsonl, metrics.jsonl or "
                "a checkpoint was changed, or something here is not deterministic."
            )
        return ""


def _of_tensor(difference: TensorDifference) -> str:
    where = f"First tensor that differs in the checkpoint of step {difference.step:,}: {difference.tensor}"
    if not difference.differing:
        return f"{where} ({difference.file}): its shape or type is not the same, or only one of the two has it."
    return (
        f"{where} ({difference.file}), {difference.differing:,} of {difference.elements:,} values, by at most "
        f"{difference.largest:.3g}."
    )


def verify(
    folder: Path,
    *,
    steps: int | None = None,
    from_step: int | None = None,
    on_progress: OnProgress | None = None,
    on_step: OnStep | None = None,
    allow_code: bool = False,
) -> Verification:
    """Train a run again, from its beginning or from its checkpoint at `from_step`, and compare; the run is only read.

    `steps`: how many at most (None: all that are recorded). After the first number that differs, training goes on to
    the run's next checkpoint, whose weights say what was changed. RunError, CheckpointError, ConfigError or DataError
    where there is nothing to verify; ConsentNeeded for own files that were not agreed to.
    """
    folder = folder.expanduser().absolute()
    run = load_run(folder)
    first = _beginning(run) if from_step is None else from_step
    recorded = _rows_by_step(read_lines(folder / METRICS).rows + read_lines(folder / SAMPLES).rows)
    end = _last_step(folder, recorded)
    last = end if steps is None else min(end, first + steps)
    if last <= first:
        raise RunError(f"{folder.name} has nothing to verify after step {first:,}: its record ends at step {end:,}.")
    with tempfile.TemporaryDirectory(prefix="lmlab-verify-") as temporary:
        again = Path(temporary) / folder.name
        _copy_recipe(folder, run, again)
        found = tuple(drifts(folder, run, on_progress))
        if any(drift.is_fatal for drift in found):
            return Verification(folder.name, first, first, 0, 0, None, None, (), "", found)
        if first > 0:
            lay_starting_point(folder, run, again, first)
        experiment = Experiment.open(again, str(first), on_progress=on_progress, allow_code=allow_code)
        is_cut_short = last == end and read_run(folder)["status"] != "finished"
        comparison = _Comparison(folder, recorded, last, is_cut_short)
        try:
            comparison.train(experiment, on_step)
        finally:
            experiment.close("stopped")
    return Verification(
        folder.name,
        first,
        last,
        comparison.identical,
        comparison.logged,
        comparison.metric,
        comparison.tensor,
        tuple(comparison.checkpoints),
        comparison.stopped,
        found,
    )


def _beginning(run: dict[str, Any]) -> int:
    """The step that a run began at: 0, or that of its parent where it was forked."""
    parent = run.get("parent")
    step = parent.get("step") if isinstance(parent, dict) else 0
    return step if isinstance(step, int) else 0


def _last_step(folder: Path, recorded: dict[int, list[Row]]) -> int:
    """The last step that a run left anything of."""
    run = read_run(folder)
    finished = run.get("max_steps") if run["status"] == "finished" else 0
    steps = [step_of(path) for path in list_checkpoints(folder)]
    return max([0, *recorded, *steps, finished if isinstance(finished, int) else 0])


def _copy_recipe(folder: Path, run: dict[str, Any], to: Path) -> None:
    """Everything that says how a run trains, and nothing of what came out: configuration, journal, tokenizer, code."""

    def leave_out(place: str, names: list[str]) -> Iterable[str]:
        return set(NOT_REPEATED) & set(names) if Path(place) == folder else ()

    with plainly("copy", folder):
        shutil.copytree(folder, to, symlinks=True, ignore=leave_out)
    write_run(to, {**run, "status": "stopped", "latest": {}})


def _rows_by_step(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if isinstance(row.get("step"), int):
            found[row["step"]].append(row)
    return found


class _Comparison:
    """What came out again so far, beside what was recorded."""

    def __init__(self, folder: Path, recorded: dict[int, list[Row]], last: int, is_cut_short: bool) -> None:
        self.identical = self.logged = 0
        self.metric: MetricDifference | None = None
        self.tensor: TensorDifference | None = None
        self.checkpoints: list[int] = []
        self.stopped = ""
        self._recorded = recorded
        self._last = last
        self._is_cut_short = is_cut_short  # the run ended before everything that was due after its last step was done
        self._saved = {step_of(path): path for path in list_checkpoints(folder)}
        self._offsets = {METRICS: 0, SAMPLES: 0}

    def train(self, experiment: Experiment, on_step: OnStep | None) -> None:
        """Advance an experiment and compare, to the last step or until no more can be learned."""
        self._new_rows(experiment.folder)
        while experiment.step < self._last and self._is_undecided(experiment.step):
            try:
                told = experiment.advance()
            except (NonFinite, HookError) as error:
                self.stopped = str(error)
                return
            rows = [row for row in self._new_rows(experiment.folder) if row["step"] == experiment.step]
            if self.metric is None:
                self._compare(experiment.step, rows)
            if experiment.step in self._saved:
                self._compare_weights(experiment)
            for record in told:
                if on_step is not None and isinstance(record, StepRecord):
                    on_step(record, self._last)

    def _is_undecided(self, step: int) -> bool:
        """Whether to go on: nothing differs yet, or a number does and a checkpoint will tell of the weights."""
        if self.tensor is not None:
            return False
        if self.metric is None:
            return True
        is_told = any(saved >= self.metric.step for saved in self.checkpoints)
        return not is_told and any(step < saved <= self._last for saved in self._saved)

    def _new_rows(self, folder: Path) -> list[Row]:
        rows: list[Row] = []
        for name in self._offsets:
            lines = read_lines(folder / name, self._offsets[name])
            self._offsets[name] = lines.offset
            rows += lines.rows
        return rows

    def _compare(self, step: int, repeated: list[Row]) -> None:
        recorded, nothing = self._recorded.get(step, []), Row()
        if self._is_cut_short and step == self._last and any("loss/val" in row or "text" in row for row in repeated):
            present = {_kind(row) for row in recorded}
            repeated = [row for row in repeated if _kind(row) in present or _kind(row) == "step"]
        for row, row_now in zip_longest(recorded, repeated, fillvalue=nothing):
            if (found := _first_difference(step, row, row_now)) is not None:
                self.metric = found
                return
        self.identical += 1
        self.logged += any(_kind(row) == "step" for row in recorded)

    def _compare_weights(self, experiment: Experiment) -> None:
        # The copy's own checkpoint has the bits of its model, optimizer and hooks, in the same files.
        repeated = experiment.save_checkpoint().folder
        order = [name for name, _ in experiment.model.named_parameters()]
        self.tensor = first_tensor_that_differs(self._saved[experiment.step], repeated, order)
        if self.tensor is None:
            self.checkpoints.append(experiment.step)


def _kind(row: Row) -> str:
    return "evaluation" if "loss/val" in row else "sample" if "text" in row else "step"


def _first_difference(step: int, recorded: Row, repeated: Row) -> MetricDifference | None:
    if not recorded or not repeated:
        names = {"step": "its line of metrics", "evaluation": "its evaluation", "sample": "its sample"}
        sides = ("there", MISSING) if recorded else (MISSING, "there")
        return MetricDifference(step, names[_kind(recorded or repeated)], *sides)
    for name in [*repeated, *recorded]:
        if _is_of_time(name):
            continue
        # Written as text, a number shows each of its bits: the sign of zero and not-a-number too.
        then, now = (repr(row[name]) if name in row else MISSING for row in (recorded, repeated))
        if then != now:
            return MetricDifference(step, "sample" if name == "text" else name, then, now)
    return None


def _is_of_time(name: str) -> bool:
    """Whether a logged number says how fast the machine was, which nobody can repeat."""
    return name == "seconds" or name.startswith("throughput/") or "milliseconds" in name


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
        return safetensors.torch.load(path.read_bytes())
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
