"""`lmcore compare`: several runs beside each other. Nothing here loads torch but the comparison of checkpoints."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.options import AsJson, RunsFolder, complete_run
from lmcore.cli.output import give, give_beside, give_json, give_table

if TYPE_CHECKING:
    from lmcore.experiments.comparison.axes import Axis
    from lmcore.experiments.comparison.result import Comparison
    from lmcore.experiments.comparison.samples import SideSample

BARS = "▁▂▃▄▅▆▇█"
BARS_WIDTH = 48


def compare_runs(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN…",
            help="Two runs or more, by parts of their names or their folders. The others are compared with the first.",
            autocompletion=complete_run,
            show_default=False,
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(help="What is compared. Default: loss/val, or bits_per_byte/val where tokenizers differ."),
    ] = None,
    x: Annotated[str, typer.Option("--x", metavar="step|tokens|time", help="What runs are compared at.")] = "step",
    samples_at: Annotated[
        int | None, typer.Option("--samples-at", metavar="STEP", help="Whose samples are shown. Default: the last.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the comparison as a page there too.")
    ] = None,
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Compare runs: numbers, configurations, curves, where they part, samples. The runs are only read.

    Runs that differ in their seed alone are taken together, and give the band of seed noise around a difference.
    """
    from lmcore.experiments.comparison import page
    from lmcore.experiments.comparison.result import as_json as plain
    from lmcore.experiments.comparison.result import compare
    from lmcore.experiments.runs.folder import plainly
    from lmcore.experiments.runs.listing import find_run
    from lmcore.files import write_whole

    axis = _axis(x)
    if len(run) < 2:
        raise Failure("A comparison needs two runs or more: lmcore compare RUN RUN …", ExitCode.WRONG_INPUT)
    comparison = compare([find_run(runs_folder, part) for part in run])
    chosen = _metric(comparison, metric)
    samples = _samples(comparison, samples_at)
    if markdown is not None and not markdown.parent.is_dir():
        raise Failure(f"--markdown {markdown}: there is no folder {markdown.parent}.", ExitCode.WRONG_INPUT)
    checkpoints = _checkpoints(comparison)
    if markdown is not None:
        with plainly("write", markdown):
            write_whole(markdown, page.markdown(comparison, chosen, axis, checkpoints, samples))
    if as_json:
        give_json({**plain(comparison, chosen, axis, samples_at), "checkpoints": checkpoints})
        return
    _give_numbers(comparison)
    _give_parting(comparison, checkpoints)
    _give_differences(comparison, chosen, axis)
    if samples:
        give("\nWhat they made of the fixed prompt:")
        give_beside([(f"{sample.letter}, step {sample.step:,}", sample.prompt + sample.text) for sample in samples])


def _axis(name: str) -> "Axis":
    from lmcore.experiments.comparison.axes import AXES

    for axis in AXES:
        if axis == name:
            return axis
    raise Failure(f"--x {name}: runs are compared by {', '.join(AXES)}.", ExitCode.WRONG_INPUT)


def _metric(comparison: "Comparison", name: str | None) -> str:
    """The metric that is meant; it must be one that a run has logged."""
    known = sorted({metric for run in comparison.runs for metric in run.curves.names})
    if name is None or name in known:
        return name or comparison.metric
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or [m for m in known if m.startswith("loss/")]
    hint = f" Perhaps: {', '.join(near)}." if near else ""
    raise Failure(f"--metric {name}: none of these runs has logged it.{hint}", ExitCode.WRONG_INPUT)


def _checkpoints(comparison: "Comparison") -> list[str]:
    """For each further run, what the checkpoints say that it has of the same steps as the first; "" if it has none."""
    from lmcore.experiments.verification.checkpoint_differences import compare_checkpoints

    first, *others = comparison.runs
    prefix = "param/l2_norm/"
    order = [name.removeprefix(prefix) for name in first.curves.metrics if name.startswith(prefix)]
    return [compare_checkpoints(first.folder, other.folder, order).sentence for other in others]


def _give_numbers(comparison: "Comparison") -> None:
    from lmcore.experiments.comparison.tables import outcome_table, run_table, setting_table

    give_table(*run_table(comparison))
    give("")
    headings, rows = outcome_table(comparison)
    give_table(headings, rows, right=headings[1:])
    for note in comparison.notes:
        give(f"▲ {note}")
    headings, rows = setting_table(comparison)
    give("")
    if rows:
        give_table(headings, rows)
    else:
        give("Nothing differs in their configurations, data, code and machines.")


def _give_parting(comparison: "Comparison", checkpoints: list[str]) -> None:
    from lmcore.experiments.comparison.tables import parting

    for sentences, checkpoint in zip(parting(comparison), checkpoints, strict=True):
        give("\n" + "\n".join([*sentences, *([checkpoint] if checkpoint else [])]))


def _give_differences(comparison: "Comparison", metric: str, axis: "Axis") -> None:
    from lmcore.experiments.comparison.curves import is_judgement
    from lmcore.experiments.comparison.result import SMOOTHING
    from lmcore.experiments.comparison.tables import difference_table, verdict

    how = "" if is_judgement(metric) else f", smoothed with {SMOOTHING:g}"
    give(f"\n{metric}{how}, by {axis}:")
    _give_bars(comparison, metric, axis)
    for difference in comparison.differences(metric, axis):
        give(f"\n{verdict(comparison, difference, metric, axis)}")
        if difference.positions:
            headings, rows = difference_table(difference, metric, axis)
            give_table(headings, rows, right=headings)


def _give_bars(comparison: "Comparison", metric: str, axis: "Axis") -> None:
    """Each run's curve in one line, all on the same scales."""
    from lmcore.experiments.comparison.curves import is_judgement
    from lmcore.experiments.comparison.result import SMOOTHING
    from lmcore.experiments.comparison.tables import number

    weight = 0.0 if is_judgement(metric) else SMOOTHING
    curves = {run.letter: run.curves.points(metric, axis, weight) for run in comparison.runs}
    values = [value for points in curves.values() for value in points.values]
    last = max((points.positions[-1] for points in curves.values() if points.positions), default=0.0)
    if not values:
        give("none of these runs has a value of it that is a number")
        return
    low, high = min(values), max(values)
    for letter, points in curves.items():
        columns = (points.at(last * (column + 1) / BARS_WIDTH) for column in range(BARS_WIDTH))
        shares = (None if value is None else (value - low) / (high - low or 1.0) for value in columns)
        bars = "".join(" " if share is None else BARS[min(len(BARS) - 1, int(share * len(BARS)))] for share in shares)
        ends = [number(metric, value) for value in points.values[:1] + points.values[-1:]]
        give(f"{letter} {bars}  {' → '.join(ends)}")


def _samples(comparison: "Comparison", step: int | None) -> "tuple[SideSample, ...]":
    """The samples of a step; it must be one that a run has a sample of."""
    from lmcore.experiments.comparison.samples import sample_steps, samples_at

    samples = samples_at(comparison.runs, step)
    if step is not None and not samples:
        steps = ", ".join(f"{known:,}" for known in sample_steps(comparison.runs)[-10:])
        message = f"--samples-at {step}: no run has a sample of that step; all have them at {steps or 'no step'}."
        raise Failure(message, ExitCode.WRONG_INPUT)
    return samples
