"""The fourth stage: which windows make the batch of a step, as a pure function of (seed, step)."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.data.permutation import floor_sum, key_of, mix, shuffled
from lmcore.data.sequences import Windows


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
