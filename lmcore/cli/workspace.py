"""`lmcore init`: a folder to work in."""

from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.options import AsJson
from lmcore.cli.output import give_json, say


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where; it is made if it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Lay out a folder to work in: configs/ with the starting points, and runs/. What is there already stays."""
    from lmcore.config.locate import packaged_folder
    from lmcore.files import write_new

    source = packaged_folder()
    if source is None:
        raise Failure("The configurations that should have come with lmlab are not there; install it once more.")
    written, kept = [], []
    try:
        (folder / "configs").mkdir(parents=True, exist_ok=True)
        (folder / "runs").mkdir(exist_ok=True)
        for original in sorted(source.glob("*.yaml")):
            target = folder / "configs" / original.name
            try:
                write_new(target, original.read_bytes())
                written.append(original.name)
            except FileExistsError:
                kept.append(original.name)
    except OSError as error:
        reason = f"{error.filename or folder}: {error.strerror or error}"
        raise Failure(f"The folder cannot be laid out: {reason}.", ExitCode.WRONG_INPUT) from error
    say(f"{folder}: configs/ with {len(written)} new files, and runs/")
    if kept:
        say(f"Left as they were: {', '.join(kept)}")
    say(f"Next: cd {folder} && lmlab, or without a screen: lmcore train baseline")
    if as_json:
        give_json({"folder": folder, "written": written, "kept": kept})
