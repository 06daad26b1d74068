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
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from lmcore.hooks.active import Hooks
from lmcore.training.trainer import Trainer

MODEL_FILE = "model.safetensors"
OPTIMIZER_FILE = "optimizer.safetensors"
HOOKS_FILE = "hooks.safetensors"
STATE_FILE = "state.json"
FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint could not be written, found or read; the sentence says which, why, and what could be done."""


def save_checkpoint(run_folder: Path, trainer: Trainer, extra: Mapping[str, Any]) -> Path:
    """Write the trainer's state, with `extra` (plain data) beside it, and return its folder. CheckpointError.

    Everything is written to a folder of another name, synced to the disk, and renamed: a process killed at any moment,
    or a full disk, leaves the earlier checkpoints and no half of this one. A number under `loss/val` in `extra`, put
    there only if it was measured at this step, is what "best" goes by.
    """
    folder = run_folder / "checkpoints"
    final = folder / f"step-{trainer.step:06d}"
    partial = folder / f".{final.name}.partial"
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
    try:
        folder.mkdir(exist_ok=True)  # its run folder is there, or was deleted meanwhile
        _remove_leftovers(folder)
        partial.mkdir()
        for name, data in files.items():
            _write_synced(partial / name, data)
        _sync_folder(partial)
        _put_in_place(partial, final)
        _sync_folder(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(_why_not_written(final, error, sum(map(len, files.values())))) from error
    return final


def load_checkpoint(path: Path, trainer: Trainer) -> dict[str, Any]:
    """Give a trainer the state of a checkpoint, and return its `extra`. CheckpointError, with nothing changed."""
    state = load_state(path)
    contents = _read_files(path, state)
    weights = _tensors(path / MODEL_FILE, contents[MODEL_FILE], model_tensors(trainer.model))
    optimizer_tensors = _tensors(path / OPTIMIZER_FILE, contents[OPTIMIZER_FILE], trainer.optimizer.tensors())
    hook_tensors = _hook_tensors(path, contents)
    _copy(weights, model_tensors(trainer.model))
    trainer.hooks.load_tensors(hook_tensors)
    trainer.optimizer.load_tensors(optimizer_tensors)
    trainer.step, trainer.tokens, trainer.seconds = state["step"], state["tokens"], state["seconds"]
    extra: dict[str, Any] = state["extra"]
    return extra


def load_model(path: Path, model: nn.Module) -> int:
    """Give a model the weights that a checkpoint holds, and return the checkpoint's step. CheckpointError."""
    state = load_state(path)
    _copy(_tensors(path / MODEL_FILE, _read_files(path, state)[MODEL_FILE], model_tensors(model)), model_tensors(model))
    step: int = state["step"]
    return step


def load_hooks(path: Path, hooks: Hooks) -> None:
    """Let the hooks of a model remember what a checkpoint holds of them, to judge or ask it. CheckpointError."""
    hooks.load_tensors(_hook_tensors(path, _read_files(path, load_state(path))))


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """A model's tensors by name, each once: a tied head is the embedding and has no name of its own."""
    return dict(model.named_parameters()) | {
        name: buffer for name, buffer in model.named_buffers() if name in model.state_dict()
    }


