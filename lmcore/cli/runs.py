"""`lmcore runs`: list, show, rename, tag, archive and remove runs. Nothing here loads a model."""

import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.notebook import note
from lmcore.cli.options import AsJson, Run, Runs, RunsFolder
from lmcore.cli.output import count_text, give, give_json, loss_text, say
from lmcore.cli.runs_list import TAKES_MINUS, list_all, minus_words

ONLY_WHERE_GIVEN = ("parent", "baseline", "changed", "confounded", "archived")

app = typer.Typer(help="List, show, rename, note, tag, archive and remove runs.", no_args_is_help=True)


app.command("list", context_settings=TAKES_MINUS)(list_all)
app.command("note")(note)


@app.command()
def show(run: Run, runs_folder: RunsFolder = Path("runs"), as_json: AsJson = False) -> None:
    """Show a run: its state, what it was trained with, what it last said; of a damaged one what can be read."""
    from lmcore.config import TrainingConfig, check_text, differences, to_yaml_value
    from lmcore.experiments.runs.listing import (
        RunError,
        find_run,
        read_config_text,
        read_run,
        read_samples,
        summarize,
    )
    from lmcore.experiments.runs.notes import read_notes
    from lmcore.experiments.runs.summary import forked_at

    folder = find_run(runs_folder, run)
    summary = summarize(folder)
    if as_json:
        identity = None
        with suppress(RunError):  # of a damaged run; its note says so
            identity = read_run(folder)
        give_json({**asdict(summary), "run": identity})
        return
    facts = {
        "run": summary.name,
        "title": summary.title,
        "status": summary.status,
        "tags": " ".join(summary.tags) or "–",
        "step": f"{summary.step:,} of {summary.max_steps:,}",
        "training loss": loss_text(summary.loss_train),
        "validation loss": loss_text(summary.loss_val),
        "floor": loss_text(summary.floor),
        "parameters": "–" if summary.parameters is None else count_text(summary.parameters),
        "seed": "–" if summary.seed is None else str(summary.seed),
        "created": summary.created,
        "parent": summary.parent and f"{summary.parent}, {forked_at(summary)}",
        "baseline": summary.baseline,
        "changed": summary.changed,
        "confounded": summary.confounded,
        "archived": "yes" if summary.archived else "",
        "config hash": summary.config_hash,
        "folder": str(folder),
    }
    for name, value in facts.items():
        if value or name not in ONLY_WHERE_GIVEN:
            give(f"{name:<16} {value}")
    if summary.note:
        give(f"{'note':<16} {summary.note}")
    with suppress(RunError):
        config, _ = check_text(read_config_text(folder))
        if config is not None and (changed := differences(TrainingConfig(), config)):
            give("\nWhat differs from the defaults:")
            for difference in changed:
                give(f"  {difference.key}: {to_yaml_value(difference.new)}")
    with suppress(RunError):
        if notes := read_notes(folder):
            give(f"\nNotes:\n{notes.rstrip()}")
    with suppress(RunError):
        if samples := read_samples(folder):
            give(f"\nAt step {samples[-1].step:,} it said:\n{samples[-1].prompt}{samples[-1].text}")


@app.command("rm")
def remove(
    run: Runs,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Remove runs and everything in their folders, after asking."""
    from lmcore.experiments.runs.deletion import delete_run
    from lmcore.experiments.runs.listing import find_run

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


@app.command(context_settings=TAKES_MINUS)
def tag(
    context: typer.Context,
    run: Run,
    change: Annotated[
        list[str],
        typer.Argument(metavar="+TAG|-TAG", help="+x gives the run the tag x, -x takes it away.", show_default=False),
    ],
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Give a run tags, or take them away: `lmcore runs tag RUN +muon -to-do`.

    A tag is a short word in small letters, without blanks.
    """
    from lmcore.experiments.runs.listing import find_run
    from lmcore.experiments.runs.tags import tag_run

    words = minus_words(context, [run, *change])[1:]
    if wrong := [word for word in words if not word.startswith(("+", "-"))]:
        raise Failure(f"Write +{wrong[0]} to give the run this tag, -{wrong[0]} to take it away.", ExitCode.WRONG_INPUT)
    add = [word[1:] for word in words if word.startswith("+")]
    remove = [word[1:] for word in words if word.startswith("-")]
    folder = find_run(runs_folder, run)
    tags = tag_run(folder, add, remove)
    say(f"{folder.name}: {' '.join(tags) or 'no tags'}")
    if as_json:
        give_json({"run": folder, "tags": tags})


@app.command()
def rename(
    run: Run,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The new title.", show_default=False)],
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Give a run another title. Its folder keeps its name, and its identity stays."""
    from lmcore.experiments.runs.listing import find_run, rename_run

    folder = find_run(runs_folder, run)
    kept = rename_run(folder, title)
    say(f"{folder.name} is called {kept} now.")
    if as_json:
        give_json({"run": folder, "title": kept})


@app.command()
def archive(run: Runs, runs_folder: RunsFolder = Path("runs"), as_json: AsJson = False) -> None:
    """Hide runs from the list. `runs list --all` still shows them, and everything can be done with them."""
    _archive(run, runs_folder, True, as_json)


@app.command()
def unarchive(run: Runs, runs_folder: RunsFolder = Path("runs"), as_json: AsJson = False) -> None:
    """Show archived runs in the list again."""
    _archive(run, runs_folder, False, as_json)


def _archive(run: list[str], runs_folder: Path, archived: bool, as_json: bool) -> None:
    from lmcore.experiments.runs.listing import find_run
    from lmcore.experiments.runs.tags import archive_run

    for folder in [find_run(runs_folder, part) for part in run]:
        archive_run(folder, archived)
        say(f"Archived {folder.name}." if archived else f"{folder.name} is in the list again.")
        if as_json:
            give_json({"run": folder, "archived": archived})
