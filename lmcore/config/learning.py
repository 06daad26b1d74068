"""The sections of the schema that say what is learned, and how: model, training, dataset."""

from typing import Literal, Self

from pydantic import model_validator

from lmcore.config.fields import choice_or_own, setting
from lmcore.config.section import Section, disagreement


class ModelConfig(Section):
    """The Transformer: its size and the parts it is built from."""

    d_model: int = setting(128, "Width of the residual stream. A multiple of n_heads.", coupled="width", ge=2, le=8192)
    n_layers: int = setting(4, "Number of Transformer blocks. 1 to 128.", ge=1, le=128)
    n_heads: int = setting(4, "Attention heads in each block. Divides d_model.", coupled="width", ge=1, le=128)
    d_mlp: int | None = setting(
        None,
        "Hidden width of the MLP. null: 4 × d_model (swiglu: 8/3 × d_model, a multiple of 8).",
        coupled="MLP",
        ge=1,
        le=65536,
    )
    context_length: int = setting(256, "How many tokens the model sees at once. 2 to 65536.", ge=2, le=65536)
    positions: Literal["learned", "sinusoidal", "rotary", "none"] = setting(
        "learned", "How the model knows where a token stands. rotary needs an even head size.", coupled="positions"
    )
    rotary_base: float = setting(
        10000.0, "Base of the rotary frequencies; used with positions: rotary. > 1.", coupled="positions", gt=1, le=1e12
    )
    norm: Literal["layernorm", "rmsnorm"] = setting("layernorm", "Normalization before attention, MLP and head.")
    norm_epsilon: float = setting(1e-5, "Added inside the norm's square root. > 0, at most 0.1.", gt=0, le=0.1)
    mlp: Literal["gelu", "relu", "relu2", "swiglu"] = setting("gelu", "The MLP's nonlinearity.", coupled="MLP")
    bias: bool = setting(False, "Biases in linear layers and layer norms.")
    dropout: float = setting(0.0, "Share of activations dropped while training. 0 to below 1.", ge=0, lt=1)
    tied_head: bool = setting(True, "The output head shares the token embedding's matrix.")
    qk_norm: bool = setting(
        False,
        "Normalize queries and keys of each head before their product (RMS, no parameters).",
        coupled="attention scale",
    )
    attention_scale: float | None = setting(
        None,
        "Factor on the products of queries and keys. null: 1/√(head size). With qk_norm scores reach at most scale × "
        "head size, so small heads need a larger one to look sharply: about 0.4 at head size 32. > 0, at most 100.",
        coupled="attention scale",
        gt=0,
        le=100,
    )
    logit_soft_cap: float = setting(0.0, "Logits pass through cap × tanh(logits / cap). 0: no cap.", ge=0, le=10**6)
    initial_std: float = setting(0.02, "Standard deviation of initial weights. > 0, at most 1.", gt=0, le=1)
    zero_init_projections: bool = setting(
        False, "Start the projections back into the residual stream at zero, so that each block begins as the identity."
    )

    @property
    def d_head(self) -> int:
        """Width of one attention head."""
        return self.d_model // self.n_heads

    @property
    def mlp_width(self) -> int:
        """Hidden width of the MLP, with the default filled in."""
        if self.d_mlp is not None:
            return self.d_mlp
        return 4 * self.d_model if self.mlp != "swiglu" else max(8, round(self.d_model / 3) * 8)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.d_model % self.n_heads:
            raise disagreement(
                f"model.d_model ({self.d_model}) must be a multiple of model.n_heads ({self.n_heads})",
                "model.d_model",
                "model.n_heads",
            )
        if self.positions == "rotary" and self.d_head % 2:
            raise disagreement(
                f"model.positions: rotary needs an even head size, but model.d_model / model.n_heads is {self.d_head}",
                "model.positions",
                "model.d_model",
                "model.n_heads",
            )
        return self