def load_state(path: Path) -> dict[str, Any]:
    """What state.json says: step, tokens, seconds, extra, files. CheckpointError if it is missing or damaged."""
    try:
        state = json.loads((path / STATE_FILE).read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is damaged: its {STATE_FILE} is not whole") from error
    kinds = {"step": int, "tokens": int, "seconds": int | float, "extra": dict, "files": dict}
    if not isinstance(state, dict) or not all(isinstance(state.get(key), kind) for key, kind in kinds.items()):
        raise CheckpointError(f"{path} is damaged: its {STATE_FILE} lacks some of {', '.join(kinds)}")
    if state.get("format") != FORMAT:
        raise CheckpointError(f"{path} has the format {state.get('format')!r}; this version reads format {FORMAT}")
    return state


def is_valid(path: Path) -> bool:
    """Whether a checkpoint is whole: its files have the sizes and digests that were written down."""
    try:
        _read_files(path, load_state(path))
    except CheckpointError:
        return False
    return True


def list_checkpoints(run_folder: Path) -> list[Path]:
    """The folders of a run's checkpoints, valid or not, by step."""
    folder = run_folder / "checkpoints"
    try:
        found = [path for path in folder.iterdir() if re.fullmatch(r"step-\d+", path.name) and path.is_dir()]
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
    raise CheckpointError(f"{wanted[0]} is damaged; the checkpoints of this run are at steps {steps}")


def prune(run_folder: Path, keep_last: int, best_step: int | None = None, first_step: int | None = None) -> list[Path]:
    """Delete all but the newest `keep_last` checkpoints and those of `best_step` and `first_step` (that a fork began
    with); return what was deleted.

    Damaged ones do not count as kept, and are deleted as long as a whole one remains.
    """
    present = list_checkpoints(run_folder)
    whole = [path for path in present if _has_its_sizes(path)]
    kept = set(whole[-keep_last:]) | {path for path in whole if step_of(path) in (best_step, first_step)}
    deleted = [path for path in present if path not in kept] if kept else []
    for path in deleted:
        hidden = path.with_name(f".{path.name}.deleted")
        path.rename(hidden)  # so that a half-deleted one is never taken for a checkpoint
        shutil.rmtree(hidden, ignore_errors=True)
    return deleted


def _hook_tensors(path: Path, contents: Mapping[str, bytes]) -> dict[str, Tensor]:
    """What hooks remember; nothing where there is no such file."""
    return _parsed(path / HOOKS_FILE, contents[HOOKS_FILE]) if HOOKS_FILE in contents else {}


def _parsed(path: Path, data: bytes) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}") from error


def _tensors(path: Path, data: bytes, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in a file's bytes, which must have the names, shapes and types of `like`."""
    tensors = _parsed(path, data)
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


def _read_files(path: Path, state: Mapping[str, Any]) -> dict[str, bytes]:
    """The bytes of a checkpoint's files, checked against what state.json says of them."""
    contents = {}
    for name in _tensor_files(state["files"]):
        expected = state["files"].get(name)
        try:
            contents[name] = (path / name).read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path} is damaged: {name}: {error.strerror or error}") from error
        if expected != {"bytes": len(contents[name]), "sha256": _sha256(contents[name])}:
            raise CheckpointError(f"{path} is damaged: {name} is not what was written")
    return contents


def _tensor_files(files: Mapping[str, Any]) -> list[str]:
    """The files that a checkpoint must have, by what state.json says of them."""
    return [MODEL_FILE, OPTIMIZER_FILE, *([HOOKS_FILE] if HOOKS_FILE in files else [])]


def _has_its_sizes(path: Path) -> bool:
    try:
        files = load_state(path)["files"]
        return all((path / name).stat().st_size == files[name]["bytes"] for name in _tensor_files(files))
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


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(partial: Path, final: Path) -> None:
    """Rename, where a checkpoint of the same step may be in the way: the same bits (then only the facts beside them are
    replaced), or a damaged one."""
    if final.is_dir() and is_valid(final) and load_state(final)["files"] == load_state(partial)["files"]:
        (partial / STATE_FILE).replace(final / STATE_FILE)
        _sync_folder(final)
        shutil.rmtree(partial)
        return
    if final.is_dir():
        old = final.with_name(f".{final.name}.deleted")
        final.rename(old)
        partial.rename(final)
        shutil.rmtree(old, ignore_errors=True)
        return
    partial.rename(final)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half-written or half-deleted. One process writes a run at a time."""
    for path in folder.glob(".step-*"):
        shutil.rmtree(path, ignore_errors=True)


def _why_not_written(path: Path, error: OSError, size: int) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full: {path.name} needs {size / 1e6:,.1f} MB at {path.parent}; the earlier checkpoints are "
            "whole. Make room and save again"
        )
    return f"{path} could not be written: {error.strerror or error}"
