"""What is said about a configuration before anything is built is what is built."""

import itertools

import pytest
import torch

from lmcore.config import DatasetConfig, TrainingConfig, estimate, parse_config, vocabulary_of
from lmcore.config.schema import ModelConfig
from lmcore.model.transformer import Transformer

SHAPES = itertools.product(
    ("gelu", "swiglu"), ("layernorm", "rmsnorm"), ("learned", "rotary"), (False, True), (False, True)
)


@pytest.mark.parametrize(("mlp", "norm", "positions", "bias", "tied"), list(SHAPES))
def test_parameters_are_those_of_the_real_model(mlp: str, norm: str, positions: str, bias: bool, tied: bool) -> None:
    model = ModelConfig.model_validate(
        {"d_model": 24, "n_layers": 2, "n_heads": 3, "context_length": 16, "mlp": mlp, "norm": norm,
         "positions": positions, "bias": bias, "tied_head": tied}
    )  # fmt: skip
    with torch.device("meta"):
        real = sum(parameter.numel() for parameter in Transformer(model, 50).parameters())
    assert estimate(TrainingConfig(model=model), 50).parameters == real


def test_the_numbers_of_the_shakespeare_recipe() -> None:
    config = parse_config("model: {context_length: 64}\ntraining: {batch_size: 12}")
    meant = estimate(config, 65)
    assert meant.parameters == 804_096
    assert meant.tokens_per_step == 12 * 64
    assert meant.flops_per_token == 6 * (meant.parameters - 64 * 128) + 12 * 4 * 128 * 64
    assert meant.flops_per_step == meant.flops_per_token * 768


def test_accumulation_multiplies_tokens_and_not_memory() -> None:
    one = estimate(parse_config(""))
    four = estimate(parse_config("training: {gradient_accumulation_steps: 4}"))
    assert four.tokens_per_step == 4 * one.tokens_per_step
    assert four.memory_bytes == one.memory_bytes > 16 * one.parameters


def test_dropout_keeps_the_scores_of_attention() -> None:
    longer = "model: {context_length: 512, dropout: %s}"
    assert estimate(parse_config(longer % 0.1)).memory_bytes > 2 * estimate(parse_config(longer % 0.0)).memory_bytes


def test_each_tokenizer_has_its_vocabulary() -> None:
    assert vocabulary_of(DatasetConfig()) == 128
    assert vocabulary_of(DatasetConfig(tokenizer="byte")) == 256
    assert vocabulary_of(DatasetConfig(tokenizer="bpe", bpe_vocabulary=777)) == 777
