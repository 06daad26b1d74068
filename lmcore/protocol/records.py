"""What an experiment tells after each step: plain records, for whoever drives it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MetricRow = tuple[int, int, float, dict[str, float]]
"""(step, tokens seen, seconds of training, {metric: value})."""


@dataclass(frozen=True)
class StepRecord:
    """A step was made and logged."""

    row: MetricRow


@dataclass(frozen=True)
class LayerRow:
    """Norms of one component of the model; None where it has none."""

    component: str  # embed, pos_embed, blocks.0.attn, blocks.0.mlp, …, ln_final, unembed
    weight_norm: float | None
    gradient_norm: float | None
    update_ratio: float | None  # ‖update‖/‖weights‖
    activation_rms: float | None  # of what the component writes into the residual stream


@dataclass(frozen=True)
class LayerRecord:
    """The norms of every component in one step, in the model's order."""

    step: int
    rows: tuple[LayerRow, ...]


@dataclass(frozen=True)
class HookRow:
    """How one declared hook does; `milliseconds` of a step and `effect` where they were measured."""

    name: str
    kind: str
    use: str
    at: str  # as declared; "" where it is not
    places: tuple[str, ...]  # hook points or parameters
    enabled: bool
    acting: bool  # enabled, and within its window
    from_step: int | None
    until_step: int | None
    firings: int
    milliseconds: float | None
    effect: float | None  # ‖change‖/‖original‖; of a loss term: |term|/|loss|


@dataclass(frozen=True)
class HookRecord:
    """How every declared hook does, in their listed order."""

    step: int
    rows: tuple[HookRow, ...]


MomentSource = Literal["memory", "checkpoint", "beginning"]
"""Where a moment of a run comes from: a snapshot, a checkpoint on disk, or the first weights, made again."""


@dataclass(frozen=True)
class MomentRecord:
    """A moment of a run that one looks at."""

    step: int
    source: MomentSource
    config_text: str  # the values that acted from there on
    layers: LayerRecord | None  # the newest norms that were measured up to there
    hooks: tuple[HookRow, ...]  # how each declared hook did


@dataclass(frozen=True)
class EvaluationRecord:
    """The model was judged, and continued the fixed prompt; `sample` does not repeat the prompt."""

    step: int
    tokens: int
    seconds: float
    metrics: dict[str, float]
    prompt: str = ""
    sample: str = ""


@dataclass(frozen=True)
class CheckpointRecord:
    """A checkpoint is on disk; `seconds` is how long saving took."""

    step: int
    folder: Path
    seconds: float


@dataclass(frozen=True)
class ChangeRecord:
    """A change was made, or a change of the journal repeated on the way from a checkpoint; values as YAML text."""

    step: int
    key: str
    old: str
    new: str


@dataclass(frozen=True)
class NoticeRecord:
    """What a person should know now, in a sentence; it is no part of the run."""

    step: int
    sentence: str


Record = StepRecord | LayerRecord | HookRecord | EvaluationRecord | CheckpointRecord | ChangeRecord | NoticeRecord
