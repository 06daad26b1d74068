"""What a configuration would mean, before anything is built: parameters, tokens, floating-point operations, memory."""

from dataclasses import dataclass

from lmcore.config.schema import DatasetConfig, ModelConfig, TrainingConfig

CHAR_VOCABULARY = 128  # the ASCII table
BYTE_VOCABULARY = 256
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Estimate:
    """The size and the cost of a configuration; `parameters` is exact, the rest is counted or estimated."""

    parameters: int
    tokens_per_step: int
    flops_per_token: int
    memory_bytes: int
    flops_per_step: int


def vocabulary_of(dataset: DatasetConfig) -> int:
    """How many different tokens a dataset's tokenizer has."""
    return {"char": CHAR_VOCABULARY, "byte": BYTE_VOCABULARY, "bpe": dataset.bpe_vocabulary}[dataset.tokenizer]


def estimate(config: TrainingConfig, vocabulary: int | None = None) -> Estimate:
    """What a configuration would mean with a vocabulary (by default, the one of its tokenizer).

    FLOPs a token, forward and backward: 6 N + 12 L d T (PaLM, appendix B), N without the embedding tables that are only
    looked up.
    """
    model, training = config.model, config.training
    vocabulary = vocabulary_of(config.dataset) if vocabulary is None else vocabulary
    parameters = count_parameters(model, vocabulary)
    looked_up = model.d_model * (model.context_length if model.positions == "learned" else 0)
    looked_up += 0 if model.tied_head else vocabulary * model.d_model
    multiplied = parameters - looked_up
    flops_per_token = 6 * multiplied + 12 * model.n_layers * model.d_model * model.context_length
    tokens = training.batch_size * model.context_length * training.gradient_accumulation_steps
    return Estimate(
        parameters=parameters,
        tokens_per_step=tokens,
        flops_per_token=flops_per_token,
        memory_bytes=_memory(config, parameters, vocabulary),
        flops_per_step=flops_per_token * tokens,
    )


def count_parameters(model: ModelConfig, vocabulary: int) -> int:
    """The number of parameters of the Transformer, counted part by part as the model builds them."""
    d, width = model.d_model, model.mlp_width
    bias = 1 if model.bias else 0
    norm = d + (bias * d if model.norm == "layernorm" else 0)
    attention = 4 * d * d + bias * 4 * d
    matrices = 3 if model.mlp == "swiglu" else 2
    mlp = matrices * d * width + bias * ((matrices - 1) * width + d)
    block = attention + mlp + 2 * norm
    positions = model.context_length * d if model.positions == "learned" else 0
    head = 0 if model.tied_head else vocabulary * d
    return vocabulary * d + positions + model.n_layers * block + norm + head


def _memory(config: TrainingConfig, parameters: int, vocabulary: int) -> int:
    """Bytes of weights, gradients, optimizer state, and the activations that the backward pass needs."""
    model, training = config.model, config.training
    hidden = model.n_layers * (
        4 * model.d_model**2 + (3 if model.mlp == "swiglu" else 2) * model.d_model * model.mlp_width
    )
    state = {"muon": 2 * parameters - hidden, "sgd": parameters, "lion": parameters}.get(
        training.optimizer,
        2 * parameters,  # adamw; for one's own it is a guess
    )
    tokens = training.batch_size * model.context_length
    in_block = 14 * model.d_model + (4 if model.mlp == "swiglu" else 3) * model.mlp_width
    in_block += (4 if model.positions == "rotary" else 0) * model.d_model + (2 if model.qk_norm else 0) * model.d_model
    if model.dropout > 0:  # the fused kernel keeps no scores; the explicit attention that dropout needs does
        in_block += 4 * model.n_heads * model.context_length
    activations = tokens * (model.n_layers * in_block + 2 * model.d_model + 3 * vocabulary)
    return FLOAT_BYTES * (2 * parameters + state + activations)
