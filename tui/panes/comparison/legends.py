"""The words around the plots and the samples of a comparison."""

from collections.abc import Sequence

from textual.content import Content

from lmcore.experiments.comparison.curves import is_judgement
from lmcore.experiments.comparison.result import Comparison
from lmcore.experiments.comparison.samples import SideSample
from tui.panes.comparison.pictures import DrawnDifference, side_style
from tui.panes.loss.picture import Choice
from tui.plain_text import shown_text

Part = str | tuple[str, str]


def curves_title(title: str, choice: Choice) -> Content:
    """What is drawn, and how the axes count: `1 Curves ── loss/val by step · log`."""
    smoothing = "" if is_judgement(choice.metric) else f", smoothed {choice.smoothing:g}"
    scale = "log" if choice.log_y else "linear"
    zoomed = "" if choice.view.width is None else " · zoomed (0 shows all)"
    return Content(
        f"{title} ── {shown_text(choice.metric, one_line=True)}{smoothing} by {choice.axis} · {scale}{zoomed}"
    )


def overlay_legend(comparison: Comparison) -> Content:
    """Which letters are which runs; those that differ in their seed alone stand together."""
    parts: list[Part] = []
    for number, side in enumerate(comparison.sides):
        seeds = [str(run.seed) for run in side.runs if run.seed is not None]
        said = f" seed{'' if len(seeds) == 1 else 's'} {' '.join(seeds)}" if seeds else ""
        parts += [(side.letters, f"bold $plot-{side_style(number)}")]
        parts += [f" {shown_text(side.runs[0].summary.title, one_line=True)[:40]}{said}   "]
    return Content.assemble(*parts)


def difference_legend(differences: Sequence[DrawnDifference]) -> Content:
    """What is taken from what, and what the band means."""
    if not any(one.difference.positions for one in differences):
        return Content("no difference to draw: they have no value of it in common")
    parts: list[Part] = []
    for one in differences:
        parts += [(one.name, f"bold $plot-{one.style}"), "   "]
    if any(one.difference.has_band for one in differences):
        parts += [("░", "$plot-axis"), " 95 % band of seed noise"]
    else:
        parts += ["no band: one run on each side says nothing about seed noise"]
    return Content.assemble(*parts)


def samples_title(title: str, samples: Sequence[SideSample], steps: Sequence[int]) -> Content:
    """The title of the samples, with which of how many they are: `3 Samples ── step 150, 6 of 6`."""
    at = {sample.step for sample in samples}
    if len(at) != 1 or not steps:
        return Content(title)
    step = next(iter(at))
    place = f", {steps.index(step) + 1} of {len(steps)}" if step in steps else ""
    return Content(f"{title} ── step {step:,}{place}")
