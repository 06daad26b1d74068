"""Checkpoints: a run's whole state at one step, written so that it is either there and right, or not there at all.

    checkpoints/step-000500/model.safetensors  optimizer.safetensors  hooks.safetensors  state.json

hooks.safetensors is there only if a hook remembers something. state.json holds step, tokens, seconds, the caller's own
facts, and the size and SHA-256 of the others. No state of a random generator is needed: batches, dropout and what hooks
draw are functions of the step.
"""

import errno
import hashlib
import json
import math
import os
import re
import secrets
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from lmcore import files as door
from lmcore.errors import LabError
from lmcore.files import NotPlain
from lmcore.hooks.active import Hooks
from lmcore.tables import COUNT, DURATION, LIST, NUMBER, WHOLE, list_of, needed, one_of, problems, read_table, table
from lmcore.training.trainer import Trainer

MODEL_FILE = "model.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
HOOKS_FILE = "hooks.safetensors"
STATE_FILE = "state.json"
FORMAT = 1

DUE = list_of(one_of("metrics", "evaluation", "sample", "checkpoint"))
KINDS = {
    "format": needed(WHOLE),
    "step": needed(COUNT),
    "tokens": needed(COUNT),
    "seconds": needed(DURATION),
    "files": needed(table()),
    "extra": needed(table({"due": DUE, "loss/val": NUMBER, "journal": LIST})),
}
"""What state.json holds."""

LARGEST_FILE = 16 << 30
"""A file of more bytes is damaged: no model that is trained here has so many."""


class CheckpointError(LabError):
    """A checkpoint could not be written, found or read; the sentence says which, why, and what could be done."""


def save_checkpoint(run_folder: Path, trainer: Trainer, extra: Mapping[str, Any]) -> Path:
    """Write the trainer's state, with `extra` (plain data) beside it, and return its folder. CheckpointError.

    Everything is written to a folder of another name, synced to the disk, and renamed: a process killed at any moment,
    or a full disk, leaves the earlier checkpoints and no half of this one. A number under `loss/val` in `extra`, put
    there only if it was measured at this step, is what "best" goes by.
    """
    folder = run_folder / "checkpoints"
    final = folder / f"step-{trainer.step:06d}"
    files = {
        MODEL_FILE: safetensors.torch.save(model_tensors(trainer.model)),
        OPTIMIZER_FILE: safetensors.torch.save({k: t.contiguous() for k, t in trainer.optimizer.tensors().items()}),
    }
    if remembered := trainer.hooks.tensors():
        files[HOOKS_FILE] = safetensors.torch.save(remembered)
    state = {
        "format": FORMAT,
        "step": trainer.step,
        "tokens": trainer.tokens,
        "seconds": trainer.seconds,
        "extra": dict(extra),
        "files": {name: {"bytes": len(data), "sha256": _sha256(data)} for name, data in files.items()},
    }
    files[STATE_FILE] = (json.dumps(state, indent=2) + "\n").encode()
    partial = None
    try:
        door.make_folder(folder)  # its run folder is there, or was deleted meanwhile
        _remove_leftovers(folder)
        partial = door.new_folder(folder, f".{final.name}.")
        for name, data in files.items():
            door.write_new(partial / name, data)
        door.sync_folder(partial)
        _put_in_place(partial, final)
        door.sync_folder(folder)
    except OSError as error:
        if partial is not None:
            _remove(partial)
        raise CheckpointError(_why_not_written(final, error, sum(map(len, files.values())))) from error
    return final


def weights_digest(model: nn.Module) -> str:
    """SHA-256 (hex) of the file that a checkpoint would keep a model's weights in."""
    return _sha256(safetensors.torch.save(model_tensors(model)))


def kept_weights_digest(path: Path) -> str:
    """The same of the weights that a checkpoint holds, by what it says of them. CheckpointError."""
    entry = load_state(path)["files"].get(MODEL_FILE)
    return str(entry.get("sha256")) if isinstance(entry, dict) else ""


