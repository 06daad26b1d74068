"""First weights: the table of initialization holds, and a fresh model guesses."""

import math

import pytest
import torch

from lmcore.model.initialization import initialize
from lmcore.model.loss import next_token_loss
from tests.model.tiny import KINDS, some_tokens, tiny_model


@pytest.mark.parametrize(("positions", "norm", "mlp"), KINDS)
@pytest.mark.parametrize("others", [{}, {"tied_head": False, "qk_norm": True, "zero_init_projections": True}])
def test_a_fresh_model_guesses(positions: str, norm: str, mlp: str, others: dict[str, object]) -> None:
    model = tiny_model(positions=positions, norm=norm, mlp=mlp, vocabulary=64, **others)
    tokens = some_tokens(16, 13, vocabulary=64)
    loss = next_token_loss(model(tokens[:, :-1]), tokens[:, 1:]).item()
    assert loss == pytest.approx(math.log(64), abs=0.1)


def test_a_zero_head_gives_exactly_the_loss_of_guessing() -> None:
    model = tiny_model(tied_head=False, zero_init_projections=True)
    loss = next_token_loss(model(some_tokens()), some_tokens(seed=1)).item()
    assert loss == pytest.approx(math.log(32), abs=1e-6)


def test_the_spread_of_each_kind_of_weight() -> None:
    model = tiny_model(d_model=64, n_layers=2, bias=True, tied_head=False, initial_std=0.05, vocabulary=200)
    for name, parameter in model.named_parameters():
        owner = name.split(".")[-2]
        if name.endswith("bias"):
            assert (parameter == 0).all(), name
        elif owner.startswith("ln"):
            assert (parameter == 1).all(), name
        else:
            expected = 0.05 / math.sqrt(4) if owner in ("output", "down") else 0.05
            assert parameter.std().item() == pytest.approx(expected, rel=0.1), name
            assert parameter.mean().item() == pytest.approx(0, abs=expected / 5), name


def test_zero_projections_make_each_block_the_identity_at_first() -> None:
    model = tiny_model(zero_init_projections=True)
    _, seen = model.run_with_cache(some_tokens(), ["blocks.0.hook_resid_pre", "blocks.1.hook_resid_post"])
    first, last = seen.values()
    assert torch.equal(first, last)
    assert model.embed.weight.abs().sum() > 0


def test_weights_depend_on_the_generator_alone() -> None:
    one, same, other = tiny_model(seed=3), tiny_model(seed=4), tiny_model(seed=5)
    global_state = torch.random.get_rng_state()
    initialize(same, torch.Generator().manual_seed(3))
    assert torch.equal(torch.random.get_rng_state(), global_state)
    for (name, p), q, r in zip(one.named_parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q), name
        assert "ln" in name or not torch.equal(p, r), name
