"""Judging a model on the validation split: loss, perplexity, bits per byte. Deterministic; changes nothing."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lmcore.config.schema import EvaluationConfig
from lmcore.data.sequences import Windows
from lmcore.errors import LabError
from lmcore.model.loss import token_losses
from lmcore.model.transformer import Transformer


class EvaluationError(LabError):
    """There is nothing to judge the model on."""


@torch.no_grad()
def evaluate(
    model: Transformer,
    tokens: Tensor,
    config: EvaluationConfig,
    context_length: int,
    device: torch.device,
    bytes_per_token: float | None = None,
    on_batch: Callable[[], None] | None = None,
) -> dict[str, float]:
    """`loss/val` (nats per token), `perplexity/val`, and `bits_per_byte/val` where the bytes per token are known.

    Reads the whole split `tokens` [token], or with `config.batches` = n, n batches of windows spread evenly over it.
    Read whole, every token but the first counts exactly once. `on_batch` is called after each batch and may use the
    model. Raises EvaluationError where there are fewer than two tokens.
    """
    if len(tokens) < 2:
        raise EvaluationError(f"the validation split has {len(tokens)} tokens; judging a model needs at least 2")
    length = min(context_length, len(tokens) - 1)
    windows = Windows(tokens, length)
    starts, skipped = evaluation_windows(len(tokens), length, config.stride or length)
    if config.batches > 0:
        chosen = spread(len(starts), config.batches * config.batch_size)
        starts, skipped = starts[chosen], skipped[chosen]
    total, count = 0.0, 0
    was_training = model.training
    try:
        for first in range(0, len(starts), config.batch_size):
            part = slice(first, first + config.batch_size)
            model.eval()  # for each batch, since on_batch may have changed it
            x, y = windows.at(starts[part])  # [window, pos]
            losses = token_losses(model(x.to(device)), y.to(device)).cpu()  # [window, pos]
            counts = torch.arange(length) >= skipped[part, None]  # [window, pos]
            total += losses[counts].sum(dtype=torch.float64).item()
            count += int(counts.sum())
            if on_batch is not None:
                on_batch()
    finally:
        model.train(was_training)
    return describe_loss(total / count, bytes_per_token)


def describe_loss(loss: float, bytes_per_token: float | None) -> dict[str, float]:
    """A validation loss in nats per token, by its three names."""
    perplexity = math.exp(loss) if loss < 700 else math.inf  # exp overflows at 710
    metrics = {"loss/val": loss, "perplexity/val": perplexity}
    if bytes_per_token is not None:
        metrics["bits_per_byte/val"] = loss / math.log(2) / bytes_per_token
    return metrics


def evaluation_windows(tokens: int, length: int, stride: int) -> tuple[Tensor, Tensor]:
    """Where windows start, and how many of each one's first positions do not count: both int64 [window].

    Windows of `length` move by `stride`. The first counts whole, each other only in its last `stride` positions, which
    so have at least length - stride tokens before them. The last is moved back to end with the split, and counts only
    what none before it did. Together they count each of the tokens - 1 predictions once.
    """
    last = tokens - 1 - length
    starts = torch.arange(0, last + stride, min(stride, length)).clamp(max=last)  # [window]
    counted_until = torch.cat([torch.zeros(1, dtype=torch.int64), starts[:-1] + length])  # [window]
    return starts, counted_until - starts


def spread(count: int, wanted: int) -> Tensor:
    """`wanted` of the indices below `count`, evenly spread, in order; all of them when there are not so many."""
    if wanted >= count:
        return torch.arange(count)
    return (torch.arange(wanted) * count + count // 2) // wanted
