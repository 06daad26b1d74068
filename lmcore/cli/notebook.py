"""`lmcore notebook` and `lmcore runs note`: what was tried and what came out, and a person's own words about it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.options import AsJson, Run, RunsFolder, given_text
from lmcore.cli.output import give, give_json, say

DAY = ["%Y-%m-%d"]


def notebook(
    since: Annotated[
        datetime | None, typer.Option(metavar="DATE", formats=DAY, help="The first day, such as 2026-01-31.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(metavar="DATE", formats=DAY, help="The last day.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it; - is stdout. Default: RUNS/notebook/TODAY.md."
        ),
    ] = None,
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Write a page of Markdown: day by day what was tried, what changed on the way and what came out.

    It is made from the runs and ablations themselves, negative results, failures and damaged runs included, with the
    notes of each run. Prints the page's path.
    """
    from lmcore.clock import local_now
    from lmcore.experiments.notebook.contents import gather
    from lmcore.experiments.notebook.page import page
    from lmcore.experiments.runs.folder import plainly
    from lmcore.files import make_folder, write_whole

    first, last = (day.date() if day is not None else None for day in (since, until))
    if first is not None and last is not None and last < first:
        raise Failure(f"--until {last} is before --since {first}.", ExitCode.WRONG_INPUT)
    today = local_now().date()
    days = gather(runs_folder, first, last)
    text = page(days, today)
    counts = {"days": len(days), "runs": sum(len(day.runs) for day in days)}
    counts["ablations"] = sum(len(day.ablations) for day in days)
    if output == Path("-"):
        give_json({**counts, "page": text}) if as_json else give(text, end="")
        return
    if not days and output is None:
        say(f"{runs_folder} holds nothing to write of{' in that time' if since or until else ' yet'}.")
        return
    target = output or runs_folder / "notebook" / f"{today}.md"
    with plainly("write", target):
        if output is None:
            make_folder(target.parent)
        write_whole(target, text)
    if as_json:
        give_json({**counts, "path": target})
    else:
        say(", ".join(f"{count} {what if count != 1 else what.rstrip('s')}" for what, count in counts.items()))
        give(str(target))


def note(
    run: Run,
    text: Annotated[
        str | None,
        typer.Argument(
            help="A line to add; - reads it from stdin. Without it the notes are shown.", show_default=False
        ),
    ] = None,
    runs_folder: RunsFolder = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Show a run's notes, or add a line to them. They are kept in its notes.md, and the notebook quotes them."""
    from lmcore.experiments.runs.listing import find_run
    from lmcore.experiments.runs.notes import append_note, read_notes

    folder = find_run(runs_folder, run)
    added = None if text is None else given_text(text)
    if added is not None:
        if not added.strip():
            raise Failure("There is nothing to add in an empty note.", ExitCode.WRONG_INPUT)
        append_note(folder, added)
    notes = read_notes(folder)
    if as_json:
        give_json({"run": folder.name, "notes": notes})
    elif added is not None:
        say(f"Added to the notes of {folder.name}.")
    elif notes:
        give(notes, end="")
    else:
        say(f'{folder.name} has no notes yet. Add one: lmcore runs note {folder.name} "what I saw"')
