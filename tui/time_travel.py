"""Going back in a run: the list of its moments, the way back to the present, and forks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lmcore.protocol.messages import Command, Fork, Rewind
from tui import opening
from tui.run_commands import after_stopping

if TYPE_CHECKING:
    from tui.app import LabApp


def show_moments(app: LabApp, folder: Path | None = None) -> None:
    """List the moments of the open run, or the checkpoints of another."""
    from tui.screens.moments import MomentsScreen

    run = app.lab.run
    if app.lab.core != "ready":
        app.tell("The core is not ready yet; try again in a moment.", "warning")
    elif folder is not None and not is_open(app, folder):
        opening.go_home(app)
        app.push_screen(MomentsScreen(folder=folder))
    elif run is None:
        app.tell("There is no run to go back in yet: F5 starts one, r lists those that are there.")
    else:
        opening.go_home(app)
        records = app.home.loss.records
        app.push_screen(MomentsScreen(app.lab, records.history, records.changes(app.lab.changes)))


def go_to_present(app: LabApp) -> None:
    """Look at the present again."""
    if app.lab.moment is None:
        app.tell("You look at the present already; m lists the moments that you can go back to.")
    else:
        app.send(Rewind())


def is_open(app: LabApp, folder: Path) -> bool:
    """Whether a run is the one that is open."""
    return app.lab.run is not None and Path(app.lab.run.folder).resolve() == folder.resolve()


def ask_fork(app: LabApp, folder: Path, step: int, name: str) -> None:
    """Ask for the one change, then make the fork; the parent's curve stays behind that of the fork."""
    from tui.dialogs.fork import ForkDialog, as_change

    def fork(change: str | None) -> None:
        if change is None:
            return
        changes = (as_change(change),) if change else ()
        command = Fork(str(folder.resolve()), str(step), changes, from_weights=dialog.from_weights)
        if is_open(app, folder):  # the core saves and stops it once the fork is made
            _send(app, command, folder)()
        else:
            commands = after_stopping(app.lab, command)
            opening.after_asking(app, "Fork a run", commands[:-1], "Stop it and fork", _send(app, command, folder))

    dialog = ForkDialog(name, step, _config_text(app, folder), is_open(app, folder))
    app.push_screen(dialog, fork)


def _send(app: LabApp, command: Command, parent: Path) -> Callable[[], None]:
    def send() -> None:
        app.resumes_when_open = False
        app.send(command)
        app.home.loss.overlay(parent, True)

    return send


def _config_text(app: LabApp, folder: Path) -> str:
    """What a change is checked against while it is typed: about what the run trains with. The core says the rest."""
    run = app.lab.run
    if run is not None and is_open(app, folder):
        return app.lab.moment.config_text if app.lab.moment is not None else run.config_text
    from lmcore.experiments.runs.listing import RunError, read_config_text

    try:
        return read_config_text(folder)
    except RunError:
        return ""
