"""Norms: written out and fused agree with each other and with torch's."""

import pytest
import torch
from torch import nn

from lmcore.model.norm import LayerNorm, RMSNorm, build_norm
from tests.model.tiny import tiny_config


def pair(kind: str, bias: bool) -> tuple[LayerNorm | RMSNorm, nn.Module]:
    """Our norm and torch's with the same random parameters."""
    torch.manual_seed(1)
    ours = build_norm(tiny_config(norm=kind, bias=bias))
    reference = nn.LayerNorm(16, eps=1e-5, bias=bias) if kind == "layernorm" else nn.RMSNorm(16, eps=1e-5)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_()
    reference.load_state_dict(ours.state_dict())
    return ours, reference


@pytest.mark.parametrize(("kind", "bias"), [("layernorm", False), ("layernorm", True), ("rmsnorm", False)])
@pytest.mark.parametrize("point", ["hook_scale", "hook_normalized"])
def test_agrees_with_torch_both_ways(kind: str, bias: bool, point: str) -> None:
    ours, reference = pair(kind, bias)
    x = 3 * torch.randn(2, 5, 16) + 1
    assert torch.allclose(ours(x), reference(x), atol=1e-5)
    handle = getattr(ours, point).attach(lambda x, point: None)
    assert torch.allclose(ours(x), reference(x), atol=1e-5)
    handle.remove()


def test_rms_norm_has_no_bias() -> None:
    assert [name for name, _ in build_norm(tiny_config(norm="rmsnorm", bias=True)).named_parameters()] == ["weight"]


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
def test_doubling_the_scale_halves_the_output(kind: str) -> None:
    norm = build_norm(tiny_config(norm=kind))
    x = torch.randn(2, 5, 16)
    plain = norm(x)
    norm.hook_scale.attach(lambda scale, point: 2 * scale)
    assert torch.allclose(norm(x), plain / 2, atol=1e-6)


@pytest.mark.parametrize(("kind", "bias"), [("layernorm", True), ("layernorm", False), ("rmsnorm", False)])
def test_normalized_stands_before_weight_and_bias(kind: str, bias: bool) -> None:
    norm = build_norm(tiny_config(norm=kind, bias=bias))
    with torch.no_grad():
        for parameter in norm.parameters():
            parameter.fill_(3.0)
    seen = []
    norm.hook_normalized.attach(lambda x, point: seen.append(x))
    result = norm(5 * torch.randn(2, 5, 16) + 1)
    assert torch.allclose(seen[0].square().mean(-1), torch.ones(2, 5), atol=1e-4)
    assert torch.allclose(result, 3 * seen[0] + (3 if bias else 0), atol=1e-5)
    norm.hook_normalized.attach(lambda x, point: torch.zeros_like(x))
    assert torch.equal(norm(torch.randn(2, 5, 16)), torch.full((2, 5, 16), 3.0 if bias else 0.0))