class OptimizationConfig(Section):
    """How the weights are learned: batches, optimizer, schedule. The section is called `training` in the file."""

    max_steps: int = setting(4000, "Optimizer steps of the whole run. At least 1.", coupled="schedule", ge=1, le=10**9)
    batch_size: int = setting(16, "Sequences in one micro-batch. 1 to 65536.", ge=1, le=65536)
    gradient_accumulation_steps: int = setting(1, "Micro-batches whose gradients make one step.", ge=1, le=4096)
    batch_ramp_start: int | None = setting(
        None,
        "Batch size at step 0, growing linearly to batch_size. null: fixed. At most batch_size.",
        coupled="batch ramp",
        ge=1,
        le=65536,
    )
    batch_ramp_steps: int = setting(
        0, "Steps over which the batch grows from batch_ramp_start.", coupled="batch ramp", ge=0, le=10**9
    )
    optimizer: str = choice_or_own(
        "adamw",
        ["adamw", "muon", "sgd", "lion"],
        "adamw, muon (for the hidden matrices, with adamw for everything else), sgd (wants a learning rate far above "
        "adamw's), lion (about a fifth of adamw's), or a class of one's own: my_optimizer.py:Name.",
    )
    learning_rate: float = setting(
        1e-3, "Peak learning rate, reached after warmup_steps. > 0, at most 10.", live=True, gt=0, le=10
    )
    min_learning_rate: float = setting(
        1e-4,
        "Learning rate at the end of the schedule. 0 to learning_rate.",
        coupled="schedule",
        live=True,
        ge=0,
        le=10,
    )
    schedule: Literal["cosine", "linear", "constant", "warmup_stable_decay"] = setting(
        "cosine", "Shape of the learning rate after warm-up.", coupled="schedule"
    )
    warmup_steps: int = setting(100, "Steps of linear warm-up. At most max_steps.", coupled="schedule", ge=0, le=10**9)
    decay_steps: int = setting(
        0,
        "Length of the last phase of warmup_stable_decay. 0: a fifth of max_steps. At most max_steps.",
        coupled="schedule",
        ge=0,
        le=10**9,
    )
    beta1: float = setting(
        0.9,
        "Adam's decay of the gradient's mean; lion's weight of the mean in a step. 0 to below 1.",
        live=True,
        ge=0,
        lt=1,
    )
    beta2: float = setting(
        0.99,
        "Adam's decay of the squared gradient's mean; lion's of the mean itself. 0 to below 1.",
        live=True,
        ge=0,
        lt=1,
    )
    epsilon: float = setting(1e-8, "Added to Adam's denominator. > 0, at most 1.", live=True, gt=0, le=1)
    weight_decay: float = setting(
        0.1, "Decoupled decay of matrices; never of biases and norms. 0 to 1000.", live=True, ge=0, le=1000
    )
    momentum: float = setting(0.9, "Momentum of sgd. 0: none. Below 1.", live=True, ge=0, lt=1)
    muon_learning_rate: float = setting(
        0.02, "Peak learning rate of muon; follows the same schedule. > 0, at most 10.", live=True, gt=0, le=10
    )
    muon_momentum: float = setting(0.95, "Muon's Nesterov momentum. 0 to below 1.", live=True, ge=0, lt=1)
    muon_newton_schulz_steps: int = setting(
        5, "Newton–Schulz iterations that orthogonalize muon's update.", ge=1, le=20
    )
    gradient_clip: float = setting(
        1.0, "Largest global l2 norm of the gradient. 0: no clipping.", live=True, ge=0, le=1e12
    )

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        if self.warmup_steps > self.max_steps:
            raise disagreement(
                f"training.warmup_steps ({self.warmup_steps}) must be at most training.max_steps ({self.max_steps})",
                "training.warmup_steps",
                "training.max_steps",
            )
        if self.schedule == "warmup_stable_decay" and self.warmup_steps + self.decay_steps > self.max_steps:
            raise disagreement(
                f"training.warmup_steps ({self.warmup_steps}) + training.decay_steps ({self.decay_steps}) must be at "
                f"most training.max_steps ({self.max_steps})",
                "training.decay_steps",
                "training.warmup_steps",
                "training.max_steps",
            )
        if self.min_learning_rate > self.learning_rate:
            raise disagreement(
                f"training.min_learning_rate ({self.min_learning_rate:g}) must be at most training.learning_rate "
                f"({self.learning_rate:g})",
                "training.min_learning_rate",
                "training.learning_rate",
            )
        if self.batch_ramp_start is not None and self.batch_ramp_start > self.batch_size:
            raise disagreement(
                f"training.batch_ramp_start ({self.batch_ramp_start}) must be at most training.batch_size "
                f"({self.batch_size})",
                "training.batch_ramp_start",
                "training.batch_size",
            )
        return self


class DatasetConfig(Section):
    """The text to learn from, how it becomes tokens, and in which order they are seen."""

    source: Literal["tales", "file", "files", "python", "download"] = setting(
        "tales",
        "tales: the built-in stories; file: one text file; files: a folder or glob; python: the standard library's "
        "source; download: a named text.",
        coupled="text",
    )
    path: str = setting(
        "",
        "The file, folder or glob to read; used with source: file and files.",
        coupled="text",
        learned=False,
        max_length=4096,
    )
    download: Literal["tiny-shakespeare"] = setting(
        "tiny-shakespeare", "Which text to fetch; used with source: download.", coupled="text"
    )
    tales_megabytes: float = setting(
        8.0, "How much to write; used with source: tales. > 0, at most 10000.", coupled="text", gt=0, le=10000
    )
    tales_seed: int = setting(
        1, "Which tales are written; used with source: tales.", coupled="text", ge=0, le=2**63 - 1
    )
    validation_fraction: float = setting(
        0.1, "Share of the text, taken from its end, kept for validation. > 0, at most 0.5.", gt=0, le=0.5
    )
    tokenizer: Literal["char", "byte", "bpe"] = setting(
        "char",
        "char: a fixed table of 128 ASCII characters; byte: 256 bytes of UTF-8; bpe: learned pieces (extra `bpe`).",
        coupled="tokenizer",
    )
    bpe_vocabulary: int = setting(
        1024, "Number of pieces; used with tokenizer: bpe. 256 to 65536.", coupled="tokenizer", ge=256, le=65536
    )
    unknown: Literal["replace", "drop", "error"] = setting(
        "replace", "What char does with a character outside its table: write '?', leave it out, or stop."
    )
    order: Literal["random", "shuffled"] = setting(
        "random", "random: windows drawn anywhere; shuffled: every window once an epoch, in a new order each time."
    )
