"""An experiment: a run directory and everything that trains in it, advanced step by step."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from lmcore.config import (
    EvaluationConfig,
    HookConfig,
    SamplingConfig,
    TrainingConfig,
)
from lmcore.config.overrides import Overrides
from lmcore.data.dataset import Dataset
from lmcore.errors import UserCodeError
from lmcore.experiments.changes import Changing
from lmcore.experiments.continuation import (
    best_checkpoint,
    check_that_it_may_be_saved,
    check_that_it_may_go_on,
    said_of_damaged,
    to_lower_the_rate,
    to_train_longer,
)
from lmcore.experiments.creation import create_run
from lmcore.experiments.fork import fork_run
from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.identity import WEIGHTS, id_with_weights, weights_of
from lmcore.experiments.identity.own_code import OwnCode
from lmcore.experiments.identity.run_plan import RunPlan, plan_run
from lmcore.experiments.layers import layer_rows
from lmcore.experiments.moments import Moments
from lmcore.experiments.opened import JOURNAL_ROWS, OnProgress, Opened, dataset_of, trainer_of
from lmcore.experiments.opening import open_run
from lmcore.experiments.questions import judge, with_hooks
from lmcore.experiments.runs.folder import RunError, plainly, update_run
from lmcore.experiments.runs.samples import Sample
from lmcore.experiments.runs.writer import RunWriter
from lmcore.generation import GenerationError, Piece, encode_prompt, generate
from lmcore.hooks.catalogue import HookError
from lmcore.memory import in_memory
from lmcore.protocol.messages import (
    CheckpointSaved,
    Evaluation,
    HookStatistics,
    LayerStatistics,
    LogLine,
    Metrics,
    OwnFile,
    Record,
    ValueChanged,
)
from lmcore.training.checkpoints import is_valid, list_checkpoints, prune, save_checkpoint, weights_digest
from lmcore.training.pace import Pace
from lmcore.training.trainer import Trainer

Status = Literal["finished", "stopped", "failed", "interrupted"]
Due = Literal["metrics", "evaluation", "sample", "checkpoint"]
OnBatch = Callable[[], None]


class Experiment:
    """A run that can be trained, judged, asked and changed; made by `create`, `open` or `fork`.

    After each step some things are due, in this order: its line of metrics, an evaluation, a sample, a checkpoint. What
    could not be done (the disk is full) stays due, in a checkpoint too, and is done before the next step.
    """

    def __init__(self, opened: Opened, on_progress: OnProgress | None = None) -> None:
        """Use `create`, `open` or `fork` instead."""
        self.folder = opened.folder
        self.model = opened.model
        self.tokenizer = opened.tokenizer
        self.device = opened.device
        self.hooks = opened.hooks
        self.run = opened.run
        self._opened = opened
        self._on_progress = on_progress
        self._writer = RunWriter(opened.folder, opened.lock)
        self._changing = Changing(opened, self._writer)
        self.moments = Moments(opened, self._changing.version)
        self._due: list[Due] = list(opened.extra.get("due", []))
        self._evaluation = {name: opened.extra[name] for name in ("loss/val",) if name in opened.extra}
        self._row: dict[str, Any] = {}  # metrics of the step that are not on disk yet
        self._records: list[Record] = []  # of what was done and not told yet
        self._pace = Pace()
        self._layers: LayerStatistics | None = None  # the newest norms
        self._best: tuple[float, int | None] = (math.inf, None)  # validation loss and step of the best checkpoint
        self._damaged: list[Path] = []  # checkpoints, as they were found when training began

    @classmethod
    def begin(cls, plan: RunPlan, on_progress: OnProgress | None = None) -> "Experiment":
        """Make the run that is planned. DataError, DeviceError, HookError or RunError; they leave nothing."""
        return cls(create_run(plan, on_progress), on_progress)

    @classmethod
    def create(
        cls,
        config_text: str,
        *,
        runs_folder: Path,
        name: str = "",
        overrides: Overrides = (),
        on_progress: OnProgress | None = None,
        config_folder: Path | None = None,
        allow_code: bool = False,
        confounded: str = "",
    ) -> "Experiment":
        """Plan a run as `plan_run` does, and begin it."""
        plan = plan_run(
            config_text,
            runs_folder=runs_folder,
            name=name,
            overrides=overrides,
            config_folder=config_folder,
            allow_code=allow_code,
            confounded=confounded,
        )
        return cls.begin(plan, on_progress)

    @classmethod
    def open(
        cls,
        folder: Path,
        at: str = "last",
        *,
        on_progress: OnProgress | None = None,
        allow_code: bool = False,
        from_checkpoint: bool = False,
    ) -> "Experiment":
        """Open a run at a checkpoint: "last", "best" or a step. RunError, CheckpointError, ConfigError or DataError;
        ConsentNeeded for own files that were not agreed to, unless they are now by `allow_code`.

        A damaged journal is refused, unless `from_checkpoint` says to go on with the changes that the checkpoint knows.
        Nothing is written, and no training text is read, before that is needed.
        """
        return cls(open_run(folder, at, allow_code, from_checkpoint), on_progress)

    @classmethod
    def fork(
        cls,
        folder: Path,
        at: str = "last",
        changes: Sequence[tuple[str, str]] = (),
        *,
        runs_folder: Path,
        name: str = "",
        on_progress: OnProgress | None = None,
        allow_code: bool = False,
        confounded: str = "",
        from_weights: bool = False,
        from_checkpoint: bool = False,
    ) -> "Experiment":
        """Make a new run that goes on from another's checkpoint, with `changes` (dotted key, YAML text) applied; with
        `from_weights` it begins at step 0 with the weights of that checkpoint alone.

        TooManyChanges against its parent at that step, unless `confounded` says why. `from_checkpoint`: as `open`.
        """
        source = open_run(folder, at, allow_code, from_checkpoint)
        opened = fork_run(source, changes, runs_folder, name, on_progress, allow_code, confounded, from_weights)
        return cls(opened, on_progress)

    def fork_at(
        self,
        step: int,
        changes: Sequence[tuple[str, str]] = (),
        name: str = "",
        on_progress: OnProgress | None = None,
        confounded: str = "",
        from_weights: bool = False,
    ) -> "Experiment":
        """Make a new run beside this one that goes on from one of its moments, with `changes` applied; this run stays
        open as it is. As `fork`; RunError for a step that is not kept."""
        source = self.moments.at(step, self._facts())
        opened = fork_run(source, changes, self.folder.parent, name, on_progress, False, confounded, from_weights)
        return Experiment(opened, on_progress)

    @property
    def config(self) -> TrainingConfig:
        """The present values: those the run began with, and the changes made since."""
        return self._opened.live.config

    @property
    def config_text(self) -> str:
        """The present values as text; config.yaml keeps those the run began with."""
        return self._opened.live.text

    @property
    def title(self) -> str:
        """The short name that a person gave."""
        return str(self.run["title"])

    @property
    def floor(self) -> float | None:
        """Nats per token of a perfect model on the validation split, where it is known."""
        floor: float | None = self.run["floor"]
        return floor

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the data and this machine, in sentences."""
        return (*self._opened.notes, *(self._opened.dataset.notes if self._opened.dataset else ()))

    @property
    def damaged(self) -> tuple[str, ...]:
        """Damaged checkpoints that might have been meant when the run was opened, and were passed over."""
        return self._opened.damaged

    @property
    def fallback(self) -> str:
        """What stands for them, in a sentence that `notes` has too; "" where none was passed over."""
        return self._opened.fallback

    @property
    def own(self) -> OwnCode:
        """The person's own files that the run uses, as they act now, and where they came from."""
        return self._opened.own

    @property
    def step(self) -> int:
        """Steps done."""
        return self._opened.steps_done

    @property
    def max_steps(self) -> int:
        """Steps of the whole run."""
        return self.config.training.max_steps

    @property
    def finished(self) -> bool:
        """Whether every step is made and everything after it done."""
        return self.step >= self.max_steps and not self._due

    @property
    def longer(self) -> str:
        """The command line that trains it on after its end."""
        return to_train_longer(self.folder, self.config)

    @property
    def gentler(self) -> str:
        """The command line that goes on from an earlier step with a lower learning rate."""
        return to_lower_the_rate(self.folder, self.run, self.config, self.step)

    @property
    def tokens_per_step(self) -> int:
        """Tokens learned from in one step (with a ramp: once the batch has grown)."""
        training = self.config.training
        return training.batch_size * training.gradient_accumulation_steps * self.config.model.context_length

    @property
    def dataset(self) -> Dataset:
        """The tokens, prepared when first asked for. DataError; RunError if they are not those the run began with."""
        return dataset_of(self._opened, self._on_progress)

    @property
    def trainer(self) -> Trainer:
        """What makes the steps, with the state of the checkpoint that was opened."""
        return trainer_of(self._opened, self._on_progress)

    # Training

    def advance(self, on_batch: OnBatch | None = None) -> list[Record]:
        """Make one step and everything that is due after it (or only what was left undone), and tell of it.

        `on_batch` is called between the batches of an evaluation and the tokens of a sample; it may generate. NonFinite
        if the step would do harm: then nothing has changed. RunError, CheckpointError or DataError with a sentence.
        """
        if self.finished:
            raise RunError(
                f"{self.folder.name} has made all of its {self.max_steps} steps; to train longer: {self.longer}"
            )
        self.moments.leave()
        self._begin()
        if not self._due:
            self._make_step()
        while self._due:
            self._carry_out(self._due[0], on_batch)
            del self._due[0]
        self.moments.keep(self._facts(), self._layers)
        told, self._records = self._records, []
        return told

    def _begin(self) -> None:
        """Take the right to write the run and bring its files back to the present step, once."""
        if self._writer.is_open:
            return
        trainer = self.trainer  # reads the data, which may be refused, before anything is written
        removed: list[Path] = []
        self._writer.begin(
            trainer.step,
            self._due,
            lambda: removed.extend(check_that_it_may_go_on(self._opened, self.step)),
            self._opened.restored,
        )
        self._opened.restored = None
        self._keep_first_weights()
        self._changing.write_pending()
        present = list_checkpoints(self.folder)
        self._damaged = [path for path in present if not is_valid(path)]
        self._best = best_checkpoint(path for path in present if path not in self._damaged)
        said = said_of_damaged(removed, self._damaged)
        self._records += [LogLine(sentence, "warning", trainer.step) for sentence in said]
        self.moments.keep(self._facts(), self._layers)

    def _keep_first_weights(self) -> None:
        """Before the first step, record weights that are not those of the seed: they are a part of what the run is."""
        seeded = self._opened.seeded
        if self.step > 0 or not seeded or weights_of(self.run) or (digest := weights_digest(self.model)) == seeded:
            return
        save_checkpoint(self.folder, self.trainer, self._facts())
        entries = {WEIGHTS: {"digest": digest}, "id": id_with_weights(str(self.run["id"]), digest)}
        update_run(self.folder, entries)
        self.run |= entries

    def _make_step(self) -> None:
        self._records += self._changing.repeat(self.step)
        number, last = self.step + 1, self.step + 1 == self.max_steps
        other = self.config.other
        norms = other.norms_interval > 0 and (number == 1 or _is_due(number, other.norms_interval))
        before = self.trainer.seconds, self.trainer.tokens
        result = self.trainer.train_step(norms)
        self._evaluation = {}
        totals = (result.step, result.tokens, result.seconds)
        spent, learned = result.seconds - before[0], result.tokens - before[1]
        if slow := self._pace.notice(spent, learned, (self.config, self.hooks.acting)):
            self._records.append(LogLine(slow, "warning", result.step))
        if norms or last or number == 1 or _is_due(number, other.log_interval):
            self._row = {"step": result.step, "tokens": result.tokens, "seconds": result.seconds, **result.metrics}
            self._due.append("metrics")
            self._records.append(Metrics(((*totals, result.metrics),)))
        if norms:
            rows = layer_rows(self.model.components(), self.model.component_of, result.metrics)
            self._layers = LayerStatistics(result.step, rows)
            self._records.append(self._layers)
            if self.config.hooks:
                self._records.append(self.hook_statistics())
        if last or _is_due(number, self.config.evaluation.interval):
            self._due += ["evaluation", "sample"]
        if last or _is_due(number, self.config.checkpointing.interval):
            self._due.append("checkpoint")

    def _carry_out(self, due: Due, on_batch: OnBatch | None) -> None:
        match due:
            case "metrics":
                self._writer.row(self._row)
            case "evaluation":
                self._judge(on_batch)
            case "sample":
                self._records.append(self._sample(on_batch))
            case "checkpoint":
                self._records.append(self._save())

    def _judge(self, on_batch: OnBatch | None) -> None:
        metrics = self.evaluate(on_batch)
        trainer = self.trainer
        row = {"step": trainer.step, "tokens": trainer.tokens, "seconds": trainer.seconds, **metrics}
        self._writer.remember({name: row[name] for name in ("step", "loss/val") if math.isfinite(row[name])})
        self._writer.row(row)
        self._evaluation = metrics
        if (
            self.config.checkpointing.keep_best
            and metrics["loss/val"] < self._best[0]
            and "checkpoint" not in self._due
        ):
            self._due.append("checkpoint")

    def _sample(self, on_batch: OnBatch | None) -> Evaluation:
        evaluation, pieces = self.config.evaluation, []
        if evaluation.prompt_tokens > 0:
            settings = self.config.sampling.model_copy(update={"max_tokens": evaluation.prompt_tokens})
            try:
                for piece in self.generate(evaluation.prompt, settings):
                    pieces.append(piece.text)
                    if on_batch is not None:
                        on_batch()
            except GenerationError:
                pass  # of a model that puts out no numbers; the next step will say so
            except (HookError, UserCodeError) as error:  # what it computes is the newest token alone: [batch, 1, …]
                said = f"The fixed prompt could not be answered, one token at a time: {error}"
                raise UserCodeError(said, getattr(error, "trace", "")) from error
            self._writer.sample(Sample(self.step, evaluation.prompt, "".join(pieces)))
        trainer = self.trainer
        return Evaluation(
            trainer.step, self._evaluation, "".join(pieces), evaluation.prompt, trainer.tokens, trainer.seconds
        )

    def save_checkpoint(self) -> CheckpointSaved:
        """Save the present state, also between intervals. RunError or CheckpointError with a sentence."""
        self._begin()
        if self._due and self._due[0] == "metrics":
            self._carry_out("metrics", None)
            del self._due[0]
        return self._save()

    def _save(self) -> CheckpointSaved:
        began = time.perf_counter()
        trainer, keep = self.trainer, self.config.checkpointing
        check_that_it_may_be_saved(self.model, trainer.step)
        self._writer.sync()
        facts = {**self._facts(), JOURNAL_ROWS: self._writer.journal().rows}
        folder = save_checkpoint(self.folder, trainer, facts)
        if facts.get("loss/val", math.inf) < self._best[0]:
            self._best = (facts["loss/val"], trainer.step)
        with plainly("remove old checkpoints of", self.folder):
            # Without the checkpoint that it began with, a run could not be trained again.
            beginning = 0 if weights_of(self.run) else (self.run.get("parent") or {}).get("step")
            best = self._best[1] if keep.keep_best else None
            prune(self.folder, keep.keep_last, best, beginning, self._damaged)
        return CheckpointSaved(trainer.step, str(folder), time.perf_counter() - began)

    def _facts(self) -> dict[str, Any]:
        """What a checkpoint says besides the state: what is left to do, and the validation loss if it was measured."""
        loss = self._evaluation.get("loss/val", math.inf)
        due = [due for due in self._due if self._due != ["checkpoint"]]
        return {"due": due, **({"loss/val": loss} if math.isfinite(loss) else {})}

    def close(self, status: Status) -> None:
        """Write how the run stands and let others write it; the model stays. RunError if that cannot be written."""
        self._writer.end(status)

    # Changing

    def set_value(self, key: str, yaml_text: str) -> ValueChanged:
        """Change a value from the next step on and write it to the journal; returns what was changed.

        Of hooks: the whole list `hooks`, or `hooks.NAME.enabled` (at, with, from_step, until_step). ConfigError for an
        unknown key or a wrong value, HookError for hooks that cannot be, RunError for a value that a run keeps from its
        beginning, ConsentNeeded for own files that were not agreed to; nothing has changed then.
        """
        *brought, change = self._changing.set_value(self.step, key, yaml_text)
        self._records += brought
        return change

    def use_file(self, file: OwnFile) -> ValueChanged:
        """Let another version of an own file act from the next step on, and write that to the journal.

        ConsentNeeded, RunError, or UserCodeError with the trace of an error in the file; nothing has changed then.
        """
        require_consent([file])
        return self._changing.use_file(self.step, file)

    def hook_statistics(self) -> HookStatistics:
        """How every declared hook does at this moment."""
        return HookStatistics(self.step, self.hooks.statistics())

    # Asking: the model of the moment that one looks at, which is the present unless `moments` say otherwise

    def evaluate(self, on_batch: OnBatch | None = None, settings: EvaluationConfig | None = None) -> dict[str, float]:
        """Judge the model on the validation split, as configured or as `settings` say; writes nothing."""
        with in_memory("use a smaller evaluation.batch_size"):
            return judge(self.moments.seen, self.dataset, settings, on_batch)

    def generate(self, prompt: str, settings: SamplingConfig, hooks: Sequence[HookConfig] = ()) -> Iterator[Piece]:
        """Continue a prompt with the model, piece by piece; training is not moved by it.

        `hooks` act on this answer alone, after the run's own. HookError or RunError for one that cannot.
        """
        seen = self.moments.seen
        pieces = generate(seen.model, self.tokenizer, prompt, settings)
        return with_hooks(pieces, seen, hooks, settings.seed) if hooks else pieces

    def prompt_note(self, prompt: str) -> str:
        """What the tokenizer had to change in a prompt; empty if nothing."""
        return encode_prompt(self.tokenizer, prompt)[1]


def _is_due(step: int, interval: int) -> bool:
    return interval > 0 and step % interval == 0
