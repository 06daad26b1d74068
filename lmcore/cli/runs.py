"""`lmcore runs`: list, show and remove runs. Nothing here loads a model."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.options import AsJson, Run, RunsFolder, complete_run
from lmcore.cli.output import count_text, give, give_json, give_table, loss_text, say

if TYPE_CHECKING:
    from lmcore.experiments.runs import RunSummary

ONLY_WHERE_GIVEN = ("parent", "baseline", "changed", "confounded")

app = typer.Typer(help="List, show and remove runs.", no_args_is_help=True)


@app.command("list")
def list_all(runs_folder: RunsFolder = Path("runs"), as_json: AsJson = False) -> None:
    """List the runs, the newest first; a fork stands under its parent, with the step that it began at."""
    from lmcore.experiments.runs import as_tree, list_runs

    runs = list_runs(runs_folder)
    if as_json:
        for run in runs:
            give_json(asdict(run))
        return
    if not runs:
        say(f"{runs_folder} holds no runs yet. Begin one: lmcore train baseline")
        return
    headings = ("run", "status", "step", "train", "val", "floor", "created")
    rows = [
        (
            _in_tree(run, depth),
            run.status,
            f"{run.step:,} / {run.max_steps:,}",
            loss_text(run.loss_train),
            loss_text(run.loss_val),
            loss_text(run.floor),
            run.created[:19].replace("T", " "),
        )
        for depth, run in as_tree(runs)
    ]
    give_table(headings, rows, right=("step", "train", "val", "floor"))
    for run in runs:
        if run.note:
            say(f"{run.name}: {run.note}")


def _in_tree(run: "RunSummary", depth: int) -> str:
    """A run's name in its place under its parent, with a mark for several changes at once."""
    place = "" if depth == 0 else f"{'  ' * (depth - 1)}└ "
    began = "" if depth == 0 else f" · from step {run.parent_step or 0:,}"
    return f"{place}{run.name}{began}{' · confounded' if run.confounded else ''}"


@app.command()
def show(run: Run, runs_folder: RunsFolder = Path("runs"), as_json: AsJson = False) -> None:
    """Show a run: its state, what it was trained with, what it last said."""
    from lmcore.config import TrainingConfig, check_text, differences, to_yaml_value
    from lmcore.experiments.runs import find_run, read_config_text, read_run, read_samples, summarize

    folder = find_run(runs_folder, run)
    summary = summarize(folder)
    if as_json:
        give_json({**asdict(summary), "run": read_run(folder)})
        return
    facts = {
        "run": summary.name,
        "title": summary.title,
        "status": summary.status,
        "step": f"{summary.step:,} of {summary.max_steps:,}",
        "training loss": loss_text(summary.loss_train),
        "validation loss": loss_text(summary.loss_val),
        "floor": loss_text(summary.floor),
        "parameters": "–" if summary.parameters is None else count_text(summary.parameters),
        "seed": "–" if summary.seed is None else str(summary.seed),
        "created": summary.created,
        "parent": summary.parent and f"{summary.parent}, step {summary.parent_step or 0:,}",
        "baseline": summary.baseline,
        "changed": summary.changed,
        "confounded": summary.confounded,
        "config hash": summary.config_hash,
        "folder": str(folder),
    }
    for name, value in facts.items():
        if value or name not in ONLY_WHERE_GIVEN:
            give(f"{name:<16} {value}")
    if summary.note:
        give(f"{'note':<16} {summary.note}")
    config, _ = check_text(read_config_text(folder))
    if config is not None and (changed := differences(TrainingConfig(), config)):
        give("\nWhat differs from the defaults:")
        for difference in changed:
            give(f"  {difference.key}: {to_yaml_value(difference.new)}")
    if samples := read_samples(folder):
        give(f"\nAt step {samples[-1].step:,} it said:\n{samples[-1].prompt}{samples[-1].text}")


@app.command("rm")
def remove(
    run: Annotated[
        list[str],
        typer.Argument(metavar="RUN…", help="The runs to remove.", autocompletion=complete_run, show_default=False),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Remove runs and everything in their folders, after asking."""
    from lmcore.experiments.deletion import delete_run
    from lmcore.experiments.runs import find_run

    folders = [find_run(runs_folder, part) for part in run]
    if not yes:
        if not sys.stdin.isatty():
            raise Failure("Removing a run needs --yes where nobody can be asked.", ExitCode.WRONG_INPUT)
        say("Remove for good:\n" + "\n".join(f"  {folder}" for folder in folders))
        if not typer.confirm("Remove?", err=True):
            say("Nothing was removed.")
            return
    for folder in folders:
        delete_run(folder, runs_folder)
        say(f"Removed {folder.name}.")
        if as_json:
            give_json({"removed": folder})
