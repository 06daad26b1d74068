"""What a step measured, as rows: norms of single parameters joined for each component."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lmcore.experiments.runs.lines import MOST_AT_ONCE, decode_line, read_last_lines
from lmcore.model.transformer import Transformer
from lmcore.protocol.messages import LayerRow, LayerStatistics


def layer_rows(
    components: Sequence[str], component_of: Callable[[str], str], metrics: Mapping[str, float]
) -> tuple[LayerRow, ...]:
    """One row for each component, from the metrics of a step in which norms were measured.

    Norms of several parameters are joined as the root of the sum of their squares; the update ratio is taken of these.
    """
    return tuple(_row(component, component_of, metrics) for component in components)


def logged_layers(metrics: Path, model: Transformer, step: int) -> LayerStatistics | None:
    """The newest norms up to a step that a metrics file holds, or None. RunError."""
    for line in reversed(read_last_lines(metrics, MOST_AT_ONCE)):
        row = decode_line(line) if b'"param/l2_norm/' in line else None
        if row is not None and isinstance(row.get("step"), int) and row["step"] <= step:
            return LayerStatistics(row["step"], layer_rows(model.components(), model.component_of, row))
    return None


def _row(component: str, component_of: Callable[[str], str], metrics: Mapping[str, float]) -> LayerRow:
    def joined(kind: str) -> float | None:
        prefix = f"{kind}/l2_norm/"
        norms = [
            value
            for name, value in metrics.items()
            if name.startswith(prefix)
            and name != "grad/l2_norm/global"
            and component_of(name[len(prefix) :]) == component
        ]
        return math.hypot(*norms) if norms else None

    weight, update = joined("param"), joined("update")
    return LayerRow(
        component,
        weight_norm=weight,
        gradient_norm=joined("grad"),
        update_ratio=update / weight if update is not None and weight else None,
        activation_rms=metrics.get(f"activation/rms/{output_point(component)}"),
    )


def output_point(component: str) -> str:
    """The hook point of what a component puts out."""
    if component.startswith("blocks."):
        _, layer, part = component.split(".")
        return f"blocks.{layer}.hook_{part}_out"
    return "ln_final.hook_normalized" if component == "ln_final" else f"hook_{component}"
