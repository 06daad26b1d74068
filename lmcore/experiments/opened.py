"""A run that is open: its directory, and what trains in it: data, model, hooks, trainer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lmcore.config import TrainingConfig, estimate
from lmcore.data.batcher import Batcher
from lmcore.data.dataset import Dataset, prepare
from lmcore.data.tokenizers.interface import Tokenizer
from lmcore.experiments.identity.own_code import OwnCode
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import Journal
from lmcore.experiments.runs.live import LiveConfig
from lmcore.experiments.runs.lock import RunLock
from lmcore.hooks.active import Hooks
from lmcore.memory import memory_note
from lmcore.model.initialization import initialize
from lmcore.model.transformer import Transformer
from lmcore.places import temporary_note
from lmcore.training.checkpoints import load_checkpoint
from lmcore.training.determinism import stream_seed
from lmcore.training.snapshots import Snapshot
from lmcore.training.trainer import Trainer

OnProgress = Callable[[str, float | None], None]

TOKENIZER = "tokenizer.json"

JOURNAL_ROWS = "journal"
"""What a checkpoint's own facts call the lines of the journal that it was saved with."""


@dataclass
class Opened:
    """A run directory and what was made from it; `dataset` and `trainer` only where they were needed."""

    folder: Path
    run: dict[str, Any]  # run.json
    live: LiveConfig
    device: torch.device
    tokenizer: Tokenizer
    model: Transformer
    hooks: Hooks
    lock: RunLock
    own: OwnCode
    step: int = 0
    checkpoint: Path | None = None  # where the model's weights come from; neither this nor a snapshot: initialization
    extra: dict[str, Any] = field(default_factory=dict)  # what the checkpoint or the snapshot says besides
    dataset: Dataset | None = None
    trainer: Trainer | None = None
    notes: tuple[str, ...] = ()
    is_config_changed: bool = False  # config.yaml is not what the run began with
    snapshot: Snapshot | None = None  # where the weights come from instead: a moment that was kept in memory
    seeded: str = ""  # digest of the weights that the seed gives, where the run is at its beginning
    weights: dict[str, Any] = field(default_factory=dict)  # a new run's first weights, where they are others
    restored: Journal | None = None  # what takes the place of a damaged journal
    damaged: tuple[str, ...] = ()  # checkpoints that might have been meant, and were passed over
    lost: str = ""  # what is wrong with the journal that `restored` takes the place of, in a sentence

    @property
    def steps_done(self) -> int:
        """Steps done up to the present."""
        return self.trainer.step if self.trainer else self.step

    @property
    def fallback(self) -> str:
        """What stands for a damaged checkpoint or journal, in sentences; "" where neither is damaged."""
        verb = "is" if len(self.damaged) == 1 else "are"
        passed = f"{' and '.join(self.damaged)} {verb} damaged; this is step {self.step:,}." if self.damaged else ""
        return " ".join(filter(None, (passed, self.lost)))


def build_model(config: TrainingConfig, vocabulary: int, device: torch.device) -> Transformer:
    """A new model with its first weights, which depend on the seed alone."""
    model = Transformer(config.model, vocabulary)
    generator = torch.Generator().manual_seed(stream_seed(config.other.seed, "initialization"))
    initialize(model, generator)
    return model.to(device)


def build_hooks(config: TrainingConfig, model: Transformer, own: OwnCode) -> Hooks:
    """The hooks of a run; what they draw at random depends on its seed. HookError."""
    return Hooks(config.hooks, model, seed=config.other.seed, sources=own.sources)


def build_trainer(
    config: TrainingConfig, dataset: Dataset, model: Transformer, device: torch.device, hooks: Hooks, own: OwnCode
) -> Trainer:
    """The trainer of a run, at step 0."""
    training = config.training
    batcher = Batcher(
        dataset.train,
        config.model.context_length,
        training.batch_size,
        config.dataset.order,
        stream_seed(config.other.seed, "data"),
        training.gradient_accumulation_steps,
        training.batch_ramp_start,
        training.batch_ramp_steps,
    )
    return Trainer(config, model, batcher, device, hooks, sources=own.sources)


def dataset_of(opened: Opened, on_progress: OnProgress | None) -> Dataset:
    """The tokens of a run, prepared when first asked for. DataError; RunError if they are not those it began with."""
    if opened.dataset is None:
        config, begun_with = opened.live.config, opened.run.get("data_fingerprint")
        dataset = prepare(
            config.dataset, on_progress, run_folder=opened.folder, context_length=config.model.context_length
        )
        if dataset.fingerprint != begun_with:
            raise RunError(
                f"The text that {opened.folder.name} learned from has changed since ({config.dataset.source} "
                f"{config.dataset.path}: fingerprint {str(begun_with)[:12]} then, {dataset.fingerprint[:12]} now). "
                "Bring it back to go on, or start a new run."
            )
        opened.dataset = dataset
    return opened.dataset


def trainer_of(opened: Opened, on_progress: OnProgress | None) -> Trainer:
    """What makes a run's steps, made when first asked for, with the state that was opened. As `dataset_of`."""
    if opened.trainer is None:
        dataset = dataset_of(opened, on_progress)
        trainer = build_trainer(opened.live.config, dataset, opened.model, opened.device, opened.hooks, opened.own)
        if opened.checkpoint is not None:
            load_checkpoint(opened.checkpoint, trainer)
        opened.trainer = trainer
    return opened.trainer


def notes_of_machine(opened: Opened) -> tuple[str, ...]:
    """What is said beforehand: where memory will hardly be enough to train, and what will be forgotten."""
    needed = estimate(opened.live.config, opened.tokenizer.vocabulary_size).memory_bytes
    notes = (memory_note(needed) if opened.device.type == "cpu" else "", temporary_note())
    return tuple(note for note in notes if note)
