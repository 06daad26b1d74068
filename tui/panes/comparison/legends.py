"""The words around the plots and the samples of a comparison."""

from collections.abc import Sequence

from textual.content import Content

from lmcore.experiments.comparison.curves import is_judgement
from lmcore.experiments.comparison.result import Comparison
from lmcore.experiments.comparison.samples import SideSample
from tui.panes.comparison.pictures import DrawnDifference
from tui.panes.loss.picture import Choice, OtherRun
from tui.plain_text import shown_text

Part = str | tuple[str, str]


def overlay_legend(comparison: Comparison, runs: Sequence[OtherRun], choice: Choice) -> Content:
    """Which letter is which run, what is drawn, and how the axes count."""
    styles = {run.letter: run.style for run in runs}
    parts: list[Part] = []
    for run in comparison.runs:
        seed = "" if run.seed is None else f" seed {run.seed}"
        parts += [(run.letter, f"bold $plot-{styles[run.letter]}")]
        parts += [f" {shown_text(run.summary.title, one_line=True)}{seed}   "]
    smoothing = "" if is_judgement(choice.metric) else f", smoothed {choice.smoothing:g}"
    scale = "log" if choice.log_y else "linear"
    parts += [(f"{shown_text(choice.metric, one_line=True)}{smoothing}", "$foreground"), f" by {choice.axis} · {scale}"]
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