def load_checkpoint(path: Path, trainer: Trainer) -> dict[str, Any]:
    """Give a trainer the state of a checkpoint, and return its `extra`. CheckpointError, with nothing changed."""
    state = load_state(path)
    weights = _tensors_of(path, MODEL_FILE, state, model_tensors(trainer.model))
    optimizer_tensors = _tensors_of(path, OPTIMIZER_FILE, state, trainer.optimizer.tensors())
    hook_tensors = _hook_tensors(path, state)
    _copy(weights, model_tensors(trainer.model))
    trainer.hooks.load_tensors(hook_tensors)
    trainer.optimizer.load_tensors(optimizer_tensors)
    trainer.step, trainer.tokens, trainer.seconds = state["step"], state["tokens"], state["seconds"]
    extra: dict[str, Any] = state["extra"]
    return extra


def load_model(path: Path, model: nn.Module) -> int:
    """Give a model the weights that a checkpoint holds, and return the checkpoint's step. CheckpointError."""
    state = load_state(path)
    _copy(_tensors_of(path, MODEL_FILE, state, model_tensors(model)), model_tensors(model))
    step: int = state["step"]
    return step


def load_hooks(path: Path, hooks: Hooks) -> None:
    """Let the hooks of a model remember what a checkpoint holds of them, to judge or ask it. CheckpointError."""
    hooks.load_tensors(_hook_tensors(path, load_state(path)))


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """A model's tensors by name, each once: a tied head is the embedding and has no name of its own."""
    return dict(model.named_parameters()) | {
        name: buffer for name, buffer in model.named_buffers() if name in model.state_dict()
    }


