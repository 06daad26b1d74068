"""The places of a model are known from its configuration as the model itself has them."""

import itertools

import pytest
import torch
from torch import nn

from lmcore.config import ModelConfig
from lmcore.config.hook_places import is_of_linear_layer, parameter_names, point_names
from lmcore.model.transformer import Transformer

CHOICES = {
    "positions": ["learned", "sinusoidal", "rotary", "none"],
    "norm": ["layernorm", "rmsnorm"],
    "mlp": ["relu", "swiglu"],
    "bias": [False, True],
    "tied_head": [True, False],
}


@pytest.mark.parametrize("positions", CHOICES["positions"])
def test_names_are_those_of_the_model(positions: str) -> None:
    rest = [name for name in CHOICES if name != "positions"]
    for values in itertools.product(*(CHOICES[name] for name in rest)):
        chosen = {"positions": positions, **dict(zip(rest, values, strict=True))}
        config = ModelConfig(d_model=8, n_heads=2, n_layers=2, context_length=4, qk_norm=True, **chosen)
        with torch.device("meta"):
            model = Transformer(config, 16)
        assert point_names(config) == list(model.hook_points()), chosen
        parameters = {name for name, _ in model.named_parameters()}
        assert set(parameter_names(config)) == parameters, chosen
        linear = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, nn.Linear)}
        assert set(filter(is_of_linear_layer, parameters)) == linear & parameters, chosen
