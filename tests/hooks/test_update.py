"""What each update hook makes of a gradient or a direction, by formula."""

import pytest
import torch
from torch import Tensor, nn

from lmcore.hooks.builtin import update
from tests.training.tiny import losses_of, state_of, tiny_config, tiny_model, tiny_trainer


@pytest.fixture
def g() -> Tensor:
    return torch.tensor([[3.0, 4.0], [0.0, -1.0], [2.0, 0.5]])


@pytest.fixture
def p() -> nn.Parameter:
    return nn.Parameter(torch.tensor([[2.0, 2.0], [-1.0, 1.0], [0.5, 3.0]]))


def test_clip_limits_each_length_and_clip_global_that_of_all(g: Tensor, p: nn.Parameter) -> None:
    assert torch.allclose(update.clip(g, p, largest=1.0), g / g.norm())
    assert torch.equal(update.clip(g, p, largest=100.0), g)
    gradients = {"a": g, "b": 3 * g[0]}
    clipped = update.clip_global(gradients, largest=1.5)
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients.values()]
    for parameter, gradient in zip(parameters, gradients.values(), strict=True):
        parameter.grad = gradient.clone()
    nn.utils.clip_grad_norm_(parameters, 1.5)
    for mine, parameter in zip(clipped.values(), parameters, strict=True):
        assert parameter.grad is not None and torch.allclose(mine, parameter.grad)
    assert all(torch.equal(update.clip_global(gradients, largest=100.0)[name], gradients[name]) for name in gradients)


def test_centralize_normalize_and_sign(g: Tensor, p: nn.Parameter) -> None:
    assert torch.allclose(update.centralize(g, p).sum(-1), torch.zeros(3))
    assert torch.allclose(g - update.centralize(g, p), torch.tensor([[3.5], [-0.5], [1.25]]).expand(3, 2))
    assert torch.equal(update.centralize(g[0], p[0]), g[0])
    assert torch.allclose(update.normalize(g, p, length=2.0), 2 * g / g.norm())
    assert not update.normalize(torch.zeros(3), p).any()
    assert torch.equal(update.sign(g, p), torch.tensor([[1.0, 1.0], [0.0, -1.0], [1.0, 1.0]]))


def test_noise_has_its_standard_deviation(p: nn.Parameter) -> None:
    zeros = torch.zeros(100, 100)
    noisy = update.noise(zeros, p, std=0.2, generator=torch.Generator().manual_seed(1))
    assert noisy.std().item() == pytest.approx(0.2, rel=0.03)
    assert torch.equal(noisy, update.noise(zeros, p, std=0.2, generator=torch.Generator().manual_seed(1)))


def test_a_projected_gradient_leaves_the_weight_s_length_alone(g: Tensor, p: nn.Parameter) -> None:
    w = p.detach()
    projected = update.project(g, w)
    assert torch.allclose(projected, g - (g * w).sum() / w.norm() ** 2 * w)
    assert abs((projected * w).sum().item()) < 1e-5
    assert torch.equal(update.project(g, torch.zeros_like(w)), g)


def test_scale_freeze_and_trust_ratio(g: Tensor, p: nn.Parameter) -> None:
    assert torch.equal(update.scale(g, p, factor=0.5), g / 2)
    assert torch.equal(update.freeze(g, p), torch.zeros_like(g))
    ratioed = update.trust_ratio(g, p, ratio=0.01)
    assert ratioed.norm().item() == pytest.approx(0.01 * p.norm().item())
    assert torch.allclose(ratioed / ratioed.norm(), g / g.norm())
    assert torch.equal(update.trust_ratio(g, nn.Parameter(torch.zeros_like(g))), g)


def test_a_cautious_update_never_goes_up_the_gradient(g: Tensor, p: nn.Parameter) -> None:
    p.grad = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    kept = update.cautious(g, p)  # goes against it in 3 of 6 elements
    assert torch.equal(kept, 2 * torch.tensor([[3.0, 0.0], [0.0, -1.0], [0.0, 0.5]]))
    p.grad = None
    assert torch.equal(update.cautious(g, p), g)


