"""Norms of components and parameters."""

import pytest
import torch

from lmcore.inspection.errors import InspectionError
from lmcore.inspection.norms import component_norms, parameter_rows
from lmcore.model.loss import next_token_loss
from tests.model.tiny import lively_model, some_tokens


def test_every_component_has_the_norm_of_its_parameters_together() -> None:
    model = lively_model(bias=True)
    rows = {row.component: row for row in component_norms(model)}
    assert list(rows) == model.components()
    mlp = [p.flatten() for name, p in model.named_parameters() if name.startswith(("blocks.1.mlp", "blocks.1.ln2"))]
    assert rows["blocks.1.mlp"].weight_norm == pytest.approx(torch.cat(mlp).norm().item(), rel=1e-5)
    assert all(row.gradient_norm is None for row in rows.values())


def test_gradient_norms_are_there_after_a_backward_pass() -> None:
    model = lively_model()
    next_token_loss(model(some_tokens()), some_tokens(seed=1)).backward()
    rows = {row.component: row for row in component_norms(model)}
    assert model.embed.weight.grad is not None
    assert rows["embed"].gradient_norm == pytest.approx(model.embed.weight.grad.norm().item(), rel=1e-5)


def test_rows_of_a_component_describe_each_parameter() -> None:
    model = lively_model()
    rows = {row.name: row for row in parameter_rows(model, "blocks.0.mlp")}
    assert list(rows) == ["blocks.0.ln2.weight", "blocks.0.mlp.up.weight", "blocks.0.mlp.down.weight"]
    up = dict(model.named_parameters())["blocks.0.mlp.up.weight"]
    row = rows["blocks.0.mlp.up.weight"]
    assert row.shape == (64, 16)
    assert row.weight_norm == pytest.approx(up.norm().item(), rel=1e-5)
    assert row.rms == pytest.approx(up.square().mean().sqrt().item(), rel=1e-5)
    assert row.largest == pytest.approx(up.abs().max().item())


def test_an_unknown_component_is_answered_with_the_nearest() -> None:
    with pytest.raises(InspectionError, match=r"'blocks.7.attn'; it has .*blocks.1.attn"):
        parameter_rows(lively_model(), "blocks.7.attn")
