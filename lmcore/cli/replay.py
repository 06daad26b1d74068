"""`lmcore replay`: everything that was done in the lab, done once more without a screen, and compared."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.exits import ExitCode
from lmcore.cli.interruption import interruption
from lmcore.cli.narration import Narration
from lmcore.cli.options import AllowCode, AsJson, RunsFolder, complete_session
from lmcore.cli.output import give, give_json

REPLAYS = "replays"
"""The folder of a runs folder in which replays put their runs, each into a folder of its own."""

ASKED = "Ending the replay after this step. Ctrl+C once more ends at once."


def replay_session(
    journal: Annotated[
        str,
        typer.Argument(
            metavar="JOURNAL",
            help="A session of the lab: a file, a part of its name in runs/sessions, or last.",
            autocompletion=complete_session,
            show_default=False,
        ),
    ],
    into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where its runs go. Default: a new folder in runs/replays.")
    ] = None,
    runs_folder: RunsFolder = Path("runs"),
    allow_code: AllowCode = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Do again what was done in a session of the lab: every start, change and question, each at its step.

    The runs of the replay lie in a folder of their own; those of the session are only read, and compared with. Exit
    code 0: everything came out the same. 1: not; what differs first is named.
    """
    from lmcore.process.core.sessions import find_session, read_session

    session = read_session(find_session(runs_folder, journal))

    from lmcore.process.replay.replay import replay

    folder = into or _new_folder(runs_folder / REPLAYS, session.path.stem)
    with Narration(as_json) as narration, interruption(ASKED) as asked:
        found = replay(session, folder, narration, allow_code=allow_code, is_interrupted=asked.is_set)
        narration.end_bar()
        if found.runs:
            narration.line(f"Its runs lie in {folder}; lmcore runs list --runs-folder {folder} shows them.")
    if as_json:
        facts = {"same": found.is_same, **asdict(found), "steps": found.steps}
        give_json({**facts, "sentences": found.sentences})
    else:
        give("\n".join(found.sentences))
    if found.is_interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if found.is_same else ExitCode.FAILED


def _new_folder(replays: Path, name: str) -> Path:
    """A folder that is not there yet; the first run of the replay makes it."""
    from lmcore.experiments.runs.folder import plainly
    from lmcore.files import check_folder

    with plainly("write", replays), suppress(FileNotFoundError):
        check_folder(replays)
    number = 1
    while (folder := replays / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return folder