def test_orthogonalize_equals_singular_values_and_keeps_direction_and_length(p: nn.Parameter) -> None:
    for shape in ((4, 7), (7, 4), (5, 5)):
        d = torch.randn(shape, generator=torch.Generator().manual_seed(5))
        made = update.orthogonalize(d, p)
        assert torch.allclose(torch.linalg.svdvals(made), made.norm() / min(shape) ** 0.5 * torch.ones(min(shape)))
        assert made.norm().item() == pytest.approx(d.norm().item(), rel=1e-5)
        # U Vᵀ is the orthonormal matrix nearest to U S Vᵀ: their product has the sum of singular values as its trace.
        assert (made * d).sum().item() == pytest.approx(
            torch.linalg.svdvals(d).sum().item() * d.norm().item() / min(shape) ** 0.5, rel=1e-5
        )
    assert not update.orthogonalize(torch.zeros(3, 3), p).any()
    vector = torch.tensor([1.0, 2.0])
    assert torch.equal(update.orthogonalize(vector, p), vector)


def test_layers_are_scaled_by_the_blocks_above_them() -> None:
    model = tiny_model(tiny_config({"n_layers": 3, "tied_head": False}))
    above = {"embed": 3, "pos_embed": 3, "blocks.0": 2, "blocks.1": 1, "blocks.2": 0, "ln_final": 0, "unembed": 0}
    for name, parameter in model.named_parameters():
        ones = torch.ones_like(parameter)
        part = ".".join(name.split(".")[:2]) if name.startswith("blocks") else name.split(".")[0]
        assert torch.allclose(
            update.scale_layers(ones, parameter, factor=0.5, model=model), ones * 0.5 ** above[part]
        ), name


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lion", "muon"])
def test_cautious_masks_the_optimizers_step_and_not_its_weight_decay(optimizer: str) -> None:
    """W ← (1 − η·λ)·W + u·m / mean(m), with u the step without decay and m = [u·g < 0] (Liang et al. 2024)."""
    training = {"optimizer": optimizer, "learning_rate": 0.05, "schedule": "constant", "warmup_steps": 0}
    hook = {"name": "cautious", "kind": "update", "use": "cautious"}
    decay = 0.5
    begun = tiny_trainer(tiny_config(**training, weight_decay=decay))
    losses_of(begun, 3)  # until momentum and gradient disagree somewhere
    plain = tiny_trainer(tiny_config(**training, weight_decay=0.0))
    cautious = tiny_trainer(tiny_config(hooks=[hook], **training, weight_decay=decay))
    gradients = {}
    for trainer in (plain, cautious):
        trainer.model.load_state_dict(begun.model.state_dict())
        trainer.optimizer.load_tensors(begun.optimizer.tensors())
        trainer.step = begun.step
    step = plain.optimizer.step

    def remember_gradients() -> None:
        gradients.update({name: p.grad.clone() for name, p in plain.parameters.items() if p.grad is not None})
        step()

    plain.optimizer.step = remember_gradients  # type: ignore[method-assign]
    losses_of(plain, 1)
    losses_of(cautious, 1)
    masked = 0
    for name, weight in begun.parameters.items():
        update = plain.parameters[name].detach() - weight.detach()
        agrees = (update * gradients[name] < 0).float()
        masked += int((agrees == 0).sum())
        is_muons = optimizer == "muon" and name.startswith("blocks.") and weight.ndim == 2
        rate = begun.config.training.muon_learning_rate if is_muons else 0.05
        lost = rate * decay * weight.detach() if weight.ndim >= 2 else torch.zeros_like(weight)
        expected = weight.detach() - lost + update * agrees / agrees.mean().clamp(min=1e-3)
        assert torch.allclose(cautious.parameters[name].detach(), expected, atol=2e-6), name
    assert masked > 100


def test_a_step_hook_acts_before_direction_hooks_and_a_frozen_parameter_does_not_decay() -> None:
    hooks = [
        {"name": "freeze", "kind": "update", "use": "freeze", "at": "blocks.0.mlp.up.weight"},
        {"name": "cautious", "kind": "update", "use": "cautious"},
    ]
    trainer = tiny_trainer(tiny_config(hooks=hooks, weight_decay=0.5))
    before = state_of(trainer)
    losses_of(trainer, 2)
    same = [name for name, p in trainer.parameters.items() if torch.equal(p, before[name])]
    assert same == ["blocks.0.mlp.up.weight"]