def load_state(path: Path) -> dict[str, Any]:
    """What state.json says: step, tokens, seconds, extra, files. CheckpointError if it is missing or damaged."""
    try:
        door.check_folder(path)
        state = read_table(door.read_regular(path / STATE_FILE))
    except NotPlain as error:
        raise CheckpointError(f"{error.filename} is damaged: {error.strerror}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise CheckpointError(f"{path / STATE_FILE} is damaged: {error}") from error
    if wrong := list(problems(state, KINDS)):
        raise CheckpointError(f"{path / STATE_FILE} is damaged: {'; '.join(wrong)}")
    if re.fullmatch(r"step-\d+", path.name) and state["step"] != step_of(path):
        raise CheckpointError(f"{path / STATE_FILE} is damaged: step should be {step_of(path)}, as its folder says")
    if state["format"] != FORMAT:
        raise CheckpointError(f"{path} has the format {state['format']}; this version reads format {FORMAT}")
    return state


def is_valid(path: Path) -> bool:
    """Whether a checkpoint is whole: its files have the sizes and digests that were written down."""
    return not damage_of(path)


def damage_of(path: Path) -> str:
    """What is wrong with a checkpoint, in a sentence without its end; "" if it is whole."""
    try:
        state = load_state(path)
        for name in _tensor_files(state["files"]):
            _check_digest(path, name, state)
    except CheckpointError as error:
        return str(error)
    return ""


def list_checkpoints(run_folder: Path) -> list[Path]:
    """The folders of a run's checkpoints, valid or not, by step. CheckpointError for a link in the place of one."""
    folder = run_folder / "checkpoints"
    try:
        door.check_folder(folder)
        found = [path for path in folder.iterdir() if re.fullmatch(r"step-\d+", path.name)]
        for path in found:
            if path.is_symlink():
                door.check_folder(path)
        found = [path for path in found if path.is_dir()]
    except NotPlain as error:
        raise CheckpointError(f"{error.filename} cannot be used: {error.strerror}") from error
    except OSError:
        return []
    return sorted(found, key=step_of)


def find_checkpoint(run_folder: Path, at: str = "last") -> Path:
    """A valid checkpoint: the newest ("last"), that of the lowest validation loss ("best"), or that of a step ("500").

    Damaged ones are passed over for last and best, as `search_checkpoint` tells. CheckpointError if there is none.
    """
    return search_checkpoint(run_folder, at)[0]


def search_checkpoint(run_folder: Path, at: str = "last") -> tuple[Path, tuple[Path, ...]]:
    """As `find_checkpoint`, with the damaged ones that might have been meant and were passed over."""
    present = list_checkpoints(run_folder)
    unknown: list[Path] = []
    if not present:
        raise CheckpointError(f"{run_folder} has no checkpoints")
    if at == "last":
        wanted = present[::-1]
    elif at == "best":
        wanted = sorted((p for p in present if _validation_loss(p) < math.inf), key=_validation_loss)
        unknown = [path for path in present if path not in wanted and not is_valid(path)]
        if not wanted:
            raise CheckpointError(f"none of the checkpoints of {run_folder} has a validation loss; ask for last")
    elif at.isdecimal():
        wanted = [path for path in present if step_of(path) == int(at)]
    else:
        raise CheckpointError(f"{at!r} is no checkpoint: ask for last, best or a step")
    steps = ", ".join(f"{step_of(path)}" for path in present)
    if not wanted:
        raise CheckpointError(f"{run_folder} has no checkpoint at step {at}; there are: {steps}")
    for number, path in enumerate(wanted):
        if is_valid(path):
            return path, (*wanted[:number], *unknown)
    raise CheckpointError(f"{damage_of(wanted[0])}; the checkpoints of this run are at steps {steps}")


def prune(
    run_folder: Path,
    keep_last: int,
    best_step: int | None = None,
    first_step: int | None = None,
    damaged: Container[Path] = (),
) -> list[Path]:
    """Delete all but the newest `keep_last` checkpoints and those of `best_step` and `first_step` (that a fork began
    with); return what was deleted.

    Damaged ones (those that are known to be, and those of other sizes) do not count as kept, and are deleted as long as
    a whole one remains.
    """
    present = list_checkpoints(run_folder)
    whole = [path for path in present if path not in damaged and _has_its_sizes(path)]
    kept = set(whole[-keep_last:]) | {path for path in whole if step_of(path) in (best_step, first_step)}
    deleted = [path for path in present if path not in kept] if kept else []
    for path in deleted:
        _set_aside(path)
    return deleted


def files_of(path: Path) -> list[str]:
    """The names of the files that a checkpoint consists of. CheckpointError if it is damaged."""
    return [*_tensor_files(load_state(path)["files"]), STATE_FILE]


def _hook_tensors(path: Path, state: Mapping[str, Any]) -> dict[str, Tensor]:
    """What hooks remember; nothing where there is no such file."""
    return _parsed(path / HOOKS_FILE, _read(path, HOOKS_FILE, state)) if HOOKS_FILE in state["files"] else {}


def _parsed(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from error


def _tensors_of(folder: Path, name: str, state: Mapping[str, Any], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in a checkpoint's file, which must have the names, shapes and types of `like`."""
    path = folder / name
    needed = sum(tensor.numel() * tensor.element_size() for tensor in like.values())
    tensors = _parsed(path, _read(folder, name, state, most=16 * needed + (64 << 20)))
    for name in [*like, *tensors]:
        if name not in like or name not in tensors:
            where = "the checkpoint" if name not in tensors else "the model that the configuration describes"
            raise CheckpointError(f"{path} does not fit: {where} has no {name}")
        if tensors[name].shape != like[name].shape or tensors[name].dtype != like[name].dtype:
            have, want = tuple(tensors[name].shape), tuple(like[name].shape)
            raise CheckpointError(
                f"{path} does not fit: {name} is {have} there and {want} in the configuration's model"
            )
    return tensors


@torch.no_grad()
def _copy(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    for name, tensor in target.items():
        tensor.copy_(source[name])


def _read(path: Path, name: str, state: Mapping[str, Any], most: int = 1 << 30) -> bytes:
    """The bytes of one of a checkpoint's files, checked against what state.json says of them."""
    with _opened(path, name, state) as (file, expected):
        if expected["bytes"] > most:
            raise CheckpointError(f"{path} does not fit: {name} has {expected['bytes']:,} bytes, far more than needed")
        data = file.read(expected["bytes"])
        if _sha256(data) != expected["sha256"]:
            raise CheckpointError(f"{path} is damaged: {name} is not what was written")
    return data


def _check_digest(path: Path, name: str, state: Mapping[str, Any]) -> None:
    """The same check with little memory."""
    with _opened(path, name, state) as (file, expected):
        if hashlib.file_digest(file, "sha256").hexdigest() != expected["sha256"]:
            raise CheckpointError(f"{path} is damaged: {name} is not what was written")


@contextmanager
def _opened(path: Path, name: str, state: Mapping[str, Any]) -> Iterator[tuple[BufferedReader, dict[str, Any]]]:
    """A file that has the size that state.json says, and that. CheckpointError."""
    expected = state["files"].get(name)
    try:
        with door.open_regular(path / name) as file:
            size = os.fstat(file.fileno()).st_size
            if not isinstance(expected, dict) or expected.keys() != {"bytes", "sha256"} or expected["bytes"] != size:
                raise CheckpointError(f"{path} is damaged: {name} is not what was written")
            if size > LARGEST_FILE:
                raise CheckpointError(f"{path} is damaged: {name} has more than {LARGEST_FILE:,} bytes")
            yield file, expected
    except OSError as error:
        raise CheckpointError(f"{path} is damaged: {name}: {error.strerror or error}") from error


def _tensor_files(files: Mapping[str, Any]) -> list[str]:
    """The files that a checkpoint must have, by what state.json says of them."""
    return [MODEL_FILE, OPTIMIZER_FILE, *([HOOKS_FILE] if HOOKS_FILE in files else [])]


def _has_its_sizes(path: Path) -> bool:
    try:
        files = load_state(path)["files"]
        return all((path / name).lstat().st_size == files[name]["bytes"] for name in _tensor_files(files))
    except (CheckpointError, OSError, KeyError, TypeError):
        return False


def _validation_loss(path: Path) -> float:
    """The validation loss measured at a checkpoint's step; infinite where there is none."""
    try:
        loss = load_state(path)["extra"].get("loss/val")
    except CheckpointError:
        return math.inf
    return float(loss) if isinstance(loss, int | float) and math.isfinite(loss) else math.inf


def step_of(path: Path) -> int:
    """The step of a checkpoint, by its folder's name."""
    return int(path.name.removeprefix("step-"))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _put_in_place(partial: Path, final: Path) -> None:
    """Rename, where a checkpoint of the same step may be in the way: the same bits (then only the facts beside them are
    replaced), or a damaged one."""
    if os.path.lexists(final):
        door.check_folder(final)
        if is_valid(final) and load_state(final)["files"] == load_state(partial)["files"]:
            door.replace(partial / STATE_FILE, final / STATE_FILE)
            door.sync_folder(final)
            door.remove_folder(partial)
            return
        _set_aside(final, partial)
        return
    door.move_folder(partial, final)


def _set_aside(path: Path, instead: Path | None = None) -> None:
    """Remove a checkpoint, hidden first so that half of one is never taken for one; another may take its place."""
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(16)}")
    door.move_folder(path, hidden)
    if instead is not None:
        door.move_folder(instead, path)
    _remove(hidden)


def _remove(folder: Path) -> None:
    with suppress(OSError):  # what is left goes with the next checkpoint
        door.remove_folder(folder)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half-written or half-deleted. One process writes a run at a time."""
    for path in folder.glob(".step-*"):
        _remove(path)


def _why_not_written(path: Path, error: OSError, size: int) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full: {path.name} needs {size / 1e6:,.1f} MB at {path.parent}; the earlier checkpoints are "
            "whole. Make room and save again"
        )
    place = error.filename if isinstance(error, NotPlain) else path
    return f"{place} could not be written: {error.strerror or error}"
