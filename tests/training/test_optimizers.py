"""AdamW and SGD against torch's own, Muon and Lion against their formulas, and which parameters go where."""

import pytest
import torch
from torch import Tensor, nn

from lmcore.config import OptimizationConfig
from lmcore.errors import LabError
from lmcore.training.optimizers import SGD, AdamW, Lion, Muon, build_optimizer, hidden_matrices
from lmcore.training.optimizers.muon import newton_schulz, orthogonalize
from tests.training.tiny import tiny_config, tiny_model


def random_matrices(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def test_adamw_is_torchs_adamw_with_decay_on_matrices_only() -> None:
    config = OptimizationConfig(learning_rate=0.01, warmup_steps=2, weight_decay=0.3, beta2=0.95, epsilon=1e-6)
    matrix, vector = (nn.Parameter(t) for t in random_matrices((4, 3), (3,)))
    copies = [nn.Parameter(p.detach().clone()) for p in (matrix, vector)]
    ours = AdamW({"matrix": matrix, "vector": vector})
    theirs = torch.optim.AdamW(
        [{"params": copies[:1], "weight_decay": 0.3}, {"params": copies[1:], "weight_decay": 0.0}],
        betas=(0.9, 0.95),
        eps=1e-6,
        fused=False,
        foreach=False,
    )
    for step in range(5):
        for group in theirs.param_groups:
            group["lr"] = 0.01 * min(1, (step + 1) / 3)
        for p, copy in zip((matrix, vector), copies, strict=True):
            p.grad = torch.sin(p.detach() * (step + 1))
            copy.grad = p.grad.clone()
        ours.set_hyperparameters(config.model_copy(update={"schedule": "constant"}), step)
        ours.step()
        theirs.step()
        torch.testing.assert_close(matrix, copies[0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(vector, copies[1], rtol=1e-5, atol=1e-7)


def test_without_gradient_only_matrices_shrink() -> None:
    config = tiny_config(weight_decay=0.5, schedule="constant", warmup_steps=0, learning_rate=0.1)
    for optimizer in ("adamw", "muon", "sgd", "lion"):
        model = tiny_model(config)
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        ours = build_optimizer(model, config.training.model_copy(update={"optimizer": optimizer}))
        for p in model.parameters():
            p.grad = torch.zeros_like(p)
        ours.set_hyperparameters(config.training, 0)
        ours.step()
        for name, p in model.named_parameters():
            rate = 0.02 if optimizer == "muon" and name in hidden_matrices(model) else 0.1
            shrunk = before[name] * (1 - rate * 0.5 if p.ndim == 2 else 1)
            torch.testing.assert_close(p.detach(), shrunk, msg=lambda text, name=name: f"{name}: {text}")


def test_muon_takes_the_matrices_inside_the_blocks_and_adamw_the_rest() -> None:
    config = tiny_config({"tied_head": False, "mlp": "swiglu", "bias": True}, optimizer="muon")
    state = build_optimizer(tiny_model(config), config.training).tensors()
    by_muon = {name.removeprefix("muon/momentum/") for name in state if name.startswith("muon/")}
    by_adamw = {name.removeprefix("adamw/exp_avg/") for name in state if name.startswith("adamw/exp_avg/")}
    parameters = dict(tiny_model(config).named_parameters())
    assert by_muon | by_adamw == set(parameters) and not by_muon & by_adamw
    assert {"embed.weight", "pos_embed.weight", "unembed.weight", "ln_final.weight"} <= by_adamw
    assert by_muon == {n for n, p in parameters.items() if n.startswith("blocks.") and p.ndim == 2}
    assert len(by_muon) == 2 * 7


@pytest.mark.parametrize("shape", [(8, 8), (8, 24), (24, 8)])
def test_orthogonalized_singular_values_are_nearly_one(shape: tuple[int, int]) -> None:
    [matrix] = random_matrices(shape)
    [result] = orthogonalize([matrix], 5)
    values = torch.linalg.svdvals(result)
    assert values.max() < 1.25
    assert values.median() > 0.65
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    directions = torch.nn.functional.cosine_similarity(result.flatten(), (u @ vh).flatten(), dim=0)
    assert directions > 0.97


def test_newton_schulz_is_the_stated_polynomial_of_the_singular_values() -> None:
    [matrix] = random_matrices((6, 9))
    u, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / s.norm()
    for _ in range(3):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    torch.testing.assert_close(newton_schulz(matrix[None], 3)[0].double(), u @ torch.diag(s) @ vh, rtol=1e-4, atol=1e-5)


def test_stacked_matrices_give_what_each_gives_alone() -> None:
    matrices = random_matrices((8, 8), (24, 8), (8, 24), (8, 8), (5, 7))
    together = orthogonalize(matrices, 5)
    for matrix, result in zip(matrices, together, strict=True):
        assert result.shape == matrix.shape
        torch.testing.assert_close(result, orthogonalize([matrix], 5)[0], rtol=1e-5, atol=1e-6)


def test_bfloat16_differs_only_by_its_rounding() -> None:
    [matrix] = random_matrices((16, 48))
    exact, rounded = orthogonalize([matrix], 5)[0], orthogonalize([matrix], 5, torch.bfloat16)[0]
    assert rounded.dtype == torch.float32
    assert (rounded - exact).norm() < 0.03 * exact.norm()


def test_a_zero_gradient_moves_nothing() -> None:
    assert torch.equal(orthogonalize([torch.zeros(4, 6)], 5)[0], torch.zeros(4, 6))


def test_muon_is_its_formula() -> None:
    config = OptimizationConfig.model_validate(
        {"optimizer": "muon", "muon_learning_rate": 0.1, "muon_momentum": 0.9, "weight_decay": 0.2}
        | {"schedule": "constant", "warmup_steps": 0}
    )
    [start] = random_matrices((12, 4))
    p = nn.Parameter(start.clone())
    muon = Muon({"p": p}, torch.float32)
    weight, momentum = start.clone(), torch.zeros_like(start)
    for step in range(4):
        gradient = torch.cos(weight * (step + 1))
        p.grad = gradient.clone()
        muon.set_hyperparameters(config, step)
        muon.step()
        momentum = 0.9 * momentum + 0.1 * gradient
        direction = orthogonalize([0.9 * momentum + 0.1 * gradient], 5)[0]
        weight = (1 - 0.1 * 0.2) * weight - 0.1 * 3**0.5 * direction
        torch.testing.assert_close(p.detach(), weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_torchs_sgd_with_its_decay_decoupled_and_on_matrices_only(momentum: float) -> None:
    config = OptimizationConfig(
        learning_rate=0.1, momentum=momentum, weight_decay=0.3, warmup_steps=2, schedule="constant"
    )
    matrix, vector = (nn.Parameter(t) for t in random_matrices((4, 3), (3,)))
    copies = [nn.Parameter(p.detach().clone()) for p in (matrix, vector)]
    ours = SGD({"matrix": matrix, "vector": vector})
    theirs = torch.optim.SGD(copies, lr=0.1, momentum=momentum, foreach=False)
    for step in range(5):
        rate = 0.1 * min(1, (step + 1) / 3)
        theirs.param_groups[0]["lr"] = rate
        for p, copy in zip((matrix, vector), copies, strict=True):
            p.grad = torch.sin(p.detach() * (step + 1))
            copy.grad = p.grad.clone()
        ours.set_hyperparameters(config, step)
        ours.step()
        with torch.no_grad():
            copies[0].mul_(1 - rate * 0.3)
        theirs.step()
        assert torch.equal(matrix, copies[0]) and torch.equal(vector, copies[1])


def test_lion_is_its_paper_s_algorithm() -> None:
    config = OptimizationConfig(
        learning_rate=0.01, beta1=0.8, beta2=0.95, weight_decay=0.5, warmup_steps=0, schedule="constant"
    )
    starts = random_matrices((4, 3), (3,))
    parameters = [nn.Parameter(t.clone()) for t in starts]
    lion = Lion({"matrix": parameters[0], "vector": parameters[1]})
    weights, means = [t.clone() for t in starts], [torch.zeros_like(t) for t in starts]
    for step in range(5):
        gradients = [torch.cos(w * (step + 1)) for w in weights]
        for p, gradient in zip(parameters, gradients, strict=True):
            p.grad = gradient.clone()
        lion.set_hyperparameters(config, step)
        lion.step()
        for index, (gradient, decay) in enumerate(zip(gradients, (0.5, 0.0), strict=True)):
            direction = torch.sign(0.8 * means[index] + (1 - 0.8) * gradient)
            weights[index] = weights[index] - 0.01 * (direction + decay * weights[index])
            means[index] = 0.95 * means[index] + (1 - 0.95) * gradient
            torch.testing.assert_close(parameters[index].detach(), weights[index], rtol=1e-5, atol=1e-6)


def test_a_state_of_another_optimizer_is_refused() -> None:
    config = tiny_config()
    adamw = build_optimizer(tiny_model(config), config.training)
    muon = build_optimizer(tiny_model(config), config.training.model_copy(update={"optimizer": "muon"}))
    with pytest.raises(LabError, match="not the optimizer's state"):
        adamw.load_tensors(muon.tensors())
