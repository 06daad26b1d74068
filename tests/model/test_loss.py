"""The loss in nats per token."""

import math

import torch

from lmcore.model.loss import next_token_loss, token_losses


def test_loss_is_minus_the_log_of_the_probability_of_the_target() -> None:
    probabilities = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]])
    targets = torch.tensor([[0, 2]])
    each = token_losses(probabilities.log(), targets)
    assert torch.allclose(each, torch.tensor([[math.log(2), -math.log(0.8)]]))
    assert torch.allclose(next_token_loss(probabilities.log(), targets), each.mean())


def test_equal_logits_lose_the_log_of_the_vocabulary() -> None:
    loss = next_token_loss(torch.zeros(4, 7, 50), torch.zeros(4, 7, dtype=torch.int64))
    assert torch.allclose(loss, torch.tensor(math.log(50)))
