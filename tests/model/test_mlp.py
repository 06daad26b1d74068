"""The MLP's nonlinearities against their formulas."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lmcore.model.mlp import MLP
from tests.model.tiny import tiny_config


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


FORMULAS = {"gelu": gelu, "relu": lambda x: x.clamp(min=0), "relu2": lambda x: x.clamp(min=0) ** 2}


@pytest.mark.parametrize("kind", list(FORMULAS))
@pytest.mark.parametrize("bias", [False, True])
def test_is_down_of_the_nonlinearity_of_up(kind: str, bias: bool) -> None:
    torch.manual_seed(1)
    mlp = MLP(tiny_config(mlp=kind, bias=bias))
    x = torch.randn(2, 5, 16)
    assert torch.allclose(mlp(x), mlp.down(FORMULAS[kind](mlp.up(x))), atol=1e-6)
    assert mlp.up.weight.shape == (64, 16)
    assert (mlp.up.bias is not None) == bias


def test_gelu_is_the_exact_one_of_torch() -> None:
    torch.manual_seed(1)
    mlp = MLP(tiny_config(mlp="gelu"))
    x = torch.randn(2, 5, 16)
    assert torch.equal(mlp(x), mlp.down(F.gelu(mlp.up(x))))


def test_swiglu_gates_the_upward_projection() -> None:
    torch.manual_seed(1)
    mlp = MLP(tiny_config(mlp="swiglu"))
    assert mlp.gate is not None and mlp.gate.weight.shape == (40, 16)
    x = torch.randn(2, 5, 16)
    gate = mlp.gate(x)
    assert torch.allclose(mlp(x), mlp.down(gate * torch.sigmoid(gate) * mlp.up(x)), atol=1e-6)


@pytest.mark.parametrize("kind", ["gelu", "relu", "relu2", "swiglu"])
def test_hook_post_is_what_goes_down(kind: str) -> None:
    mlp = MLP(tiny_config(mlp=kind))
    mlp.hook_post.attach(lambda x, point: torch.zeros_like(x))
    assert (mlp(torch.randn(2, 5, 16)) == 0).all()
