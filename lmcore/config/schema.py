"""TrainingConfig: the one schema of everything that can be set, with its defaults, bounds and descriptions."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from lmcore.config.fields import setting
from lmcore.config.learning import DatasetConfig as DatasetConfig
from lmcore.config.learning import ModelConfig as ModelConfig
from lmcore.config.learning import OptimizationConfig as OptimizationConfig
from lmcore.config.section import Section, disagreement


class EvaluationConfig(Section):
    """How, and how often, the model is judged while it learns."""

    interval: int = setting(
        250, "Steps between evaluations. 0: only at the end.", live=True, learned=False, ge=0, le=10**9
    )
    batches: int = setting(
        0,
        "How many batches of validation windows to read. 0: the whole validation split.",
        live=True,
        learned=False,
        ge=0,
        le=10**9,
    )
    batch_size: int = setting(32, "Windows read at once while evaluating.", live=True, learned=False, ge=1, le=65536)
    stride: int | None = setting(
        None,
        "How far the window moves; only its last `stride` tokens count. null: a whole context. At most context_length.",
        live=True,
        learned=False,
        ge=1,
        le=65536,
    )
    prompt: str = setting(
        "One sunny morning, ",
        "The fixed prompt, continued at each evaluation. At most 100,000 characters.",
        live=True,
        learned=False,
        max_length=100_000,
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
    top_k: int = setting(
        0, "Only the k likeliest tokens may be drawn. 0: all.", live=True, learned=False, ge=0, le=10**6
    )
    top_p: float = setting(
        1.0,
        "Only the likeliest tokens that together hold this share may be drawn. 1: all.",
        live=True,
        learned=False,
        gt=0,
        le=1,
    )
    max_tokens: int = setting(300, "How many tokens an answer may have.", live=True, learned=False, ge=1, le=10**6)
    stop: str = setting(
        "",
        "An answer ends where this text appears. Empty: it does not. At most 1,000 characters.",
        live=True,
        learned=False,
        max_length=1000,
    )
    seed: int = setting(0, "Seed of the draws, independent of the run's.", live=True, learned=False, ge=0, le=2**63 - 1)


class CheckpointingConfig(Section):
    """When the model is saved and what is kept."""

    interval: int = setting(
        500, "Steps between checkpoints. 0: only at the end.", live=True, learned=False, ge=0, le=10**9
    )
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

    name: str = setting(
        "", "How the hook is called in the lab and in the journal; its random draws depend on it.", max_length=1000
    )
    kind: Literal["forward", "backward", "update", "loss"] = setting("forward", "Where it reaches in.")
    use: str = setting(
        "", "What does the work: a built-in, or a function of one's own: my_hooks.py:function.", max_length=1000
    )
    at: str | None = setting(
        None, "Hook points or parameters, a glob; one that matches nothing is an error.", max_length=1000
    )
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Arguments of what it uses.")
    from_step: int | None = setting(None, "First step at which it acts. null: from the start.", ge=0, le=10**9)
    until_step: int | None = setting(None, "First step at which it no longer acts. null: to the end.", ge=0, le=10**9)
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
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,4})?)$",
    )
    threads: int = setting(
        0,
        "Processor threads for tensors; changes the last bits of results. 0: one for each core, at most "
        "OMP_NUM_THREADS.",
        learned=False,
        ge=0,
        le=1024,
    )
    runs_folder: str = setting("runs", "Where runs are written.", learned=False, min_length=1, max_length=4096)
    log_interval: int = setting(1, "Steps between lines in metrics.jsonl.", live=True, learned=False, ge=1, le=10**9)
    norms_interval: int = setting(
        20,
        "Steps between norms of each parameter, gradient, update and activation. 0: never.",
        live=True,
        learned=False,
        ge=0,
        le=10**9,
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

    @property
    def names_code(self) -> bool:
        """Whether it names anything that code resolves: a hook, or an optimizer of one's own."""
        return bool(self.hooks) or ":" in self.training.optimizer

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
        names: set[str] = set()
        for index, hook in enumerate(self.hooks):
            if hook.name in names:
                raise disagreement(f"hooks: the name {hook.name!r} is used twice", f"hooks.{index}.name")
            names.add(hook.name)
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
