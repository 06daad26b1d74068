"""Evaluation against a naive loop over positions."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config import EvaluationConfig
from lmcore.training.evaluation import EvaluationError, evaluate, evaluation_windows, spread
from tests.training.tiny import CPU, VOCABULARY, tiny_config, tiny_model, tiny_text

CONTEXT = 12


def naive_loss(model: torch.nn.Module, tokens: torch.Tensor, stride: int) -> float:
    """Mean over all predictions, each made alone with the context that the definition gives it."""
    last = len(tokens) - 1 - CONTEXT
    losses = []
    for target in range(1, len(tokens)):
        start = 0 if target <= CONTEXT else min(math.ceil((target - CONTEXT) / stride) * stride, last)
        x = tokens[max(start, 0) : target].long()[None]
        losses.append(-model(x)[0, -1].log_softmax(-1)[tokens[target].long()].item())
    return sum(losses) / len(losses)


@pytest.mark.parametrize("stride", [None, 12, 6, 5, 1])
@pytest.mark.parametrize("tokens", [100, 97, 13, 12, 5, 2])
def test_whole_split_counts_each_token_once(stride: int | None, tokens: int) -> None:
    model = tiny_model(tiny_config({"initial_std": 0.5}))
    text = tiny_text(tokens)
    config = EvaluationConfig(stride=stride, batch_size=3)
    metrics = evaluate(model, text, config, CONTEXT, CPU, bytes_per_token=2.0)
    with torch.no_grad():
        expected = naive_loss(model.eval(), text, stride or CONTEXT)
    assert metrics["loss/val"] == pytest.approx(expected, rel=1e-5)
    assert metrics["perplexity/val"] == pytest.approx(math.exp(expected), rel=1e-4)
    assert metrics["bits_per_byte/val"] == pytest.approx(expected / math.log(2) / 2, rel=1e-5)


@settings(max_examples=200, deadline=None)
@given(tokens=st.integers(2, 200), length=st.integers(1, 40), stride=st.integers(1, 40))
def test_windows_cover_each_prediction_once_with_context_before_it(tokens: int, length: int, stride: int) -> None:
    length = min(length, tokens - 1)
    stride = min(stride, length)
    starts, skipped = evaluation_windows(tokens, length, stride)
    counted = []
    for start, skip in zip(starts.tolist(), skipped.tolist(), strict=True):
        assert 0 <= start <= tokens - 1 - length
        assert start == 0 or skip >= length - stride
        counted += range(start + skip, start + length)
    assert counted == list(range(tokens - 1))


def test_n_batches_are_spread_over_the_split_and_the_same_each_time() -> None:
    assert spread(100, 4).tolist() == [12, 37, 62, 87]
    assert spread(3, 4).tolist() == [0, 1, 2]
    model, text = tiny_model(tiny_config()), tiny_text(500)
    config = EvaluationConfig(batches=2, batch_size=3)
    first = evaluate(model, text, config, CONTEXT, CPU)
    torch.manual_seed(3)
    assert evaluate(model, text, config, CONTEXT, CPU) == first
    whole = evaluate(model, text, EvaluationConfig(batches=1000, batch_size=3), CONTEXT, CPU)
    assert whole == evaluate(model, text, EvaluationConfig(batch_size=3), CONTEXT, CPU) != first


def test_dropout_is_off_gradients_are_not_made_and_the_mode_is_restored() -> None:
    model, text = tiny_model(tiny_config({"dropout": 0.5})), tiny_text(100)
    model.train()
    state = torch.get_rng_state()
    modes = []

    def between_batches() -> None:
        modes.append(model.training)
        model.train()  # as somebody who uses the model between batches may leave it

    config = EvaluationConfig(batch_size=2)
    first = evaluate(model, text, config, CONTEXT, CPU, on_batch=between_batches)
    assert first == evaluate(model, text, config, CONTEXT, CPU)
    assert "bits_per_byte/val" not in first
    assert model.training
    assert len(modes) == 5 and not any(modes)
    assert torch.equal(state, torch.get_rng_state())
    assert all(p.grad is None for p in model.parameters())


def test_the_mode_is_restored_when_a_command_interrupts() -> None:
    model = tiny_model(tiny_config())

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(model.train(), tiny_text(50), EvaluationConfig(), CONTEXT, CPU, on_batch=interrupt)
    assert model.training


def test_a_split_without_a_prediction_is_answered() -> None:
    with pytest.raises(EvaluationError, match="needs at least 2"):
        evaluate(tiny_model(tiny_config()), tiny_text(1), EvaluationConfig(), CONTEXT, CPU)


def test_an_enormous_loss_has_an_infinite_perplexity() -> None:
    model = tiny_model(tiny_config())
    with torch.no_grad():
        model.embed.weight.copy_(torch.randn(VOCABULARY, 16, generator=torch.Generator().manual_seed(0)) * 1e5)
    metrics = evaluate(model, tiny_text(100), EvaluationConfig(), CONTEXT, CPU)
    assert metrics["loss/val"] > 700
    assert metrics["perplexity/val"] == math.inf
