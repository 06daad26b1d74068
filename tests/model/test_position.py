"""Positions: what each kind promises about distance and order."""

import math

import pytest
import torch

from lmcore.model.position import Rotation, SinusoidalPositions
from tests.model.tiny import lively_model


def test_rotated_products_depend_on_the_distance_only() -> None:
    torch.manual_seed(1)
    rotation = Rotation(40, 8, 10000.0)
    q, k = torch.randn(8).expand(1, 40, 1, 8), torch.randn(8).expand(1, 40, 1, 8)
    products = (rotation(q)[0, :, 0] @ rotation(k)[0, :, 0].T).tolist()
    for i in range(1, 40):
        for j in range(1, 40):
            assert products[i][j] == pytest.approx(products[i - 1][j - 1], abs=1e-4)
    assert len({round(products[i][0], 3) for i in range(10)}) > 5


def test_rotation_keeps_lengths_and_leaves_position_zero() -> None:
    rotation = Rotation(40, 8, 500.0)
    x = torch.randn(2, 40, 3, 8)
    assert torch.allclose(rotation(x).norm(dim=-1), x.norm(dim=-1), atol=1e-5)
    assert torch.allclose(rotation(x)[:, 0], x[:, 0])


def test_rotation_can_start_anywhere() -> None:
    rotation = Rotation(40, 8, 10000.0)
    x = torch.randn(2, 40, 3, 8)
    assert torch.equal(rotation(x)[:, 13:20], rotation(x[:, 13:20], start=13))


def test_rotation_turns_a_pair_by_position_times_frequency() -> None:
    rotation = Rotation(10, 4, 100.0)
    x = torch.zeros(1, 10, 1, 4)
    x[..., 2] = 1.0  # the pair of the second, slower frequency: 100^(-1/2)
    turned = rotation(x)[0, 7, 0]
    angle = 7 * 100.0 ** (-1 / 2)
    assert turned.tolist() == pytest.approx([0, 0, math.cos(angle), math.sin(angle)], abs=1e-6)


@pytest.mark.parametrize("d_model", [6, 7])
def test_sinusoids_are_the_formula(d_model: int) -> None:
    table = SinusoidalPositions(20, d_model)(torch.arange(20))
    for position in (0, 3, 19):
        for dimension in range(d_model):
            angle = position / 10000 ** ((dimension - dimension % 2) / d_model)
            expected = math.cos(angle) if dimension % 2 else math.sin(angle)
            assert table[position, dimension].item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_order_matters_to_every_kind(positions: str) -> None:
    model = lively_model(positions=positions, n_layers=1)
    ahead, swapped = model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[2, 1, 3]]))
    assert not torch.allclose(ahead[:, -1], swapped[:, -1], atol=1e-4)


def test_without_positions_one_layer_cannot_tell_the_order_of_the_past() -> None:
    model = lively_model(positions="none", n_layers=1)
    ahead, swapped = model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[2, 1, 3]]))
    assert torch.allclose(ahead[:, -1], swapped[:, -1], atol=1e-5)


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary", "none"])
def test_fixed_tables_are_not_part_of_the_saved_state(positions: str) -> None:
    model = lively_model(positions=positions)
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
