"""Shapes in words, held against what a real model passes through its points."""

import pytest
import torch

from lmcore.config import ModelConfig
from lmcore.inspection.shapes import shapes_of
from lmcore.model.transformer import Transformer


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(d_model=12, n_layers=2, n_heads=3, context_length=2),
        ModelConfig(
            d_model=16, n_layers=1, n_heads=1, context_length=8, positions="rotary", mlp="swiglu", tied_head=False
        ),
    ],
)
def test_every_point_and_parameter_has_its_shape(config: ModelConfig) -> None:
    points, parameters = shapes_of(config, 11)
    model = Transformer(config, 11)
    with torch.no_grad():
        _, seen = model.run_with_cache(torch.zeros(7, 2, dtype=torch.int64))
    sizes = {"batch": "7", "pos": "2", "query": "2", "key": "2"}
    for name, x in seen.items():
        words = points[name].strip("[]").split(", ")
        assert [sizes.get(word, word) for word in words] == [str(size) for size in x.shape], name
    assert points.keys() == seen.keys()
    assert parameters == {name: str(list(p.shape)) for name, p in model.named_parameters()}


def test_attention_tells_queries_from_keys() -> None:
    points, _ = shapes_of(ModelConfig(d_model=8, n_layers=1, n_heads=2, context_length=4), 11)
    assert points["blocks.0.attn.hook_pattern"] == "[batch, 2, query, key]"
    assert points["blocks.0.attn.hook_z"] == "[batch, pos, 2, 4]"
