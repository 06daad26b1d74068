"""The fourth stage: which windows make the batch of a step, as a pure function of (seed, step)."""

import hashlib
import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.data.sequences import Windows

FEISTEL_ROUNDS = 8


class Batcher:
    """Batches of windows. Nothing is remembered from one step to the next, so a run can go on from any step.

    random: windows are drawn anywhere, each start equally likely. shuffled: windows side by side, each exactly once an
    epoch, in a new order and with a new offset each epoch; an epoch may end in the middle of a batch.
    """

    def __init__(
        self,
        tokens: Tensor,
        context_length: int,
        batch_size: int,
        order: Literal["random", "shuffled"],
        seed: int,
        accumulation: int = 1,
        ramp_start: int | None = None,
        ramp_steps: int = 0,
    ) -> None:
        """`tokens`: [token]. `accumulation`: micro-batches a step. The size of a micro-batch grows from `ramp_start` at
        step 0 to `batch_size` at step `ramp_steps`. Raises DataError where no window fits into the tokens."""
        self.windows = Windows(tokens, context_length)
        self.batch_size, self.accumulation = batch_size, accumulation
        self.order, self.seed = order, seed
        self._ramp_start, self._ramp_steps = (batch_size, 0) if ramp_start is None else (ramp_start, ramp_steps)

    def batch_size_at(self, step: int) -> int:
        """Windows in one micro-batch of a step."""
        if step >= self._ramp_steps:
            return self.batch_size
        return self._ramp_start + (self.batch_size - self._ramp_start) * step // self._ramp_steps

    def windows_before(self, step: int) -> int:
        """Windows in all steps before a step."""
        ramp = min(step, self._ramp_steps)
        growth = floor_sum(ramp, self.batch_size - self._ramp_start, self._ramp_steps) if ramp else 0
        return self.accumulation * (ramp * self._ramp_start + growth + (step - ramp) * self.batch_size)

    def tokens_before(self, step: int) -> int:
        """Tokens that all steps before a step have predicted."""
        return self.windows_before(step) * self.windows.context_length

    def starts(self, step: int) -> NDArray[np.int64]:
        """Where the windows of a step begin, over all its micro-batches."""
        count = self.batch_size_at(step) * self.accumulation
        if self.order == "random":
            draws = mix(np.uint64(key_of(self.seed, "random", step)) + np.arange(count, dtype=np.uint64))
            return (draws % np.uint64(self.windows.positions)).astype(np.int64)
        turns = self.windows_before(step) + np.arange(count)
        return np.concatenate([self._epoch_starts(epoch, turns) for epoch in np.unique(turns // self.windows.count)])

    def micro_batches(self, step: int) -> list[tuple[Tensor, Tensor]]:
        """x and y of each micro-batch of a step, int64 [batch, pos]: one large batch cut into `accumulation` parts."""
        starts = torch.from_numpy(self.starts(step))
        return [self.windows.at(part) for part in starts.chunk(self.accumulation)]

    def _epoch_starts(self, epoch: int, turns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the windows begin whose turn (counted from the start of training) falls into one epoch."""
        windows = self.windows
        turns = turns[turns // windows.count == epoch] % windows.count
        slack = len(windows.tokens) - 1 - windows.count * windows.context_length
        offset = key_of(self.seed, "offset", int(epoch)) % (slack + 1)
        return offset + windows.context_length * shuffled(turns, windows.count, key_of(self.seed, "order", int(epoch)))


def key_of(seed: int, purpose: str, index: int) -> int:
    """An unsigned 64-bit number that looks random, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {purpose} {index}".encode(), digest_size=8).digest(), "little")


def mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea and Flood 2014): counted numbers to random-looking ones, one to one."""
    numbers = numbers * np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def shuffled(turns: NDArray[np.int64], count: int, key: int) -> NDArray[np.int64]:
    """Which of `count` things has its turn at each of `turns`, in the random order that belongs to `key`.

    A one-to-one mapping of range(count) that needs no memory: a Feistel network on a table of rows and columns that
    barely holds `count` things, walked again from where it leaves them (Black and Rogaway 2002).
    """
    rows = math.isqrt(count - 1) + 1
    columns = -(-count // rows)
    keys = [np.uint64(key_of(key, "round", index)) for index in range(FEISTEL_ROUNDS)]
    values = turns.astype(np.uint64)
    outside = np.arange(len(values))
    while len(outside):
        row, column = np.divmod(values[outside], np.uint64(columns))
        for one, other in zip(keys[::2], keys[1::2], strict=True):
            row = (row + mix(column + one) % np.uint64(rows)) % np.uint64(rows)
            column = (column + mix(row + other) % np.uint64(columns)) % np.uint64(columns)
        values[outside] = row * np.uint64(columns) + column
        outside = np.flatnonzero(values >= np.uint64(count))
    return values.astype(np.int64)


def floor_sum(n: int, a: int, m: int, b: int = 0) -> int:
    """The sum of (a·i + b) // m for i = 0 … n - 1, in about log m steps, by Euclid's algorithm. a, b ≥ 0, m ≥ 1."""
    total = 0
    while n > 0:
        total += (n - 1) * n // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        top = a * n + b
        n, b, a, m = top // m, top % m, m, a
        if m == 0:
            break
    return total
