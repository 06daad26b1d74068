"""Feedback alignment: fixed random matrices carry the error, and the model learns all the same."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmcore.hooks.builtin.backward import direct_feedback_alignment, feedback_alignment
from lmcore.hooks.points import Weight
from lmcore.model.transformer import Transformer
from tests.training.tiny import VOCABULARY, losses_of, tiny_config, tiny_model, tiny_text, tiny_trainer


@pytest.fixture
def layer() -> nn.Linear:
    torch.manual_seed(3)
    return nn.Linear(6, 4)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(1)).requires_grad_()  # [batch, pos, in]


@pytest.fixture
def delta() -> Tensor:
    """A gradient at the layer's output: [batch, pos, out]."""
    return torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def model() -> Transformer:
    return tiny_model(tiny_config())


def with_feedback(layer: nn.Linear, x: Tensor, state: dict[str, Tensor]) -> Tensor:
    weight = Weight("layer.weight", layer.weight)
    generator = torch.Generator().manual_seed(len(state))
    return feedback_alignment(x, layer.weight, layer.bias, weight, generator=generator, state=state)


def test_only_the_gradient_that_goes_on_is_another(layer: nn.Linear, x: Tensor, delta: Tensor) -> None:
    state: dict[str, Tensor] = {}
    y = with_feedback(layer, x, state)
    assert torch.equal(y, layer(x))
    inputs = (x, layer.weight, layer.bias)
    true = torch.autograd.grad(layer(x), inputs, delta)
    made = torch.autograd.grad(y, inputs, delta)
    assert torch.equal(made[0], delta @ state["feedback"])
    assert torch.allclose(made[1], true[1]) and torch.allclose(made[2], true[2])
    assert not torch.allclose(made[0], true[0])


def test_the_feedback_stays_the_same_from_step_to_step(layer: nn.Linear, x: Tensor, delta: Tensor) -> None:
    state: dict[str, Tensor] = {}
    with torch.no_grad():
        with_feedback(layer, x, state)
    assert not state  # judging a model draws nothing
    first, second = (torch.autograd.grad(with_feedback(layer, x, state), x, delta)[0] for _ in range(2))
    assert torch.equal(first, second)


def test_the_feedback_is_as_large_as_the_weight() -> None:
    x = torch.randn(1, 300).requires_grad_()
    for weight, std in ((0.3 * torch.randn(200, 300), 0.3), (torch.zeros(200, 300), 0.02)):
        layer = nn.Linear(300, 200)
        state: dict[str, Tensor] = {}
        layer.weight.data = weight
        with_feedback(layer, x, state)
        assert state["feedback"].std().item() == pytest.approx(std, rel=0.02)


def test_a_feedback_that_is_the_weight_is_backpropagation(layer: nn.Linear, x: Tensor, delta: Tensor) -> None:
    inputs = (x, layer.weight, layer.bias)
    made = torch.autograd.grad(with_feedback(layer, x, {"feedback": layer.weight.detach()}), inputs, delta)
    for one, other in zip(made, torch.autograd.grad(layer(x), inputs, delta), strict=True):
        assert torch.allclose(one, other)


def test_direct_feedback_carries_the_error_at_the_logits(
    layer: nn.Linear, x: Tensor, delta: Tensor, model: Transformer
) -> None:
    error = torch.randn(2, 5, VOCABULARY, generator=torch.Generator().manual_seed(4))
    state: dict[str, Tensor] = {}
    y = direct_feedback_alignment(
        x,
        layer.weight,
        layer.bias,
        Weight("layer.weight", layer.weight),
        error=lambda: error,
        generator=torch.Generator(),
        state=state,
        model=model,
    )
    made = torch.autograd.grad(y, (x, layer.weight, layer.bias), delta)
    assert torch.equal(made[0], error @ state["feedback"])
    assert torch.allclose(made[1], delta.flatten(0, 1).T @ x.flatten(0, 1))
    assert torch.allclose(made[2], delta.sum((0, 1)))


def test_the_error_in_a_model_is_softmax_minus_target() -> None:
    """The gradient of cross-entropy at the logits; the hook's matrix and what it carries are read off the model."""
    hooks = [{"name": "dfa", "kind": "backward", "use": "direct_feedback_alignment", "at": "blocks.1.mlp.down.weight"}]
    trainer = tiny_trainer(tiny_config(hooks=hooks))
    seen: list[Tensor] = []
    [(x, y)] = trainer.batcher.micro_batches(0)
    trainer.hooks.at_step(0)
    trainer.model.train()
    with trainer.model.hooks(bwd_hooks=[("blocks.1.mlp.hook_post", lambda gradient, _: seen.append(gradient))]):
        logits = trainer.model(x)
        F.cross_entropy(logits.flatten(0, 1), y.flatten()).backward()
    error = (logits.softmax(-1) - F.one_hot(y.long(), VOCABULARY)) / y.numel()
    feedback = trainer.hooks.tensors()["dfa/direct_feedback_alignment/blocks.1.mlp.down.weight/feedback"]
    assert torch.allclose(seen[0], error @ feedback, atol=1e-6)


def trained(use: str, kind: str) -> float:
    """The loss after some hundred steps of a model with this hook on all weights of its blocks."""
    hooks: list[dict[str, Any]] = [{"name": "one", "kind": kind, "use": use, "at": "blocks.*.weight"}]
    trainer = tiny_trainer(tiny_config(hooks=hooks, max_steps=250, learning_rate=1e-2, warmup_steps=10, batch_size=8))
    return math.fsum(losses_of(trainer, 250)[-20:]) / 20


def test_a_model_trains_well_below_the_unigram_loss() -> None:
    counts = torch.bincount(tiny_text().long(), minlength=VOCABULARY).double()
    shares = counts / counts.sum()
    unigram = -(shares * shares.log()).sum().item()
    without_blocks = trained("freeze", "update")  # what embedding and head learn on their own
    for use in ("feedback_alignment", "direct_feedback_alignment"):
        loss = trained(use, "backward")
        assert loss < unigram - 1.0, use
        assert loss < without_blocks - 0.4, use
