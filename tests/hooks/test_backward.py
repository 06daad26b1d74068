"""What each backward hook makes of a gradient, by formula and in a model's own backward pass."""

import pytest
import torch
from torch import Tensor, nn

from lmcore.hooks.active import Hooks
from lmcore.hooks.builtin import backward
from lmcore.hooks.points import HookPoint, Weight
from lmcore.model.loss import next_token_loss
from tests.training.tiny import losses_of, state_of, tiny_config, tiny_model, tiny_text, tiny_trainer

PLACE = HookPoint()
G = torch.tensor([[-2.0, 0.5, 3.0, 0.0], [1.0, -4.0, 0.25, 2.0]])


def test_scale_reverse_clip_sign_and_stop() -> None:
    assert torch.equal(backward.scale(G, PLACE, factor=2.0), 2 * G)
    assert torch.equal(backward.reverse(G, PLACE), -G)
    assert torch.equal(
        backward.clip(G, PLACE, largest=1.0), torch.tensor([[-1.0, 0.5, 1.0, 0.0], [1.0, -1.0, 0.25, 1.0]])
    )
    signed = torch.tensor([[-1.0, 1.0, 1.0, 0.0], [1.0, -1.0, 1.0, 1.0]])
    assert torch.equal(backward.sign(G, PLACE), signed * G.abs().mean())
    assert torch.equal(backward.stop(G, PLACE), torch.zeros_like(G))


def test_noise_is_as_large_as_a_share_of_the_gradient() -> None:
    gradient = torch.randn(100, 100, generator=torch.Generator().manual_seed(1)) * 1e-3
    noisy = backward.noise(gradient, PLACE, std=0.5, generator=torch.Generator().manual_seed(2))
    assert (noisy - gradient).std().item() == pytest.approx(0.5e-3, rel=0.03)
    assert torch.equal(noisy, backward.noise(gradient, PLACE, std=0.5, generator=torch.Generator().manual_seed(2)))


def test_sparsify_keeps_the_largest_of_each_vector() -> None:
    half = backward.sparsify(G, PLACE, keep=0.5)
    assert torch.equal(half, torch.tensor([[-2.0, 0.0, 3.0, 0.0], [0.0, -4.0, 0.0, 2.0]]))
    assert torch.equal(backward.sparsify(G, PLACE, keep=1.0), G)
    assert (backward.sparsify(G, PLACE, keep=0.01) != 0).sum() == 2  # at least one of each
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        backward.sparsify(G, PLACE, keep=0.0)


def test_straight_through_computes_with_few_bits_and_learns_as_if_it_did_not() -> None:
    weight = nn.Parameter(torch.randn(4, 6, generator=torch.Generator().manual_seed(0)))
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    rounded = backward.straight_through(weight, Weight("w", weight), bits=3)
    assert rounded.unique().numel() <= 7
    (x @ rounded.T).square().sum().backward()
    gradient = weight.grad
    of_rounded = rounded.detach().requires_grad_()
    (expected,) = torch.autograd.grad((x @ of_rounded.T).square().sum(), of_rounded)
    assert gradient is not None and torch.equal(gradient, expected)


def gradients(*hooks: dict[str, object]) -> dict[str, Tensor]:
    """The gradients of a model's parameters in one pass with these backward hooks."""
    config = tiny_config(hooks=[{"name": str(i), "kind": "backward", **one} for i, one in enumerate(hooks)])
    model = tiny_model(config).train()
    acting = Hooks(config.hooks, model)
    acting.at_step(0)
    text = tiny_text(41).long()
    next_token_loss(model(text[:-1].view(4, 10)), text[1:].view(4, 10)).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_stop_between_blocks_leaves_exactly_zero_below() -> None:
    stopped = gradients({"use": "stop", "at": "blocks.0.hook_resid_post"})
    below = [name for name in stopped if name.startswith(("blocks.0.", "pos_embed."))]
    assert below and all(not stopped[name].any() for name in below)
    assert all(stopped[name].any() for name in stopped if name.startswith("blocks.1.mlp"))


def test_with_stop_between_blocks_a_lower_block_learns_from_its_own_loss_alone() -> None:
    """Local learning: a loss at each block, and no gradient from one block to another."""
    stop = {"name": "stop", "kind": "backward", "use": "stop", "at": "blocks.0.hook_resid_post"}
    own = {"name": "own", "kind": "loss", "use": "intermediate", "at": "blocks.0.hook_resid_post"}
    plain, local = (
        tiny_trainer(tiny_config(hooks=hooks, weight_decay=0.0))
        for hooks in ([stop], [stop, own | {"with": {"weight": 1}}])
    )
    before = state_of(plain)
    losses_of(plain, 2)
    losses_of(local, 2)
    name = "blocks.0.mlp.up.weight"
    assert torch.equal(plain.parameters[name], before[name])
    assert not torch.equal(local.parameters[name], before[name])


def test_reversing_twice_gives_the_same_bits_as_not_at_all() -> None:
    reverse = {"use": "reverse", "at": "blocks.0.hook_resid_post"}
    plain, once, twice = gradients(), gradients(reverse), gradients(reverse, reverse)
    assert all(torch.equal(plain[name], twice[name]) for name in plain)
    assert all(torch.equal(-plain[name], once[name]) for name in plain if name.startswith("blocks.0.mlp"))


def test_reversing_twice_trains_to_the_same_bits() -> None:
    reverse = {"kind": "backward", "use": "reverse", "at": "blocks.*.hook_mlp_out"}
    twice = tiny_trainer(tiny_config(hooks=[reverse | {"name": name} for name in ("a", "b")]))
    assert losses_of(twice, 5) == losses_of(tiny_trainer(tiny_config()), 5)
