"""What each loss hook computes, by formula."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lmcore.hooks.builtin import loss
from lmcore.model.loss import next_token_loss
from lmcore.model.transformer import Transformer
from tests.training.tiny import VOCABULARY, tiny_config, tiny_model, tiny_text

PATTERNS = "blocks.*.attn.hook_pattern"


@pytest.fixture
def logits() -> Tensor:
    """[batch, pos, vocabulary]"""
    return torch.randn(2, 5, VOCABULARY, generator=torch.Generator().manual_seed(1)).requires_grad_()


@pytest.fixture
def targets() -> Tensor:
    return tiny_text(10).long().view(2, 5)


@pytest.fixture
def model() -> Transformer:
    return tiny_model(tiny_config({"initial_std": 0.3}))


@pytest.fixture
def tokens() -> Tensor:
    return tiny_text(20).long().view(2, 10)


def test_z_loss_is_the_square_of_the_log_normalizer(logits: Tensor, targets: Tensor) -> None:
    expected = logits.exp().sum(-1).log().square().mean()
    assert torch.allclose(loss.z_loss(logits, targets, {}, weight=0.5), 0.5 * expected)


def test_label_smoothing_makes_the_loss_that_torch_smooths(logits: Tensor, targets: Tensor) -> None:
    whole = next_token_loss(logits, targets) + loss.label_smoothing(logits, targets, {}, weight=0.2)
    torchs = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), label_smoothing=0.2)
    assert torch.allclose(whole, torchs)
    mine, theirs = (torch.autograd.grad(one, logits)[0] for one in (whole, torchs))
    assert torch.allclose(mine, theirs, atol=1e-7)


def test_activation_l1_and_l2_are_means_over_points(logits: Tensor, targets: Tensor) -> None:
    seen = {"hook_embed": torch.tensor([[1.0, -3.0]]), "blocks.0.hook_mlp_out": torch.tensor([[2.0, 2.0]])}
    assert loss.activation_l1(logits, targets, seen, weight=0.5).item() == 1.0
    assert loss.activation_l2(logits, targets, seen, weight=0.5).item() == 0.5 * (5 + 4) / 2


def test_attention_entropy_is_that_of_the_patterns(
    model: Transformer, tokens: Tensor, logits: Tensor, targets: Tensor
) -> None:
    _, seen = model.run_with_cache(tokens, PATTERNS)
    entropies = [torch.distributions.Categorical(pattern).entropy().mean() for pattern in seen.values()]
    term = loss.attention_entropy(logits, targets, seen, weight=2.0)
    assert torch.allclose(term, 2 * torch.stack(entropies).mean(), atol=1e-5)
    term.backward()
    gradient = model.get_parameter("blocks.0.attn.query.weight").grad
    assert gradient is not None and gradient.isfinite().all() and gradient.any()


def test_attention_entropy_is_least_where_one_key_has_all(logits: Tensor, targets: Tensor) -> None:
    def of(pattern: Tensor) -> float:
        return loss.attention_entropy(logits, targets, {"blocks.0.attn.hook_pattern": pattern}, weight=1.0).item()

    assert of(torch.eye(4)[None, None]) == pytest.approx(0.0, abs=1e-6)
    assert of(torch.full((1, 1, 4, 4), 0.25)) == pytest.approx(torch.tensor(4.0).log().item())


def test_decorrelation_is_half_the_squared_covariances_off_the_diagonal(logits: Tensor, targets: Tensor) -> None:
    x = torch.randn(4, 6, 2, 3, generator=torch.Generator().manual_seed(3))  # [batch, pos, head, d_head]
    covariance = torch.cov(x.reshape(24, 6).T, correction=0)
    expected = (covariance - covariance.diag().diag()).square().sum() / 2
    assert torch.allclose(loss.decorrelation(logits, targets, {"blocks.0.attn.hook_z": x}, weight=3.0), 3 * expected)


def test_intermediate_is_the_loss_of_what_the_head_reads_earlier(model: Transformer, tokens: Tensor) -> None:
    logits, seen = model.run_with_cache(tokens, "blocks.*.hook_resid_post")
    targets = tokens.roll(-1, dims=1)
    last = {"blocks.1.hook_resid_post": seen["blocks.1.hook_resid_post"]}
    term = loss.intermediate(logits, targets, last, weight=0.5, model=model)
    assert torch.allclose(term, 0.5 * next_token_loss(logits, targets))  # after the last block it is the loss itself
    both = loss.intermediate(logits, targets, seen, weight=1.0, model=model)
    first = next_token_loss(model.logits_of(seen["blocks.0.hook_resid_post"]), targets)
    assert torch.allclose(both, (first + next_token_loss(logits, targets)) / 2)


def test_weight_l1_is_the_sum_over_all_parameters(logits: Tensor, targets: Tensor) -> None:
    seen = {"a": nn.Parameter(torch.tensor([1.0, -2.0])), "b": nn.Parameter(torch.tensor([[0.5], [0.0]]))}
    term = loss.weight_l1(logits, targets, seen, weight=2.0)
    assert term.item() == 7.0
    term.backward()
    assert seen["a"].grad is not None and torch.equal(seen["a"].grad, torch.tensor([2.0, -2.0]))


def test_orthogonality_is_the_distance_of_rows_or_columns_from_orthonormal(logits: Tensor, targets: Tensor) -> None:
    wide = nn.Parameter(torch.randn(3, 5, generator=torch.Generator().manual_seed(4)))
    tall = nn.Parameter(2 * torch.eye(5, 3))
    vector = nn.Parameter(torch.ones(3))
    of_wide = (wide @ wide.T - torch.eye(3)).norm() ** 2
    of_tall = torch.tensor(3 * (4.0 - 1) ** 2)
    term = loss.orthogonality(logits, targets, {"wide": wide, "tall": tall, "vector": vector}, weight=0.1)
    assert torch.allclose(term, 0.1 * (of_wide + of_tall) / 2)
    assert loss.orthogonality(logits, targets, {"basis": nn.Parameter(torch.eye(5, 3))}, weight=1.0).item() == 0.0


def test_what_a_term_cannot_look_at_is_refused_with_advice(logits: Tensor, targets: Tensor, model: Transformer) -> None:
    weights = {"w": nn.Parameter(torch.ones(3))}
    activations = {"blocks.0.attn.hook_z": torch.ones(1, 2, 2, 3)}
    for term in (loss.activation_l1, loss.activation_l2, loss.attention_entropy, loss.decorrelation):
        for seen in ({}, weights):
            with pytest.raises(ValueError, match="name hook points under `at`"):
                term(logits, targets, seen, weight=1.0)
    for term in (loss.weight_l1, loss.orthogonality):
        for seen in ({}, activations):
            with pytest.raises(ValueError, match="name parameters under `at`"):
                term(logits, targets, seen, weight=1.0)
    with pytest.raises(ValueError, match="matches vectors alone"):
        loss.orthogonality(logits, targets, weights, weight=1.0)
    with pytest.raises(ValueError, match="attention patterns, such as"):
        loss.attention_entropy(logits, targets, activations, weight=1.0)
    with pytest.raises(ValueError, match="the residual stream, such as"):
        loss.intermediate(logits, targets, activations, weight=1.0, model=model)
