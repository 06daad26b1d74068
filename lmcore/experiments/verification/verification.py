"""Proving that a run can be reproduced: it is trained again in a temporary folder and compared bit for bit."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcore.config import parse_config
from lmcore.errors import UserCodeError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.identity import WEIGHTS, weights_of
from lmcore.experiments.opened import OnProgress
from lmcore.experiments.runs.folder import CONFIG, JOURNAL, METRICS, SAMPLES, RunError, load_run
from lmcore.experiments.runs.journal import read_changes, replayable
from lmcore.experiments.runs.lines import read_lines
from lmcore.experiments.runs.listing import read_config_text, read_run
from lmcore.experiments.starting_point import beginning_of, copy_recipe, lay_starting_point
from lmcore.experiments.verification.bitwise import (
    MetricDifference,
    Row,
    TensorDifference,
    first_difference,
    first_tensor_that_differs,
    kind_of,
    logged_rows,
)
from lmcore.experiments.verification.drift import Drift, drifts
from lmcore.hooks.catalogue import HookError
from lmcore.places import at_home
from lmcore.protocol.messages import Metrics
from lmcore.training.checkpoints import STATE_FILE, is_valid, list_checkpoints, load_state, step_of
from lmcore.training.nonfinite import NonFinite

OnStep = Callable[[Metrics, int], None]
"""Told of each step that was made again, and of the last step that will be."""


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
    suspect: str = ""  # what journal.jsonl has to do with the first difference, in a sentence
    origin: str = ""  # where the first weights are from, if they are not those of the seed, in a sentence

    @property
    def reproduced(self) -> bool:
        """Whether everything that was compared is the same, and the record itself is whole."""
        is_same = self.metric is None and self.tensor is None and not self.stopped
        return is_same and not any(drift.is_tampering for drift in self.drifts)

    @property
    def sentences(self) -> list[str]:
        """The verdict, what differs first, and what may be why."""
        found = [self._verdict(), *([self.origin] if self.origin else [])]
        if self.metric is not None:
            found.append(f"First difference: {self.metric.sentence}")
        if self.tensor is not None:
            found.append(self.tensor.sentence)
        if self.stopped:
            found.append(f"Trained again, it stopped after step {self.first + self.identical:,}: {self.stopped}")
        found += [drift.sentence for drift in self.drifts]
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
                f"a checkpoint was changed, or something here is not deterministic. {self.suspect}".rstrip()
            )
        return ""


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
    folder = at_home(folder).absolute()
    run = load_run(folder)
    first = beginning_of(run) if from_step is None else from_step
    recorded = logged_rows(folder)
    config = parse_config(read_config_text(folder), source=str(folder / CONFIG))
    end = min(_last_step(folder, recorded), config.training.max_steps)
    last = end if steps is None else min(end, first + steps)
    if last <= first:
        raise RunError(f"{folder.name} has nothing to verify after step {first:,}: its record ends at step {end:,}.")
    with tempfile.TemporaryDirectory(prefix="lmlab-verify-") as temporary:
        again = Path(temporary) / folder.name
        copy_recipe(folder, run, again)
        found = tuple(drifts(folder, run, on_progress))
        if any(drift.is_fatal for drift in found):
            return Verification(folder.name, first, first, 0, 0, None, None, (), "", found)
        if first > 0 or weights_of(run):
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
        _suspect(folder, comparison.metric),
        _origin(run) if first == 0 else "",
    )


def _origin(run: dict[str, Any]) -> str:
    """Where a run's first weights are from, if they are not those of its seed."""
    if not weights_of(run):
        return ""
    kept = "trained again from those that its checkpoint of step 0 keeps"
    if name := run[WEIGHTS].get("run"):
        return f"Its first weights are those of {name} at step {run[WEIGHTS].get('step')}; it was {kept}."
    return f"Its first weights are not those of its seed: they were changed or loaded after it was made; it was {kept}."


def _suspect(folder: Path, difference: MetricDifference | None) -> str:
    """What the journal has to do with a number that did not come out again."""
    if difference is None:
        return ""
    changes = replayable(read_changes(folder / JOURNAL))
    acting = [change for change in changes if change.step == difference.step - 1]
    if acting:
        listed = ", ".join(f"{change.key} from {change.old} to {change.new}" for change in acting)
        return f"journal.jsonl changes {listed} just before: perhaps that is not what was done."
    if difference.metric == "learning_rate":
        return "The learning rate is what configuration and journal say it is: perhaps a change was removed from it."
    return ""


def _last_step(folder: Path, recorded: dict[int, list[Row]]) -> int:
    """The last step that a run left anything of."""
    run = read_run(folder)
    finished = run.get("max_steps") if run["status"] == "finished" else 0
    steps = [step_of(path) for path in list_checkpoints(folder)]
    return max([0, *recorded, *steps, finished if isinstance(finished, int) else 0])


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
            except (NonFinite, HookError, UserCodeError) as error:
                self.stopped = str(error)
                return
            rows = [row for row in self._new_rows(experiment.folder) if row["step"] == experiment.step]
            if self.metric is None:
                self._compare(experiment.step, rows)
            if experiment.step in self._saved:
                self._compare_weights(experiment)
            for record in told:
                if on_step is not None and isinstance(record, Metrics):
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
        recorded = self._recorded.get(step, [])
        is_judged = any(kind_of(row) != "step" for row in repeated)
        is_cut_short = self._is_cut_short and step == self._last and is_judged
        self.metric = first_difference(step, recorded, repeated, is_cut_short)
        if self.metric is not None:
            return
        self.identical += 1
        self.logged += any(kind_of(row) == "step" for row in recorded)

    def _compare_weights(self, experiment: Experiment) -> None:
        # The copy's own checkpoint has the bits of its model, optimizer and hooks, in the same files.
        repeated = Path(experiment.save_checkpoint().folder)
        order = [name for name, _ in experiment.model.named_parameters()]
        self.tensor = first_tensor_that_differs(self._saved[experiment.step], repeated, order)
        if self.tensor is None:
            self.checkpoints.append(experiment.step)
            self.metric = self.metric or _state_difference(self._saved[experiment.step], repeated)


def _state_difference(recorded: Path, repeated: Path) -> MetricDifference | None:
    """What a checkpoint says besides its tensors, compared: tokens seen, and the validation loss where it has one."""
    if not is_valid(recorded):  # which is told as such
        return None
    then, now = load_state(recorded), load_state(repeated)
    pairs = {"tokens": (then["tokens"], now["tokens"])}
    if "loss/val" in then["extra"] and "loss/val" in now["extra"]:
        pairs["loss/val"] = (then["extra"]["loss/val"], now["extra"]["loss/val"])
    for name, (old, new) in pairs.items():
        if repr(old) != repr(new):
            return MetricDifference(now["step"], f"{name} in its checkpoint's {STATE_FILE}", repr(old), repr(new))
    return None
