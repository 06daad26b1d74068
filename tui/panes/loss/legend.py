"""The words around the plot: title, legend, and what the cursor reads."""

from collections.abc import Sequence

from textual.content import Content

from tui.lab.history import History
from tui.lab.numbers import short_number
from tui.panes.loss.picture import TRAIN, VALIDATION, Choice, OtherRun
from tui.plain_text import shown_text


def title(choice: Choice, history: History, floor: float | None, seen: int | None = None) -> Content:
    """The pane's title with the latest values: `2 Loss ── train 0.412  val 0.431  floor 0.297`.

    Of `seen`, an earlier step that one looks at, those that were known by then.
    """

    def latest(name: str) -> float | None:
        series = history.series.get(name)
        if not series:
            return None
        found = series.up_to(seen if seen is not None else series.steps[-1])
        return None if found is None else found[1]

    at = f"at step {seen:,} " if seen is not None else ""
    if choice.metric:
        value = latest(choice.metric)
        return _titled(at, shown_text(choice.metric, one_line=True), short_number(value))
    train, validation = latest(TRAIN), latest(VALIDATION)
    values = [("train", train), ("val", validation), ("floor", floor)]
    known = "  ".join(f"{name} {short_number(value)}" for name, value in values if value is not None)
    return _titled(at, known) if train is not None or validation is not None else Content("2 Loss")


def _titled(*parts: str) -> Content:
    return Content(f"2 Loss ── {' '.join(part for part in parts if part)}")


def legend(choice: Choice, history: History, others: Sequence[OtherRun], has_floor: bool) -> Content:
    """Which glyph is what, and how the axes count."""
    parts: list[Content | str | tuple[str, str]] = []

    def entry(glyph: str, name: str, style: str) -> None:
        parts.extend([(glyph, style), f" {shown_text(name, one_line=True)}   "])

    entry("⠒⠒", choice.metric or "train", "$plot-raw")
    if choice.smoothing > 0:
        entry("⠤⠤", f"smoothed {choice.smoothing:g}", "bold $plot-smoothed")
    if not choice.metric and history.series.get(VALIDATION):
        entry("◆", "validation", "bold $plot-points")
    if not choice.metric and has_floor:
        entry("┄┄", "floor", "$plot-level")
    for other in others:
        entry(other.letter, other.name, f"bold $plot-{other.style}")
    scale = "log" if choice.log_y else "linear"
    parts.append(f"· {scale}")
    if choice.view.width is not None:
        parts.append(" · zoomed (0 shows all)")
    return Content.assemble(*parts)


def readings(pairs: Sequence[tuple[str, str]]) -> Content:
    """What the cursor reads, as one line."""
    parts: list[Content | str | tuple[str, str]] = []
    for index, (name, value) in enumerate(pairs):
        parts.append(f"{'  ·  ' if index else ''}{shown_text(name, one_line=True)} ")
        parts.append((shown_text(value, one_line=True), "bold $foreground"))
    return Content.assemble(*parts)
