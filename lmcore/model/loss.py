"""The loss: how surprised the model is by the next token."""

import torch.nn.functional as F
from torch import Tensor


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats per token: logits [batch, pos, vocabulary], targets [batch, pos] → a scalar."""
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten())


def token_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats of each token: [batch, pos]."""
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none").view_as(targets)
