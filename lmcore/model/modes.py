"""Looking at a model without leaving a trace in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def only_reading(model: nn.Module) -> Iterator[None]:
    """Inside: evaluation mode (no dropout, so no random numbers) and no gradients. After: the mode from before."""
    was_training = model.training
    if was_training:
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if was_training:
            model.train()
