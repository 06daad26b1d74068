"""Which norms are out of the ordinary, and what that means. Rules of thumb, each with its sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median
from typing import Literal

from lmcore.protocol.messages import LayerRow
from tui.lab.numbers import short_number

Column = Literal["weight_norm", "gradient_norm", "update_ratio", "activation_rms"]

COLUMNS: tuple[Column, ...] = ("weight_norm", "gradient_norm", "update_ratio", "activation_rms")

HEADINGS: dict[Column, str] = {
    "weight_norm": "weight",
    "gradient_norm": "gradient",
    "update_ratio": "update",
    "activation_rms": "activation",
}

SHORT_HEADINGS: dict[Column, str] = {**HEADINGS, "activation_rms": "activ."}
"""The headings where the columns stand close together."""

NAMES: dict[Column, str] = {
    "weight_norm": "weight norm",
    "gradient_norm": "gradient norm",
    "update_ratio": "update ratio",
    "activation_rms": "activation rms",
}

HEALTHY_RATIO = 1e-3
"""A healthy update moves the weights by about this share of their norm (Karpathy, "makemore" part 4)."""
LARGEST_RATIO, SMALLEST_RATIO = 3e-2, 1e-5
GRADIENT_SPREAD = 1e3
"""How many times larger or smaller than the median component's a gradient may be."""
LARGEST_GRADIENT, SMALLEST_GRADIENT = 1e2, 1e-8
LARGEST_ACTIVATION, SMALLEST_ACTIVATION = 1e3, 1e-5


@dataclass(frozen=True)
class Finding:
    """A value out of the ordinary: in which column, too high or too low, and what it means."""

    column: Column
    direction: Literal["▲", "▼", "✗"]
    sentence: str


def short_name(component: str) -> str:
    """`blocks.0.attn` as `0 attn`; other names as they are."""
    parts = component.split(".")
    return " ".join(parts[1:]) if parts[0] == "blocks" and len(parts) > 2 else component


def norm_text(value: float | None) -> str:
    """A norm in at most six characters: 14.2, 0.41, 1.1e-3."""
    if value is None:
        return "–"
    if not isfinite(value) or value == 0:
        return short_number(value)
    size = abs(value)
    if size < 0.1 or size >= 99999.5:
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e+")
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def find(row: LayerRow, rows: Sequence[LayerRow]) -> list[Finding]:
    """What is out of the ordinary in a row, by itself and beside the model's other rows."""
    found: list[Finding] = []
    for column in COLUMNS:
        value: float | None = getattr(row, column)
        if value is None:
            continue
        if not isfinite(value):
            found.append(Finding(column, "✗", f"The {NAMES[column]} is not a finite number: training has broken down."))
        elif column == "update_ratio":
            found += _ratio(value)
        elif column == "gradient_norm":
            found += _gradient(value, [r.gradient_norm for r in rows if r.gradient_norm is not None])
        elif column == "activation_rms":
            found += _activation(value)
    return found


def _ratio(value: float) -> list[Finding]:
    shown = norm_text(value)
    if value > LARGEST_RATIO:
        return [
            Finding(
                "update_ratio",
                "▲",
                f"An update moves these weights by {shown} of their norm; about 1e-3 is healthy. "
                "Lower training.learning_rate, or warm up longer.",
            )
        ]
    if 0 < value < SMALLEST_RATIO:
        return [
            Finding(
                "update_ratio",
                "▼",
                f"An update moves these weights by only {shown} of their norm; about 1e-3 is healthy. "
                "They hardly learn: raise training.learning_rate, unless the schedule is at its end.",
            )
        ]
    return []


def _gradient(value: float, everywhere: Sequence[float]) -> list[Finding]:
    finite = [v for v in everywhere if isfinite(v) and v > 0]
    usual = median(finite) if finite else value
    shown = norm_text(value)
    if value > LARGEST_GRADIENT or (usual and value > GRADIENT_SPREAD * usual):
        return [
            Finding(
                "gradient_norm",
                "▲",
                f"The gradient explodes: {shown}, where {norm_text(usual)} is usual in this model. "
                "Clip it (training.gradient_clip) or lower the learning rate.",
            )
        ]
    if value < SMALLEST_GRADIENT or value * GRADIENT_SPREAD < usual:
        return [
            Finding(
                "gradient_norm",
                "▼",
                f"The gradient vanishes: {shown}, where {norm_text(usual)} is usual in this model. "
                "This component gets next to nothing to learn from.",
            )
        ]
    return []


def _activation(value: float) -> list[Finding]:
    if value < SMALLEST_ACTIVATION:
        return [
            Finding(
                "activation_rms",
                "▼",
                f"The activations are dead (rms {norm_text(value)}): this component passes nothing on. "
                "Right at the start this is so with model.zero_init_projections.",
            )
        ]
    if value > LARGEST_ACTIVATION:
        return [
            Finding(
                "activation_rms",
                "▲",
                f"The activations are very large (rms {norm_text(value)}): the residual stream grows out of hand.",
            )
        ]
    return []


def explain(row: LayerRow, column: Column, rows: Sequence[LayerRow]) -> str:
    """What the line under the table says of a row: what is wrong with it, or else what the chosen column means."""
    findings = find(row, rows)
    name = short_name(row.component)
    if findings:
        first = next((finding for finding in findings if finding.column == column), findings[0])
        more = f" (+{len(findings) - 1} more)" if len(findings) > 1 else ""
        return f"{first.direction} {name}: {first.sentence}{more}"
    value: float | None = getattr(row, column)
    if value is None:
        return f"{name} has no {NAMES[column]}."
    meanings: dict[Column, str] = {
        "weight_norm": "the L2 norm of its parameters",
        "gradient_norm": "the L2 norm of its gradient, before clipping",
        "update_ratio": "the norm of an update beside that of the weights; about 1e-3 is healthy, more early on",
        "activation_rms": "the root mean square of what it passes on",
    }
    return f"{name}: {NAMES[column]} {norm_text(value)}, {meanings[column]}."
