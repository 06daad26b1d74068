"""`lmcore runs list`: the runs that a query selects, as a tree of forks or sorted by a value."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.options import AsJson, RunsFolder
from lmcore.cli.output import give, give_json, give_table, loss_text, say

if TYPE_CHECKING:
    from lmcore.experiments.runs.summary import RunSummary
    from lmcore.experiments.selection.values import RunValues

TAKES_MINUS: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""Settings of a command whose words may begin with a minus, such as -tag:old."""


def list_all(
    context: typer.Context,
    query: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUERY",
            help="Words of names, titles, tags and statuses, and terms: tag:mine, status:finished, 'loss/val<1.9', "
            "training.optimizer=muon, begun>=2026-01. A - in front means not. Quote < and >.",
            show_default=False,
        ),
    ] = None,
    sort: Annotated[
        str,
        typer.Option(metavar="METRIC", help="Sort by a metric, a property or a config key, the smallest first."),
    ] = "",
    reverse: Annotated[bool, typer.Option("--reverse", help="The largest first.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also the archived ones.")] = False,
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first; a fork stands under its parent, with the step that it began at.

    With --sort they stand in that order, forks among the others.
    """
    from lmcore.experiments.runs.listing import list_runs
    from lmcore.experiments.selection.query import known_key, parse_query
    from lmcore.experiments.selection.select import explain, needed_columns, select, sort_runs, unknown_metric
    from lmcore.experiments.selection.values import RunValues

    parsed = parse_query(" ".join(minus_words(context, query or [])))
    if problem := parsed.problem or parsed.unfinished:
        raise Failure(problem, ExitCode.WRONG_INPUT)
    sort = known_key(sort) if sort else ""
    runs, values = list_runs(runs_folder), RunValues()
    values.read(runs, needed_columns(parsed, sort))
    chosen = select(runs, parsed, values, archived=everything)
    if sort:
        if runs and all(values.of(run, sort) is None for run in runs):
            raise Failure(unknown_metric(sort, values), ExitCode.WRONG_INPUT)
        chosen = sort_runs(chosen, sort, values, reverse)
    elif reverse:
        chosen = chosen[::-1]
    if as_json:
        for run in chosen:
            give_json({**asdict(run), sort: values.of(run, sort)} if sort else asdict(run))
    elif chosen:
        _give_runs(chosen, sort, values)
    if problem := explain(parsed, runs, values):
        say(problem)
    if not chosen and not as_json:
        say(_why_empty(runs, runs_folder, bool(parsed.terms)))


def minus_words(context: typer.Context, words: Sequence[str]) -> list[str]:
    """The words of a command that takes some with a minus; what can only have been meant as an option is refused."""
    if "-h" in words:
        give(context.get_help())
        raise typer.Exit
    if unknown := [word for word in words if word.startswith("--")]:
        raise Failure(f"There is no option {unknown[0]}. Try `{context.command_path} --help`.", ExitCode.WRONG_INPUT)
    return list(words)


def _give_runs(runs: Sequence["RunSummary"], sort: str, values: "RunValues") -> None:
    from lmcore.experiments.runs.listing import as_tree
    from lmcore.experiments.selection.values import value_text

    has_tags = any(run.tags for run in runs)
    shown_anyway = sort in ("loss/train", "loss/val", "floor", "step")
    headings = ["run", "title", "status", "step", *([] if not sort or shown_anyway else [sort])]
    headings += ["train", "val", "floor", *(["tags"] if has_tags else []), "created"]
    rows = []
    for depth, run in [(0, run) for run in runs] if sort else as_tree(runs):
        row = [
            _in_tree(run, depth),
            run.title,
            f"{run.status}{', archived' if run.archived else ''}",
            f"{run.step:,} / {run.max_steps:,}",
            *([] if not sort or shown_anyway else [value_text(values.of(run, sort))]),
            loss_text(run.loss_train),
            loss_text(run.loss_val),
            loss_text(run.floor),
            *([" ".join(run.tags)] if has_tags else []),
            run.created[:19].replace("T", " "),
        ]
        rows.append(row)
    give_table(headings, rows, right=("step", sort, "train", "val", "floor"))
    for run in runs:
        if run.note:
            say(f"{run.name}: {run.note}")


def _in_tree(run: "RunSummary", depth: int) -> str:
    """A run's name in its place under its parent, with a mark for several changes at once."""
    from lmcore.experiments.runs.summary import forked_at

    place = "" if depth == 0 else f"{'  ' * (depth - 1)}└ "
    began = "" if depth == 0 else f" · from {forked_at(run)}"
    return f"{place}{run.name}{began}{' · confounded' if run.confounded else ''}"


def _why_empty(runs: Sequence["RunSummary"], runs_folder: Path, is_query: bool) -> str:
    if not runs:
        return f"{runs_folder} holds no runs yet. Begin one: lmcore train baseline"
    if is_query:
        return f"None of the {len(runs)} runs fits."
    return "Every run is archived. See them: lmcore runs list --all"
