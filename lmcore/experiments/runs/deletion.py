"""Deleting a run: all of it, nothing else, and never through a link."""

import os
from pathlib import Path

from lmcore.experiments.runs.folder import DELETED, RunError, plainly
from lmcore.experiments.runs.listing import is_run
from lmcore.experiments.runs.lock import check_free
from lmcore.files import alone, move_folder, remove_folder


def delete_run(folder: Path, runs_folder: Path | None = None) -> None:
    """Delete a run directory and all within it; links inside are removed, never followed.

    RunError for a link in place of the directory, for one that a link inside `runs_folder` leads to, for something that
    is no run, and for a run that is being written. When it is interrupted, what is left stands under a hidden name and
    goes when a later run is begun.
    """
    folder = folder.absolute()
    if folder.is_symlink():
        raise RunError(f"{folder} is a link to {folder.readlink()}, not a run directory; remove the link yourself.")
    if runs_folder is not None and _leads_out(folder, runs_folder.absolute()):
        raise RunError(f"{folder} leads out of {runs_folder} by a link, to {folder.resolve()}, so it is not deleted.")
    if not is_run(folder):
        raise RunError(f"{folder} is not a run, so it is not deleted.")
    with plainly("delete", folder), alone(folder):
        check_free(folder)
        hidden = f"{DELETED}{folder.name[:60]}"  # a name may be as long as names can be
        doomed = folder.with_name(hidden)
        number = 1
        while os.path.lexists(doomed):
            number += 1
            doomed = folder.with_name(f"{hidden}-{number}")
        move_folder(folder, doomed)
    try:
        remove_folder(doomed)
    except OSError as error:
        raise RunError(
            f"{folder.name} is no run any more, but a part of it could not be removed: {error.filename or doomed}: "
            f"{error.strerror}. What is left is in {doomed}."
        ) from error


def _leads_out(folder: Path, runs_folder: Path) -> bool:
    """Whether a folder whose path begins with `runs_folder` really lies somewhere else."""
    return folder.is_relative_to(runs_folder) and not folder.resolve().is_relative_to(runs_folder.resolve())
