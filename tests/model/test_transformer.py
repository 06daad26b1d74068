"""The whole model: shapes, causality, learning, and what it says about itself."""

import math

import pytest
import torch

from lmcore.hooks.points import HookPointError
from lmcore.model.loss import next_token_loss
from lmcore.model.transformer import ContextError, Transformer
from tests.model.tiny import KINDS, MODERN, VOCABULARY, lively_model, some_tokens, tiny_config, tiny_model


@pytest.mark.parametrize(("positions", "norm", "mlp"), KINDS)
def test_no_position_sees_a_later_one(positions: str, norm: str, mlp: str) -> None:
    model = lively_model(positions=positions, norm=norm, mlp=mlp)
    embedded: list[torch.Tensor] = []

    def keep(x: torch.Tensor, point: object) -> torch.Tensor:
        embedded.append(x.detach().requires_grad_())
        return embedded[0]

    logits = model.run_with_hooks(some_tokens(1), [("hook_embed", keep)])
    for position in range(12):
        (gradient,) = torch.autograd.grad(logits[0, position].sum(), embedded[0], retain_graph=True)
        reach = gradient[0].abs().sum(dim=-1)  # [pos]
        assert (reach[position + 1 :] == 0).all()
        assert (reach[: position + 1] > 0).all()


@pytest.mark.parametrize("options", [{}, MODERN, {"positions": "sinusoidal", "bias": True, "mlp": "swiglu"}])
def test_overfits_one_batch(options: dict[str, object]) -> None:
    model = tiny_model(**options)
    tokens = some_tokens(4, 13)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02, weight_decay=0.0)
    for _ in range(120):
        loss = next_token_loss(model(tokens[:, :-1]), tokens[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


@pytest.mark.parametrize("length", [1, 5, 12])
def test_logits_have_a_row_for_each_position(length: int) -> None:
    logits = tiny_model()(some_tokens(3, length))
    assert logits.shape == (3, length, VOCABULARY)
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("length", [0, 13])
def test_too_many_tokens_or_none_are_refused_with_the_limit(length: int) -> None:
    with pytest.raises(ContextError, match=r"1 to 12 tokens at once \(model.context_length\), not " + str(length)):
        tiny_model()(some_tokens(1, length))


def test_soft_cap_bounds_the_logits_and_hardly_changes_small_ones() -> None:
    plain, capped = lively_model(), lively_model(logit_soft_cap=2.0)
    free, bounded = plain(some_tokens()), capped(some_tokens())
    assert free.abs().max() > 2 > bounded.abs().max()
    assert torch.allclose(bounded, 2 * torch.tanh(free / 2))
    small = free.abs() < 0.2
    assert torch.allclose(bounded[small], free[small], atol=1e-3)


def test_a_tied_head_is_the_embedding_and_an_untied_one_is_not() -> None:
    tied, untied = tiny_model(), tiny_model(tied_head=False)
    assert not any("unembed" in name for name, _ in tied.named_parameters())
    assert dict(untied.named_parameters())["unembed.weight"].shape == (VOCABULARY, 16)
    with torch.no_grad():
        untied.embed.weight.mul_(3.0)
        before = untied.logits_of(torch.ones(1, 1, 16))
        untied.embed.weight.mul_(3.0)
        assert torch.equal(untied.logits_of(torch.ones(1, 1, 16)), before)


def test_making_a_model_leaves_the_global_random_stream_alone() -> None:
    before = torch.random.get_rng_state()
    Transformer(tiny_config(dropout=0.5), VOCABULARY)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_dropout_acts_in_training_only() -> None:
    model = lively_model(dropout=0.5)
    tokens = some_tokens()
    assert not torch.equal(model(tokens), model(tokens))
    model.eval()
    assert torch.equal(model(tokens), model(tokens))


def test_no_dropout_draws_no_random_number() -> None:
    before = torch.random.get_rng_state()
    tiny_model()(some_tokens())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_components_are_in_order_and_own_every_parameter() -> None:
    model = tiny_model(tied_head=False, bias=True)
    assert model.components() == [
        "embed", "pos_embed", "blocks.0.attn", "blocks.0.mlp", "blocks.1.attn", "blocks.1.mlp", "ln_final", "unembed",
    ]  # fmt: skip
    assert {model.component_of(name) for name, _ in model.named_parameters()} == set(model.components())
    assert model.component_of("blocks.1.ln1.weight") == "blocks.1.attn"
    assert model.component_of("blocks.1.ln2.bias") == "blocks.1.mlp"


EXPECTED_POINTS = {
    "hook_embed": (2, 5, 16),
    "hook_pos_embed": (2, 5, 16),
    **{f"blocks.1.hook_{name}": (2, 5, 16) for name in ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")},
    **{f"blocks.1.{ln}.hook_scale": (2, 5, 1) for ln in ("ln1", "ln2")},
    **{f"blocks.1.{ln}.hook_normalized": (2, 5, 16) for ln in ("ln1", "ln2")},
    **{f"blocks.1.attn.hook_{name}": (2, 5, 2, 8) for name in ("q", "k", "v", "z")},
    **{f"blocks.1.attn.hook_{name}": (2, 2, 5, 5) for name in ("attn_scores", "pattern")},
    **{f"blocks.1.mlp.hook_{name}": (2, 5, 24) for name in ("pre", "post")},
    "ln_final.hook_scale": (2, 5, 1),
    "ln_final.hook_normalized": (2, 5, 16),
}


@pytest.mark.parametrize("options", [{}, {"mlp": "swiglu", "norm": "rmsnorm", "bias": True}])
def test_every_hook_point_is_there_and_has_its_shape(options: dict[str, object]) -> None:
    model = tiny_model(d_mlp=24, **options)
    _, seen = model.run_with_cache(some_tokens(2, 5))
    shapes = {name: tuple(x.shape) for name, x in seen.items()}
    blocks_0 = {name.replace("blocks.1", "blocks.0"): shape for name, shape in EXPECTED_POINTS.items()}
    assert shapes == EXPECTED_POINTS | blocks_0
    assert list(seen) == list(model.hook_points())


def test_rotary_has_points_for_the_turned_queries_and_keys_and_none_for_position_vectors() -> None:
    _, seen = tiny_model(positions="rotary").run_with_cache(some_tokens(2, 5))
    assert seen["blocks.0.attn.hook_rot_q"].shape == seen["blocks.1.attn.hook_rot_k"].shape == (2, 5, 2, 8)
    assert "hook_pos_embed" not in seen


@pytest.mark.parametrize("options", [{}, {"bias": True, "norm": "layernorm"}, MODERN])
def test_looking_everywhere_changes_nothing_but_the_last_bits(options: dict[str, object]) -> None:
    model = lively_model(**options)
    fused = model(some_tokens())
    looked_at, _ = model.run_with_cache(some_tokens())
    assert torch.allclose(fused, looked_at, rtol=1e-4, atol=1e-4)
    assert torch.equal(model(some_tokens()), fused)


def test_names_filter_takes_globs_lists_and_functions() -> None:
    model = tiny_model()
    _, one = model.run_with_cache(some_tokens(), "blocks.*.hook_resid_post")
    assert list(one) == ["blocks.0.hook_resid_post", "blocks.1.hook_resid_post"]
    _, two = model.run_with_cache(some_tokens(), ["blocks.1.attn.hook_z", "hook_embed"])
    assert list(two) == ["hook_embed", "blocks.1.attn.hook_z"]
    _, three = model.run_with_cache(some_tokens(), lambda name: name.endswith("hook_pattern"))
    assert list(three) == ["blocks.0.attn.hook_pattern", "blocks.1.attn.hook_pattern"]


def test_hooks_of_one_run_change_that_run_and_leave_nothing_behind() -> None:
    model = lively_model()
    before = model(some_tokens())
    ablated = model.run_with_hooks(some_tokens(), [("blocks.0.hook_mlp_out", lambda x, point: torch.zeros_like(x))])
    assert not torch.allclose(ablated, before)
    assert torch.equal(model(some_tokens()), before)
    assert not any(point.is_used for point in model.hook_points().values())


def test_a_hook_that_fails_leaves_nothing_behind_either() -> None:
    model = tiny_model()

    def fail(x: torch.Tensor, point: object) -> None:
        raise RuntimeError("broken hook")

    with pytest.raises(RuntimeError, match="broken hook"):
        model.run_with_hooks(some_tokens(), [("blocks.*.hook_resid_pre", fail)])
    assert not any(point.is_used for point in model.hook_points().values())


def test_a_name_that_matches_no_point_is_refused_with_the_nearest() -> None:
    model = tiny_model()
    with pytest.raises(HookPointError, match=r"'blocks\.0\.attn\.hook_patern'.*blocks\.0\.attn\.hook_pattern"):
        model.run_with_cache(some_tokens(), "blocks.0.attn.hook_patern")
    with pytest.raises(HookPointError, match="hook_resid_mid"):
        model.run_with_hooks(some_tokens(), [("hook_resid_mid", lambda x, point: None)])


def test_zeroing_a_block_at_its_points_makes_it_the_identity() -> None:
    model = lively_model()

    def nothing(x: torch.Tensor, point: object) -> torch.Tensor:
        return torch.zeros_like(x)

    seen: list[torch.Tensor] = []

    def keep(x: torch.Tensor, point: object) -> None:
        seen.append(x)

    ends = [("blocks.1.hook_resid_pre", keep), ("blocks.1.hook_resid_post", keep)]
    model.run_with_hooks(some_tokens(), [("blocks.1.hook_*_out", nothing), *ends])
    assert torch.equal(seen[0], seen[1])


def test_gradients_reach_every_parameter() -> None:
    model = lively_model(bias=True, tied_head=False, qk_norm=True)
    next_token_loss(model(some_tokens()), some_tokens(seed=1)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        if not name.endswith("key.bias"):  # without qk_norm it would shift all scores of a query alike
            assert parameter.grad.abs().sum() > 0, name


def test_loss_of_a_fresh_model_is_that_of_guessing() -> None:
    model = tiny_model(vocabulary=128)
    tokens = some_tokens(8, vocabulary=128)
    assert next_token_loss(model(tokens), some_tokens(8, seed=3, vocabulary=128)).item() == pytest.approx(
        math.log(128), abs=0.1
    )
