"""What must hold before a run that was opened is written on, and what its checkpoints know."""

import math
from pathlib import Path

import torch
from torch import nn

from lmcore.experiments.folder import RunError, plainly
from lmcore.experiments.opening import Opened
from lmcore.files import remove_folder
from lmcore.training.checkpoints import is_valid, list_checkpoints, load_state, step_of


def check_that_it_may_go_on(opened: Opened, step: int) -> None:
    """Refuse with RunError what would not be one experiment any more; remove damaged checkpoints of later steps."""
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


def check_that_it_may_be_saved(model: nn.Module, step: int) -> None:
    """Refuse with RunError to save weights that nobody could go on from."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise RunError(
                f"At step {step} {name} holds values that are not finite, so this is not saved; the earlier "
                "checkpoints stay as they are."
            )


def best_checkpoint(folder: Path) -> tuple[float, int | None]:
    """The lowest validation loss that a checkpoint was saved with, and its step."""
    best: tuple[float, int | None] = (math.inf, None)
    for path in filter(is_valid, list_checkpoints(folder)):
        loss = load_state(path)["extra"].get("loss/val")
        if isinstance(loss, int | float) and loss < best[0]:
            best = (loss, step_of(path))
    return best
