"""Snapshots: copies in memory of a trainer's whole state at single steps, so that one can go back to them at once."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lmcore.hooks.active import Hooks
from lmcore.model.transformer import Transformer
from lmcore.training.checkpoints import CheckpointError, model_tensors
from lmcore.training.trainer import Trainer

MOST = 64
"""How many snapshots are kept at most, of a model so small that the memory would hold more."""


@dataclass(frozen=True)
class Snapshot:
    """A trainer's state after `step` steps; its tensors are copies, on the device of the originals.

    Once the ring has dropped it they may become those of another step: whoever needs them longer copies them.
    """

    step: int
    tokens: int
    seconds: float
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    hooks: dict[str, Tensor]
    extra: dict[str, Any]  # the caller's own facts


class SnapshotRing:
    """The snapshots of a run that goes on: every one of its last steps, and ever fewer of those before.

    What is over the budget goes from the older half, where it leaves the smallest gap for its age: so the newer half
    has no gap, the older half reaches back to the first step that was kept, and memory is used again, not asked for.
    """

    def __init__(self) -> None:
        self._kept: list[Snapshot] = []  # by step
        self._model: dict[str, Tensor] = {}  # what is copied: in place from step to step, so it is looked up once
        self._optimizer: list[Tensor] = []
        self._copied = 0  # bytes of these
        self._size = 0  # of a snapshot, with what hooks remember
        self._since = 0  # the first step that these were copied at

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that one can go back to, in their order."""
        return tuple(snapshot.step for snapshot in self._kept)

    def at(self, step: int) -> Snapshot | None:
        """The snapshot of a step, if it is kept."""
        return next((snapshot for snapshot in self._kept if snapshot.step == step), None)

    def keep(self, trainer: Trainer, budget: int, extra: Mapping[str, Any]) -> None:
        """Copy a trainer's state, within a budget in bytes for all snapshots together; nothing if that is too small.

        `extra` is kept beside it. A step that is kept already stays as it was.
        """
        if self._kept and self._kept[-1].step == trainer.step:
            return
        self._find_tensors(trainer)
        most, free = min(MOST, budget // max(1, self._size)), None
        while self._kept and len(self._kept) >= most:
            free = self._kept.pop(least_missed((*self.steps, trainer.step)))
        if most > 0:
            fits = free is not None and free.step >= self._since
            snapshot = take_snapshot(trainer, extra, self._model, free if fits else None)
            self._kept.append(snapshot)
            self._size = self._copied + _bytes_of(snapshot.hooks.values())

    def _find_tensors(self, trainer: Trainer) -> None:
        """Look up what is to be copied; that of the optimizer may have become another's."""
        optimizer = list(trainer.optimizer.tensors().values())
        known = self._optimizer
        if len(optimizer) == len(known) and all(map(operator.is_, optimizer, known)) and self._model:
            return
        self._model, self._optimizer, self._since = model_tensors(trainer.model), optimizer, trainer.step
        self._copied = _bytes_of((*self._model.values(), *optimizer))
        self._size = size_of(trainer)


@torch.no_grad()
def take_snapshot(
    trainer: Trainer,
    extra: Mapping[str, Any],
    model: dict[str, Tensor] | None = None,
    free: Snapshot | None = None,
) -> Snapshot:
    """A copy of a trainer's present state, with `extra` beside it.

    `model`: the tensors of its model, where they are known. `free`: a snapshot of the same tensors that is not needed
    any more, in whose memory the copy is made.
    """
    model, optimizer = model or model_tensors(trainer.model), trainer.optimizer.tensors()
    sources = [*model.values(), *optimizer.values()]
    if free is not None:
        places = [*free.model.values(), *free.optimizer.values()]
    else:
        places = [torch.empty_like(tensor, memory_format=torch.contiguous_format) for tensor in sources]
    torch._foreach_copy_(places, sources)
    return Snapshot(
        trainer.step,
        trainer.tokens,
        trainer.seconds,
        dict(zip(model, places[: len(model)], strict=True)),
        dict(zip(optimizer, places[len(model) :], strict=True)),
        trainer.hooks.tensors(),
        dict(extra),
    )


def size_of(trainer: Trainer) -> int:
    """Bytes that a snapshot of a trainer's present state takes."""
    tensors = (model_tensors(trainer.model), trainer.optimizer.tensors(), trainer.hooks.tensors())
    return _bytes_of([tensor for named in tensors for tensor in named.values()])


def _bytes_of(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def load_snapshot(snapshot: Snapshot, trainer: Trainer, with_optimizer: bool = True) -> None:
    """Give a trainer the state of a snapshot, that of its optimizer too or not. CheckpointError for another model;
    LabError for another optimizer."""
    load_snapshot_of_model(snapshot, trainer.model, trainer.hooks)
    if with_optimizer:
        trainer.optimizer.load_tensors(snapshot.optimizer)
    trainer.step, trainer.tokens, trainer.seconds = snapshot.step, snapshot.tokens, snapshot.seconds


@torch.no_grad()
def load_snapshot_of_model(snapshot: Snapshot, model: Transformer, hooks: Hooks | None) -> None:
    """Give a model, and its hooks if any, the state of a snapshot. CheckpointError for another model."""
    tensors = model_tensors(model)
    for name in [*tensors, *snapshot.model]:
        shapes = [tuple(of[name].shape) if name in of else "missing" for of in (snapshot.model, tensors)]
        if shapes[0] != shapes[1]:
            raise CheckpointError(
                f"The model of step {snapshot.step} does not fit: {name} is {shapes[0]} there and {shapes[1]} in the "
                "configuration's model"
            )
    for name, tensor in tensors.items():
        tensor.copy_(snapshot.model[name])
    if hooks is not None:
        hooks.load_tensors(snapshot.hooks)


def least_missed(steps: Sequence[int]) -> int:
    """Which of the kept steps to drop: of the older half without the first, that which leaves the smallest gap for its
    age. Of two or three it is the oldest."""
    candidates = range(1, len(steps) // 2)
    return min(candidates, key=lambda i: (steps[i + 1] - steps[i - 1]) / (steps[-1] - steps[i]), default=0)
