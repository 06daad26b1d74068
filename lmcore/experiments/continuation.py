"""What must hold before a run that was opened is written on, and what its checkpoints know."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lmcore.config import TrainingConfig, to_yaml_value
from lmcore.experiments.opened import Opened
from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.experiments.runs.listing import command
from lmcore.experiments.starting_point import beginning_of
from lmcore.files import remove_folder
from lmcore.training.checkpoints import is_valid, list_checkpoints, load_state, step_of


def check_that_it_may_go_on(opened: Opened, step: int) -> list[Path]:
    """Refuse with RunError what would not be one experiment any more; remove damaged checkpoints of later steps, and
    return these."""
    folder = opened.folder
    if opened.is_config_changed:
        raise RunError(
            f"The config.yaml of {folder.name} was changed since the run began, so its steps would not be one "
            "experiment. Bring it back to go on, or fork the run with the changes."
        )
    later = [path for path in list_checkpoints(folder) if step_of(path) > step]
    if any(map(is_valid, later)):
        raise RunError(
            f"{folder.name} is open at step {step}, but has gone on to step {step_of(later[-1])}: open its last "
            "checkpoint to go on there, or fork it here."
        )
    with plainly("remove damaged checkpoints of", folder):
        for path in later:
            remove_folder(path)
    return later


def check_that_it_may_be_saved(model: nn.Module, step: int) -> None:
    """Refuse with RunError to save weights that nobody could go on from."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise RunError(
                f"At step {step} {name} holds values that are not finite, so this is not saved; the earlier "
                "checkpoints stay as they are."
            )


def to_train_longer(folder: Path, config: TrainingConfig) -> str:
    """The command line that trains a finished run on."""
    return command("fork", folder, "--set", f"training.max_steps={2 * config.training.max_steps}", "--train")


def to_lower_the_rate(folder: Path, run: Mapping[str, Any], config: TrainingConfig, step: int) -> str:
    """The command line that goes on with a run that cannot go on after `step`: from an earlier checkpoint, or its
    beginning, with a lower learning rate."""
    earlier = [step_of(path) for path in list_checkpoints(folder) if step_of(path) < step and is_valid(path)]
    training = config.training
    key = "muon_learning_rate" if training.optimizer == "muon" else "learning_rate"
    rate = float(f"{getattr(training, key) / 3:.1e}")
    options = ["--at", str(max([*earlier, beginning_of(run)])), "--set", f"training.{key}={to_yaml_value(rate)}"]
    if key == "learning_rate" and rate < training.min_learning_rate:  # which may not be above it, and is its own change
        options += ["--set", f"training.min_learning_rate={to_yaml_value(rate)}", "--confounded", "a lower rate"]
    return command("fork", folder, *options, "--train")


def best_checkpoint(whole: Iterable[Path]) -> tuple[float, int | None]:
    """The lowest validation loss that one of some checkpoints was saved with, and its step."""
    best: tuple[float, int | None] = (math.inf, None)
    for path in whole:
        loss = load_state(path)["extra"].get("loss/val", math.inf)
        if loss < best[0]:
            best = (loss, step_of(path))
    return best


def said_of_damaged(removed: Sequence[Path], damaged: Sequence[Path]) -> Iterator[str]:
    """What a person should know of damaged checkpoints when a run goes on, in sentences."""
    if removed:
        yield f"Damaged, and removed, since these steps are made again: {', '.join(path.name for path in removed)}."
    if damaged:
        names = ", ".join(path.name for path in damaged)
        yield f"Damaged, so not among the best, and removed once another checkpoint is saved: {names}."
