"""Small models for the tests."""

import itertools
from typing import Any

import torch
from torch import Tensor

from lmcore.config.schema import ModelConfig
from lmcore.model.initialization import initialize
from lmcore.model.transformer import Transformer

POSITIONS = ("learned", "sinusoidal", "rotary", "none")
NORMS = ("layernorm", "rmsnorm")
MLPS = ("gelu", "relu", "relu2", "swiglu")
KINDS = list(itertools.product(POSITIONS, NORMS, MLPS))
VOCABULARY = 32
MODERN = {
    "positions": "rotary",
    "norm": "rmsnorm",
    "mlp": "relu2",
    "qk_norm": True,
    "tied_head": False,
    "logit_soft_cap": 15.0,
}


def tiny_config(**options: Any) -> ModelConfig:
    """Two layers, two heads, twelve tokens; `options` on top."""
    return ModelConfig.model_validate({"d_model": 16, "n_layers": 2, "n_heads": 2, "context_length": 12, **options})


def tiny_model(seed: int = 1, vocabulary: int = VOCABULARY, **options: Any) -> Transformer:
    """An initialized model of that size."""
    model = Transformer(tiny_config(**options), vocabulary)
    initialize(model, torch.Generator().manual_seed(seed))
    return model


def lively_model(**options: Any) -> Transformer:
    """A model with weights large enough, and biases and gains different enough, that every part shows in the output."""
    model = tiny_model(initial_std=0.3, **options)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return model


def some_tokens(batch: int = 2, length: int = 12, seed: int = 0, vocabulary: int = VOCABULARY) -> Tensor:
    """Random tokens [batch, pos]."""
    return torch.randint(vocabulary, (batch, length), generator=torch.Generator().manual_seed(seed))
