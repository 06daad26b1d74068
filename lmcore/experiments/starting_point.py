"""A copy of a run that can be trained again: what says how it trains, and the checkpoint that it starts from."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmcore.config import parse_config
from lmcore.errors import LabError
from lmcore.experiments.identity.own_code import CODE
from lmcore.experiments.opened import JOURNAL_ROWS, TOKENIZER
from lmcore.experiments.runs.folder import CHECKPOINTS, CONFIG, JOURNAL, RunError, load_run, plainly, write_run
from lmcore.experiments.runs.listing import read_config_text
from lmcore.files import copy_file, copy_folder, make_folder, write_whole
from lmcore.training.checkpoints import (
    LARGEST_FILE,
    STATE_FILE,
    CheckpointError,
    files_of,
    find_checkpoint,
    load_state,
)

RECIPE = (CONFIG, JOURNAL, TOKENIZER)
"""The files that say how a run trains, besides run.json and its own code."""


def beginning_of(run: Mapping[str, Any]) -> int:
    """The step that a run began at: 0, or that of its parent where it was forked."""
    parent = run.get("parent")
    step = parent.get("step") if isinstance(parent, dict) else 0
    return step if isinstance(step, int) else 0


def copy_recipe(folder: Path, run: dict[str, Any], to: Path) -> None:
    """Everything that says how a run trains, and nothing of what came out: configuration, journal, tokenizer, code."""
    with plainly("copy", folder):
        make_folder(to)
        for name in RECIPE:
            if os.path.lexists(folder / name):
                copy_file(folder / name, to / name)
        if os.path.lexists(folder / CODE):
            copy_folder(folder / CODE, to / CODE)
    kept = {name: value for name, value in run.items() if name != "journal"}  # the copy's journal may be cut
    write_run(to, {**kept, "status": "stopped", "latest": {}})


def lay_starting_point(folder: Path, run: dict[str, Any], copy: Path, step: int) -> None:
    """Put the checkpoint of a step into a copy of a run's folder. RunError or CheckpointError if there is none.

    A fork whose own first checkpoint is gone takes its parent's; the parent lies beside it.
    """
    try:
        source = find_checkpoint(folder, str(step))
    except CheckpointError:
        if step == 0:  # the first weights are in no other run
            raise
        source = _of_parent(folder, run, step)
        extra: dict[str, Any] = {}  # what the parent still had to do is not the fork's
    else:
        extra = {name: value for name, value in load_state(source)["extra"].items() if name != JOURNAL_ROWS}
    place = copy / CHECKPOINTS / source.name
    with plainly("copy", source):
        make_folder(place.parent)
        make_folder(place)
        for name in files_of(source):
            copy_file(source / name, place / name, LARGEST_FILE)
        write_whole(place / STATE_FILE, json.dumps({**load_state(source), "extra": extra}, indent=2) + "\n")


def _of_parent(folder: Path, run: dict[str, Any], step: int) -> Path:
    """The parent's checkpoint of the step that a fork began at. The first error is told where that is another step."""
    parent = run.get("parent")
    if not isinstance(parent, dict) or parent.get("step") != step:
        return find_checkpoint(folder, str(step))
    place = folder.parent / Path(str(parent.get("run"))).name
    try:
        if load_run(place).get("id") != parent.get("id"):
            raise RunError(f"{place.name} is not the run that it was.")
        optimizer = parse_config(read_config_text(place)).training.optimizer
        if optimizer != parse_config(read_config_text(folder)).training.optimizer:
            raise RunError(f"{place.name} had another optimizer.")
        return find_checkpoint(place, str(step))
    except LabError as error:
        raise RunError(
            f"{folder.name} was forked at step {step:,}, and the checkpoint of that step is gone, here and in its "
            f"parent: {error} Verify it from one of its later checkpoints, with --from STEP."
        ) from error
