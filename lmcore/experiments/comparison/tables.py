"""A comparison as rows and sentences for people, the same on the command line and in the lab."""

from math import isfinite

from lmcore.experiments.comparison.axes import Axis
from lmcore.experiments.comparison.curves import spread
from lmcore.experiments.comparison.difference import Difference
from lmcore.experiments.comparison.result import Comparison

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Headings, and rows as wide as they."""

UNKNOWN = "–"


def number(metric: str, value: float | None, signed: bool = False) -> str:
    """A value of a metric: losses in four decimals, others in four digits; a dash where there is none."""
    if value is None:
        return UNKNOWN
    form = ".4f" if metric.startswith(("loss/", "bits_per_byte/")) else ".4g"
    return f"{value:{'+' if signed else ''}{form}}"


def run_table(comparison: Comparison) -> Table:
    """Which letter is which run."""
    headings = ("", "run", "title", "status")
    return headings, [(run.letter, run.name, run.summary.title, run.summary.status) for run in comparison.runs]


def outcome_table(comparison: Comparison) -> Table:
    """What the runs came to, a column for each; the last two rows: how soon it was where the first one's side ended."""
    outcomes = comparison.outcomes
    seeds = tuple(UNKNOWN if run.seed is None else str(run.seed) for run in comparison.runs)

    def row(name: str, attribute: str, form: str, unit: str = "") -> tuple[str, ...]:
        return name, *(_finite(getattr(outcome, attribute), form, unit) for outcome in outcomes)

    rows = [
        ("seed", *seeds),
        row("steps", "step", ",.0f"),
        row("training loss", "loss_train", ".4f"),
        row("validation loss", "loss_val", ".4f"),
        row("above the floor", "above_floor", ".4f"),
        row("perplexity", "perplexity", ",.2f"),
        row("bits per byte", "bits_per_byte", ".4f"),
        row("tokens per second", "tokens_per_second", ",.0f"),
        row("time of training", "seconds", ",.1f", " s"),
    ]
    if comparison.target is not None:
        goal = number(comparison.metric, comparison.target)
        rows += [
            row(f"tokens to {goal}", "tokens_to_reach", ",.0f"),
            row(f"time to {goal}", "seconds_to_reach", ",.1f", " s"),
        ]
    known = [cells for cells in rows if set(cells[1:]) != {UNKNOWN}]
    return ("", *(run.letter for run in comparison.runs)), known


def _finite(value: float | None, form: str, unit: str = "") -> str:
    if value is not None and not isfinite(value):
        return "not finite"
    return UNKNOWN if value is None else f"{value:{form}}{unit}"


def setting_table(comparison: Comparison) -> Table:
    """In what the runs differ, and what that bears on."""
    headings = ("what differs", "means", *(run.letter for run in comparison.runs))
    rows = []
    for setting in comparison.settings:
        meaning = f"{setting.meaning} ({setting.group})" if setting.group else setting.meaning
        rows.append((setting.key, meaning, *setting.values))
    return headings, rows


def parting(comparison: Comparison) -> list[list[str]]:
    """For each further run, in sentences: what it does differently from the first, and where the two part."""
    pairs = zip(comparison.changes, comparison.first_differences, strict=True)
    return [[f"{change.letter} against {found.first}: {change.words}.", *found.sentences] for change, found in pairs]


def difference_table(difference: Difference, metric: str, axis: Axis, most: int = 12) -> Table:
    """The difference at up to `most` positions, the last one among them."""
    first, second = difference.first, difference.second
    headings: tuple[str, ...] = (axis, first, second, "difference")
    if difference.has_band:
        headings = (*headings, "95 % band of seed noise")
    rows = []
    for index in spread(len(difference.positions), most):
        row: tuple[str, ...] = (
            position_text(difference.positions[index], axis),
            number(metric, difference.ours[index]),
            number(metric, difference.theirs[index]),
            number(metric, difference.mean[index], signed=True),
        )
        if difference.has_band:
            ends = (number(metric, end[index], signed=True) for end in (difference.low, difference.high))
            row = (*row, " … ".join(ends))
        rows.append(row)
    return headings, rows


def position_text(position: float, axis: Axis) -> str:
    """A place on an axis: a step, a number of tokens, seconds."""
    return f"{position:,.1f} s" if axis == "time" else f"{position:,.0f}"


def verdict(comparison: Comparison, difference: Difference, metric: str, axis: Axis) -> str:
    """What the last position says about a difference and the noise of seeds, in a sentence or two."""
    first, second = difference.first, difference.second
    if not difference.positions:
        return f"{second} and {first} have no {metric} that could be compared."
    mean = difference.mean[-1]
    where = {"step": "At step {}", "tokens": "After {} tokens", "time": "After {} of training"}[axis]
    where = where.format(position_text(difference.positions[-1], axis))
    size = number(metric, abs(mean))
    how = "the same as" if mean == 0 else f"{size} {'below' if mean < 0 else 'above'}"
    said = f"{where}, {metric} of {second} is {how} that of {first}"
    if not difference.has_band:
        if len(comparison.groups) == 1:
            return f"{said}. They differ in their seed alone: this is seed noise."
        if not any(difference.mean):
            return f"{said}."
        return f"{said}. One run on each side says nothing about seed noise: a few more seeds of each would."
    ends = [number(metric, end[-1], signed=True) for end in (difference.low, difference.high)]
    verb = "outside of" if difference.is_seen else "within"
    none = "" if difference.is_seen else ", so no difference that so many seeds could see"
    return f"{said} (95 % band {ends[0]} … {ends[1]}, {_seeds(difference)}): {verb} seed noise{none}."


def _seeds(difference: Difference) -> str:
    ours, theirs = difference.seeds
    if difference.noise == "paired":
        return f"{ours} seeds paired"
    if difference.noise == "unpaired":
        return f"{ours} and {theirs} seeds, not the same"
    return f"the noise of {max(ours, theirs)} seeds taken for both"
