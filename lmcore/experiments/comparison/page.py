"""A comparison as a page of Markdown."""

from collections.abc import Sequence

from lmcore.experiments.comparison.axes import Axis
from lmcore.experiments.comparison.result import Comparison
from lmcore.experiments.comparison.samples import SideSample
from lmcore.experiments.comparison.tables import (
    difference_table,
    outcome_table,
    parting,
    run_table,
    setting_table,
    verdict,
)
from lmcore.markdown import as_quote, as_text, table


def markdown(
    comparison: Comparison, metric: str, axis: Axis, checkpoints: Sequence[str], samples: Sequence[SideSample]
) -> str:
    """Everything that the command line shows; `checkpoints`: what they say of each further run, "" where nothing."""
    names, (headings, rows), settings = run_table(comparison), outcome_table(comparison), setting_table(comparison)
    lines = [
        f"# {as_text(comparison.runs[0].summary.title)} and what it is compared with",
        "",
        *table(*names),
        "",
        *table(headings, rows, right=headings[1:]),
        "",
        *[f"- {as_text(note)}" for note in comparison.notes],
        *([""] if comparison.notes else []),
        "## What differs",
        "",
        *(table(*settings) if settings[1] else ["Nothing in their configurations, code and machines."]),
    ]
    for sentences, checkpoint in zip(parting(comparison), checkpoints, strict=True):
        lines += ["", " ".join(as_text(sentence) for sentence in (*sentences, checkpoint) if sentence)]
    lines += ["", f"## {as_text(metric)}, by {axis}"]
    for difference in comparison.differences(metric, axis):
        lines += ["", as_text(verdict(comparison, difference, metric, axis))]
        if difference.positions:
            headings, rows = difference_table(difference, metric, axis)
            lines += ["", *table(headings, rows, right=headings)]
    if samples:
        lines += ["", "## What they made of the fixed prompt"]
    for sample in samples:
        lines += ["", f"{sample.letter}, step {sample.step:,}:", "", *as_quote(sample.prompt + sample.text)]
    return "\n".join(lines) + "\n"
