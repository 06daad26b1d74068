"""What a person's function may read and must not write: the parameters and fixed values of a model."""

import itertools
from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn


class HasTensors(Protocol):
    """What is guarded of a model."""

    def named_parameters(self) -> Iterable[tuple[str, nn.Parameter]]:
        """Every parameter by its name."""
        ...

    def named_buffers(self) -> Iterable[tuple[str, Tensor]]:
        """Every fixed value by its name."""
        ...


class Guard:
    """Copies of a model's tensors, from which they are brought back when a function has written to them.

    A copy is made again only after training has changed the tensor. Writing through `.data` goes unseen.
    """

    def __init__(self, model: HasTensors) -> None:
        self._tensors: dict[str, Tensor] = dict(itertools.chain(model.named_parameters(), model.named_buffers()))
        self._copies: dict[str, tuple[tuple[int, int], Tensor]] = {}  # state, and the values in it

    def remember(self) -> None:
        """Let the present values be those that stay."""
        for name, tensor in self._tensors.items():
            if name not in self._copies or self._copies[name][0] != _state(tensor):
                self._copies[name] = (_state(tensor), tensor.detach().clone())

    @torch.no_grad()
    def bring_back(self) -> str:
        """Bring back what was written to since; the name of the first such tensor, or nothing."""
        written = [name for name, tensor in self._tensors.items() if self._copies[name][0] != _state(tensor)]
        for name in written:
            copy = self._copies.pop(name)[1]
            self._tensors[name].copy_(copy)
        return written[0] if written else ""


def _state(tensor: Tensor) -> tuple[int, int]:
    """Another one after each change in place."""
    return tensor._version, tensor.data_ptr()
