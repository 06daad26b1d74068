"""TrainingConfig: the one schema of everything that can be set, with its defaults, bounds and descriptions."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from lmcore.config.fields import choice_or_own, setting
from lmcore.config.section import Section, disagreement


class ModelConfig(Section):
    """The Transformer: its size and the parts it is built from."""

    d_model: int = setting(128, "Width of the residual stream. A multiple of n_heads.", coupled="width", ge=2, le=8192)
    n_layers: int = setting(4, "Number of Transformer blocks. At least 1.", ge=1, le=128)
    n_heads: int = setting(4, "Attention heads in each block. Divides d_model.", coupled="width", ge=1, le=128)
    d_mlp: int | None = setting(
        None,
        "Hidden width of the MLP. null: 4 × d_model (swiglu: 8/3 × d_model, a multiple of 8).",
        coupled="MLP",
        ge=1,
        le=65536,
    )
    context_length: int = setting(256, "How many tokens the model sees at once. At least 2.", ge=2, le=65536)
    positions: Literal["learned", "sinusoidal", "rotary", "none"] = setting(
        "learned", "How the model knows where a token stands. rotary needs an even head size.", coupled="positions"
    )
    rotary_base: float = setting(
        10000.0, "Base of the rotary frequencies; used with positions: rotary. > 1.", coupled="positions", gt=1
    )
    norm: Literal["layernorm", "rmsnorm"] = setting("layernorm", "Normalization before attention, MLP and head.")
    norm_epsilon: float = setting(1e-5, "Added inside the norm's square root. > 0.", gt=0, le=0.1)
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
        "head size, so small heads need a larger one to look sharply: about 0.4 at head size 32. > 0.",
        coupled="attention scale",
        gt=0,
        le=100,
    )
    logit_soft_cap: float = setting(0.0, "Logits pass through cap × tanh(logits / cap). 0: no cap.", ge=0)
    initial_std: float = setting(0.02, "Standard deviation of initial weights. > 0.", gt=0, le=1)
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
    batch_size: int = setting(16, "Sequences in one micro-batch. At least 1.", ge=1, le=65536)
    gradient_accumulation_steps: int = setting(1, "Micro-batches whose gradients make one step.", ge=1, le=4096)
    batch_ramp_start: int | None = setting(
        None,
        "Batch size at step 0, growing linearly to batch_size. null: fixed. At most batch_size.",
        coupled="batch ramp",
        ge=1,
    )
    batch_ramp_steps: int = setting(
        0, "Steps over which the batch grows from batch_ramp_start.", coupled="batch ramp", ge=0
    )
    optimizer: str = choice_or_own(
        "adamw",
        ["adamw", "muon", "sgd", "lion"],
        "adamw, muon (for the hidden matrices, with adamw for everything else), sgd (wants a learning rate far above "
        "adamw's), lion (about a fifth of adamw's), or a class of one's own: my_optimizer.py:Name.",
    )
    learning_rate: float = setting(1e-3, "Peak learning rate, reached after warmup_steps. > 0.", live=True, gt=0, le=10)
    min_learning_rate: float = setting(
        1e-4, "Learning rate at the end of the schedule. 0 to learning_rate.", coupled="schedule", live=True, ge=0
    )
    schedule: Literal["cosine", "linear", "constant", "warmup_stable_decay"] = setting(
        "cosine", "Shape of the learning rate after warm-up.", coupled="schedule"
    )
    warmup_steps: int = setting(100, "Steps of linear warm-up. At most max_steps.", coupled="schedule", ge=0)
    decay_steps: int = setting(
        0,
        "Length of the last phase of warmup_stable_decay. 0: a fifth of max_steps. At most max_steps.",
        coupled="schedule",
        ge=0,
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
    epsilon: float = setting(1e-8, "Added to Adam's denominator. > 0.", live=True, gt=0, le=1)
    weight_decay: float = setting(0.1, "Decoupled decay of matrices; never of biases and norms. ≥ 0.", live=True, ge=0)
    momentum: float = setting(0.9, "Momentum of sgd. 0: none. Below 1.", live=True, ge=0, lt=1)
    muon_learning_rate: float = setting(
        0.02, "Peak learning rate of muon; follows the same schedule. > 0.", live=True, gt=0
    )
    muon_momentum: float = setting(0.95, "Muon's Nesterov momentum. 0 to below 1.", live=True, ge=0, lt=1)
    muon_newton_schulz_steps: int = setting(
        5, "Newton–Schulz iterations that orthogonalize muon's update.", ge=1, le=20
    )
    gradient_clip: float = setting(1.0, "Largest global l2 norm of the gradient. 0: no clipping.", live=True, ge=0)

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
        "", "The file, folder or glob to read; used with source: file and files.", coupled="text", learned=False
    )
    download: Literal["tiny-shakespeare"] = setting(
        "tiny-shakespeare", "Which text to fetch; used with source: download.", coupled="text"
    )
    tales_megabytes: float = setting(
        8.0, "How much to write; used with source: tales. > 0.", coupled="text", gt=0, le=10000
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
        1024, "Number of pieces; used with tokenizer: bpe. At least 256.", coupled="tokenizer", ge=256, le=65536
    )
    unknown: Literal["replace", "drop", "error"] = setting(
        "replace", "What char does with a character outside its table: write '?', leave it out, or stop."
    )
    order: Literal["random", "shuffled"] = setting(
        "random", "random: windows drawn anywhere; shuffled: every window once an epoch, in a new order each time."
    )


class EvaluationConfig(Section):
    """How, and how often, the model is judged while it learns."""

    interval: int = setting(250, "Steps between evaluations. 0: only at the end.", live=True, learned=False, ge=0)
    batches: int = setting(
        0,
        "How many batches of validation windows to read. 0: the whole validation split.",
        live=True,
        learned=False,
        ge=0,
    )
    batch_size: int = setting(32, "Windows read at once while evaluating.", live=True, learned=False, ge=1, le=65536)
    stride: int | None = setting(
        None,
        "How far the window moves; only its last `stride` tokens count. null: a whole context. At most context_length.",
        live=True,
        learned=False,
        ge=1,
    )
    prompt: str = setting(
        "One sunny morning, ", "The fixed prompt, continued at each evaluation.", live=True, learned=False
    )
    prompt_tokens: int = setting(
        120, "How many tokens continue the fixed prompt. 0: none.", live=True, learned=False, ge=0, le=100000
    )


class SamplingConfig(Section):
    """How text is drawn from the model."""

    temperature: float = setting(
        0.8,
        "Divides the logits: low is careful, high is wild. 0: always the likeliest.",
        live=True,
        learned=False,
        ge=0,
        le=100,
    )
    top_k: int = setting(0, "Only the k likeliest tokens may be drawn. 0: all.", live=True, learned=False, ge=0)
    top_p: float = setting(
        1.0,
        "Only the likeliest tokens that together hold this share may be drawn. 1: all.",
        live=True,
        learned=False,
        gt=0,
        le=1,
    )
    max_tokens: int = setting(300, "How many tokens an answer may have.", live=True, learned=False, ge=1, le=10**6)
    stop: str = setting("", "An answer ends where this text appears. Empty: it does not.", live=True, learned=False)
    seed: int = setting(0, "Seed of the draws, independent of the run's.", live=True, learned=False, ge=0, le=2**63 - 1)


class CheckpointingConfig(Section):
    """When the model is saved and what is kept."""

    interval: int = setting(500, "Steps between checkpoints. 0: only at the end.", live=True, learned=False, ge=0)
    keep_last: int = setting(2, "How many of the newest checkpoints stay.", live=True, learned=False, ge=1, le=100000)
    keep_best: bool = setting(
        True, "Also keep the checkpoint with the lowest validation loss.", live=True, learned=False
    )
    snapshot_megabytes: int = setting(
        300,
        "Memory for going back to earlier steps in the lab: the last ones, and fewer from before. 0: only checkpoints.",
        live=True,
        learned=False,
        ge=0,
        le=10**6,
    )


class HookConfig(Section):
    """One intervention in how the model computes, learns or is judged."""

    name: str = setting("", "How the hook is called in the lab and in the journal; its random draws depend on it.")
    kind: Literal["forward", "backward", "update", "loss"] = setting("forward", "Where it reaches in.")
    use: str = setting("", "What does the work: a built-in, or a function of one's own: my_hooks.py:function.")
    at: str | None = setting(None, "Hook points or parameters, a glob; one that matches nothing is an error.")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Arguments of what it uses.")
    from_step: int | None = setting(None, "First step at which it acts. null: from the start.", ge=0)
    until_step: int | None = setting(None, "First step at which it no longer acts. null: to the end.", ge=0)
    enabled: bool = setting(True, "Whether it acts. A disabled hook costs nothing and changes no bit.", live=True)


class OtherConfig(Section):
    """Name, seed, machine, records, and the screen."""

    name: str = setting("", "A name for the run. Empty: the configuration file's.", learned=False, max_length=100)
    baseline: str = setting(
        "",
        "A run or configuration that this one is compared with; it may then differ in one change of what is learned. "
        "Empty: none.",
        learned=False,
        max_length=1000,
    )
    seed: int = setting(
        1, "Seed of initialization, data order, dropout; each has its own stream.", learned=False, ge=0, le=2**63 - 1
    )
    device: str = setting(
        "auto",
        "auto, cpu, cuda, cuda:N or mps. auto takes the best that is present.",
        learned=False,
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
    )
    threads: int = setting(
        0,
        "Processor threads for tensors; changes the last bits of results. 0: one for each core.",
        learned=False,
        ge=0,
        le=1024,
    )
    runs_folder: str = setting("runs", "Where runs are written.", learned=False, min_length=1)
    log_interval: int = setting(1, "Steps between lines in metrics.jsonl.", live=True, learned=False, ge=1)
    norms_interval: int = setting(
        20,
        "Steps between norms of each parameter, gradient, update and activation. 0: never.",
        live=True,
        learned=False,
        ge=0,
    )
    smoothing: float = setting(
        0.95, "Weight of the past in the smoothed loss curve. 0 to below 1.", live=True, learned=False, ge=0, lt=1
    )
    screen_budget: float = setting(
        0.03, "Share of one core that drawing may take while training.", live=True, learned=False, gt=0, le=1
    )


class TrainingConfig(Section):
    """Everything that can be set about a run. Frozen; unknown keys are errors; missing fields take their defaults."""

    model: ModelConfig = Field(default_factory=ModelConfig, description=ModelConfig.__doc__)
    training: OptimizationConfig = Field(
        default_factory=OptimizationConfig, description="How the weights are learned: batches, optimizer, schedule."
    )
    dataset: DatasetConfig = Field(default_factory=DatasetConfig, description=DatasetConfig.__doc__)
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig, description=EvaluationConfig.__doc__)
    sampling: SamplingConfig = Field(default_factory=SamplingConfig, description=SamplingConfig.__doc__)
    checkpointing: CheckpointingConfig = Field(
        default_factory=CheckpointingConfig, description=CheckpointingConfig.__doc__
    )
    hooks: tuple[HookConfig, ...] = Field(
        default=(), strict=False, description="Interventions, applied in their order."
    )
    other: OtherConfig = Field(default_factory=OtherConfig, description=OtherConfig.__doc__)

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        stride = self.evaluation.stride
        if stride is not None and stride > self.model.context_length:
            raise disagreement(
                f"evaluation.stride ({stride}) must be at most model.context_length ({self.model.context_length})",
                "evaluation.stride",
                "model.context_length",
            )
        if self.dataset.source in ("file", "files") and not self.dataset.path:
            raise disagreement(
                f"dataset.source: {self.dataset.source} needs dataset.path, the file to read",
                "dataset.path",
                "dataset.source",
            )
        names = [hook.name for hook in self.hooks]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise disagreement(f"hooks: the name {name!r} is used twice", f"hooks.{index}.name")
        return self


SECTIONS: tuple[str, ...] = ("model", "training", "dataset", "evaluation", "sampling", "checkpointing", "other")


def section_type(section: str) -> type[Section]:
    """The type of a section by its name in the file."""
    annotation = TrainingConfig.model_fields[section].annotation
    assert isinstance(annotation, type) and issubclass(annotation, Section)
    return annotation


def field_of(key: str) -> FieldInfo:
    """The schema's field for a dotted key such as `training.learning_rate`. KeyError if there is none."""
    section, _, name = key.partition(".")
    if section not in SECTIONS:
        raise KeyError(key)
    return section_type(section).model_fields[name]
