"""The rows and descriptions that messages carry: frozen dataclasses of plain data."""

from dataclasses import dataclass
from typing import Literal

MetricRow = tuple[int, int, float, dict[str, float]]
"""(step, tokens seen, seconds of training, {metric: value})."""

MomentSource = Literal["memory", "checkpoint", "beginning"]
"""Where a moment of a run comes from: a snapshot, a checkpoint on disk, or the first weights, made again."""


@dataclass(frozen=True)
class RunInfo:
    """What a front end shows about the run that is open."""

    name: str  # the run directory's name
    folder: str  # the run directory
    title: str  # the short name that a person gave
    config_text: str  # as resolved
    parameters: int
    tokens_per_step: int
    max_steps: int
    device: str
    threads: int
    vocabulary: int
    floor: float | None  # nats per token of a perfect model on the validation split, where it is known
    confounded: str = ""  # why it makes several changes at once against its baseline or parent, where it does


@dataclass(frozen=True)
class OwnFile:
    """One version of a Python file of the user's that a configuration names, as it was read."""

    name: str  # as the configuration names it, e.g. my_hooks.py
    path: str  # where it was read
    digest: str  # sha256 of its bytes, in hexadecimal
    text: str


@dataclass(frozen=True)
class HookArgument:
    """One argument that `with` may set; `default` as YAML text, None where one must be given."""

    name: str
    type: str  # in words, e.g. "a number"
    default: str | None


@dataclass(frozen=True)
class HookEntry:
    """One function that a configuration can name under `use`."""

    kind: str  # forward, backward, update or loss
    name: str  # e.g. zero, or my_hooks.py:function
    summary: str  # the first sentence of its docstring
    doc: str  # the whole docstring
    stage: str  # e.g. activation, gradient_at, direction, term
    arguments: tuple[HookArgument, ...]


@dataclass(frozen=True)
class LayerRow:
    """Norms of one component of the model; None where it has none."""

    component: str  # embed, pos_embed, blocks.0.attn, blocks.0.mlp, …, ln_final, unembed
    weight_norm: float | None
    gradient_norm: float | None
    update_ratio: float | None  # ‖update‖/‖weights‖
    activation_rms: float | None  # of what the component writes into the residual stream


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
