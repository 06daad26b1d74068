"""A fork: a new run that goes on from a moment of another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmcore.config import TrainingConfig, parse_config, resolved_text, shortening_notes, to_yaml_value
from lmcore.experiments.creation import create_run, dataset_for, make_run, new_live
from lmcore.experiments.identity.baseline import Reference, hold
from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.identity import config_hash
from lmcore.experiments.identity.one_change import Recipe
from lmcore.experiments.identity.own_code import OwnCode, named_files
from lmcore.experiments.identity.run_plan import RunPlan
from lmcore.experiments.opened import TOKENIZER, OnProgress, Opened, build_hooks, build_model, build_trainer
from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.experiments.runs.lock import RunLock
from lmcore.files import copy_file
from lmcore.model.transformer import Transformer
from lmcore.training.checkpoints import (
    load_checkpoint,
    load_hooks,
    load_model,
    load_state,
    save_checkpoint,
    weights_digest,
)
from lmcore.training.devices import choose_device
from lmcore.training.snapshots import Snapshot, load_snapshot, load_snapshot_of_model
from lmcore.training.trainer import Trainer


def fork_run(
    source: Opened,
    changes: Sequence[tuple[str, str]],
    runs_folder: Path,
    name: str,
    on_progress: OnProgress | None,
    allow_code: bool = False,
    confounded: str = "",
    from_weights: bool = False,
) -> Opened:
    """Make a new run that goes on from another's checkpoint or snapshot with some values changed.

    It begins with the values and own files that acted there, and has a checkpoint of its own, so that it needs its
    parent no more. Another optimizer begins without memory. With `from_weights` it takes the weights alone: it begins
    at step 0, with its own schedule, and an optimizer and hooks without memory. RunError, CheckpointError,
    ConfigError, DataError, HookError; ConsentNeeded for own files that the changes name; TooManyChanges unless
    `confounded` says why.
    """
    # Its parent's baseline is not its own: it is held against its parent.
    changes = [("other.baseline", '""'), *changes, *([("other.name", to_yaml_value(name))] if name else [])]
    text = resolved_text(source.live.text, changes)
    parent = {
        "run": source.folder.name,
        "id": source.run.get("id"),
        "step": 0 if from_weights else source.step,
        "config_hash": config_hash(source.live.config),
    }
    config = parse_config(text)
    own = _own_code_of_fork(source, config, allow_code)
    acted = Recipe(source.live.config, str(source.run.get("data_fingerprint") or ""), source.own.digests)
    is_at_end = source.step >= source.live.config.training.max_steps and not from_weights
    reference = Reference("parent", source.folder.name, acted, source.run, is_at_end=is_at_end)
    rule = hold(Recipe(config, code=own.digests), runs_folder, confounded, parent=reference)

    plan = RunPlan(text, config, own, rule, runs_folder, parent, shortening_notes(source.live.text, changes))
    if source.checkpoint is None and source.snapshot is None:
        forked = create_run(plan, on_progress, known=source)
    else:

        def begin(folder: Path) -> Opened:
            return _taken_over(source, plan, folder, on_progress, from_weights)

        forked = make_run(plan, begin)
    forked.damaged = source.damaged
    fallback = [source.fallback] if source.fallback else []
    forked.notes = (*fallback, *forked.notes)
    return forked


def _taken_over(
    source: Opened, plan: RunPlan, folder: Path, on_progress: OnProgress | None, from_weights: bool
) -> Opened:
    """What trains in a fork's folder, with what it takes over from its parent, saved as its first checkpoint."""
    config, own = plan.config, plan.own
    if config.training.max_steps <= source.step and not from_weights:
        raise RunError(
            f"A fork of {source.folder.name} at step {source.step} needs training.max_steps above {source.step}, "
            f"not {config.training.max_steps}, such as --set training.max_steps={2 * source.step}; or let it "
            "begin at step 0 with these weights: --from-weights."
        )
    if (source.folder / TOKENIZER).exists():
        with plainly("copy the tokenizer to", folder):
            copy_file(source.folder / TOKENIZER, folder / TOKENIZER)
    dataset = dataset_for(config, folder, on_progress, known=source)
    if dataset.tokenizer_fingerprint != source.tokenizer.fingerprint:
        raise RunError("A fork keeps its parent's tokenizer: dataset.tokenizer and what belongs to it cannot change.")
    device = choose_device(config.other.device)
    model = build_model(config, dataset.tokenizer.vocabulary_size, device)
    seeded = weights_digest(model)
    if from_weights:
        _take_weights(source, model)
    hooks = build_hooks(config, model, own)
    trainer = build_trainer(config, dataset, model, device, hooks, own)
    extra = {} if from_weights else _take_over(source, trainer, config)
    if dataset.fingerprint != source.run.get("data_fingerprint"):
        extra = {}  # its validation loss was measured on other text
    checkpoint = save_checkpoint(folder, trainer, extra)
    hooks.at_step(max(trainer.step - 1, 0))
    live, lock, tokenizer = new_live(plan), RunLock(folder), dataset.tokenizer
    forked = Opened(folder, {}, live, device, tokenizer, model, hooks, lock, own, trainer.step, checkpoint, extra)
    forked.dataset, forked.trainer, forked.seeded = dataset, trainer, seeded
    if trainer.step == 0 and (digest := weights_digest(model)) != seeded:
        forked.weights = {"digest": digest, "run": source.folder.name, "step": source.step}
    return forked


def _own_code_of_fork(source: Opened, config: TrainingConfig, allow: bool) -> OwnCode:
    """The parent's own files as far as they are still named, and new ones from beside its configuration."""
    names = named_files(config)
    new = source.own.read_new(names)
    require_consent(new, allow)
    files = {**source.own.files, **{file.name: file for file in new}}
    return OwnCode({name: files[name] for name in names}, source.own.folder)


def _take_weights(source: Opened, model: Transformer) -> None:
    """Give a model the weights of a moment. CheckpointError for one of another shape."""
    if source.snapshot is not None:
        load_snapshot_of_model(source.snapshot, model, None)
    elif source.checkpoint is not None:
        load_model(source.checkpoint, model)


def _take_over(source: Opened, trainer: Trainer, config: TrainingConfig) -> dict[str, Any]:
    """Load the parent's state into a fork's trainer; returns what the checkpoint says of its evaluation."""
    keeps_optimizer = config.training.optimizer == source.live.config.training.optimizer
    if source.snapshot is not None:
        extra = _take_over_snapshot(source.snapshot, trainer, keeps_optimizer)
    else:
        assert source.checkpoint is not None
        extra = _take_over_checkpoint(source.checkpoint, trainer, keeps_optimizer)
    return {"loss/val": extra["loss/val"]} if "loss/val" in extra else {}


def _take_over_checkpoint(checkpoint: Path, trainer: Trainer, keeps_optimizer: bool) -> dict[str, Any]:
    if keeps_optimizer:
        return load_checkpoint(checkpoint, trainer)
    load_model(checkpoint, trainer.model)
    load_hooks(checkpoint, trainer.hooks)
    state = load_state(checkpoint)
    trainer.step, trainer.tokens, trainer.seconds = state["step"], state["tokens"], state["seconds"]
    extra: dict[str, Any] = state["extra"]
    return extra


def _take_over_snapshot(snapshot: Snapshot, trainer: Trainer, keeps_optimizer: bool) -> dict[str, Any]:
    load_snapshot(snapshot, trainer, with_optimizer=keeps_optimizer)
    return snapshot.extra
