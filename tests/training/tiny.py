"""A trainer small enough for tests: 2 layers, width 16, a random text over 11 tokens."""

from typing import Any

import torch
from torch import Tensor

from lmcore.config import TrainingConfig
from lmcore.data.batcher import Batcher
from lmcore.model.initialization import initialize
from lmcore.model.transformer import Transformer
from lmcore.training.trainer import Trainer

VOCABULARY = 11
CPU = torch.device("cpu")


def tiny_config(
    model: dict[str, Any] | None = None, hooks: list[dict[str, Any]] | None = None, **training: Any
) -> TrainingConfig:
    """A configuration of the tiny model; keywords go to its `training` section."""
    sizes = {"d_model": 16, "n_layers": 2, "n_heads": 2, "context_length": 12}
    steps = {"max_steps": 12, "warmup_steps": 3, "batch_size": 4}
    return TrainingConfig.model_validate(
        {"model": sizes | (model or {}), "training": steps | training, "hooks": hooks or []}
    )


def tiny_text(tokens: int = 500) -> Tensor:
    """A text with something to learn: each token is the one before it, plus one, or (one in four) anything."""
    generator = torch.Generator().manual_seed(5)
    jumps = torch.where(
        torch.rand(tokens, generator=generator) < 0.25, torch.randint(VOCABULARY, (tokens,), generator=generator), 1
    )
    return (jumps.cumsum(0) % VOCABULARY).to(torch.uint8)  # [token]


def tiny_model(config: TrainingConfig) -> Transformer:
    """The model of a configuration, initialized."""
    model = Transformer(config.model, VOCABULARY)
    initialize(model, torch.Generator().manual_seed(config.other.seed))
    return model


def tiny_trainer(config: TrainingConfig) -> Trainer:
    """A new trainer at step 0."""
    optimization = config.training
    batcher = Batcher(
        tiny_text(),
        config.model.context_length,
        optimization.batch_size,
        config.dataset.order,
        config.other.seed,
        optimization.gradient_accumulation_steps,
        optimization.batch_ramp_start,
        optimization.batch_ramp_steps,
    )
    return Trainer(config, tiny_model(config), batcher, CPU)


def losses_of(trainer: Trainer, steps: int) -> list[float]:
    """The training losses of the next steps."""
    return [trainer.train_step().metrics["loss/train"] for _ in range(steps)]


def state_of(trainer: Trainer) -> dict[str, Tensor]:
    """A copy of everything that training goes on from."""
    tensors = dict(trainer.model.named_parameters()) | trainer.optimizer.tensors()
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def assert_same_bits(a: dict[str, Tensor], b: dict[str, Tensor]) -> None:
    """Fail, with the names, where two states differ in any bit."""
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different, f"these tensors differ: {different}"
