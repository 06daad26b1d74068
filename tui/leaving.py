"""Quitting: what is asked, how the core is ended, and what the shell is told."""

from __future__ import annotations

import asyncio
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from lmcore.places import is_folder

if TYPE_CHECKING:
    from tui.app import LabApp

ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class CoreEnded(Message):
    """The core was asked to save and to end: it has ended, or `problem` says why not."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        super().__init__()


@dataclass
class Leaving:
    """How far the lab is on its way out."""

    is_going: bool = False  # the core was asked to save and to end
    by: signal.Signals | None = None  # the signal that ends the lab; nobody is asked anything then
    problem: str = ""  # why the run could not be saved
    broken: BaseException | None = None  # the first error that should not have been


def quit_lab(app: LabApp) -> None:
    """Quit, after a question if a run is going or a configuration is not saved."""
    from tui.dialogs import ConfirmDialog, QuitDialog

    lab, config, ablation = app.lab, app.home.config, app.lab.ablation
    if lab.is_training:
        name = (lab.run.title or lab.run.name) if lab.run else "that is being prepared"

        def leave(choice: str | None) -> None:
            if choice == "save":
                end(app)

        app.push_screen(QuitDialog(name, lab.step, lab.max_steps), leave)
    elif ablation is not None and ablation.is_going:
        text = f"The ablation {ablation.plan.name} is going: {ablation.done} of {ablation.total} runs are in."

        def stop(agreed: bool | None) -> None:
            if agreed:
                end(app)

        note = "The runs that train are saved, and the same ablation goes on from there at any time."
        app.push_screen(ConfirmDialog("Quit", text, yes="Stop and save", no="Stay", note=note), stop)
    elif config is not None and config.is_changed:
        text = "The configuration has changes that are not saved."

        def discard(agreed: bool | None) -> None:
            if agreed:
                end(app)

        app.push_screen(ConfirmDialog("Quit", text, yes="Quit without saving", no="Stay"), discard)
    else:
        end(app)


def end(app: LabApp) -> None:
    """Let the core save and end on a thread, so that the screen lives until it has; then the app."""
    if app.leaving.is_going:
        return
    app.leaving.is_going = True
    is_ablating = app.lab.ablation is not None and app.lab.ablation.is_going
    has_run = app.lab.has_open_run or is_ablating
    if has_run:
        app.tell("Saving the runs …" if is_ablating else "Saving the run …")
    timeout = 60.0 if has_run else 0.5 if app.lab.core != "ready" else 5.0

    def work() -> None:
        problem = app.core.ask_to_end(timeout)
        if not has_run or not problem:
            app.core.shut_down(0)
        app.post_message(CoreEnded(problem if has_run else ""))

    threading.Thread(target=work, name="leaving", daemon=True).start()


def core_ended(app: LabApp, problem: str) -> None:
    """Quit; where the run could not be saved, after a question, unless a signal ends the lab."""
    from tui.dialogs import ConfirmDialog

    app.leaving.is_going = False
    app.leaving.problem = problem
    if not problem or app.leaving.by is not None:
        app.exit()
        return

    def answer(without_saving: bool | None) -> None:
        if without_saving:
            app.exit()
            return
        app.leaving.problem = ""
        if without_saving is False:
            end(app)

    text = f"The run cannot be saved: {problem}"
    note = "What was saved before stays: the run can be resumed from its last checkpoint. " if _way_on(app) else ""
    dialog = ConfirmDialog("Quit", text, yes="Quit without saving", no="Try again", note=f"{note}Esc stays in the lab.")
    app.push_screen(dialog, answer)


def listen_to_signals(app: LabApp) -> None:
    """Let SIGINT (^c is a key here), SIGTERM and SIGHUP (a closed terminal) save and quit, unless they are ignored."""
    loop = asyncio.get_running_loop()
    for number in ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, told_to_end, app, number)


def told_to_end(app: LabApp, number: signal.Signals) -> None:
    """Save and quit without a question. Told again, it goes on with that."""
    if app.leaving.by is None:
        app.leaving.by = number
        end(app)


def last_words(app: LabApp) -> tuple[int, str]:
    """The exit status, and what the shell's person is told where the lab did not end by a key, or not well."""
    leaving, run = app.leaving, app.lab.run
    way_on = _way_on(app)
    sentences: list[str] = []
    if leaving.by is not None:
        sentences.append(f"Ended by {leaving.by.name}.")
    if leaving.problem:
        sentences.append(f"The run could not be saved: {leaving.problem.rstrip('.')}.")
    elif leaving.by is not None and app.lab.has_open_run and run is not None and way_on:
        sentences.append(f"{run.name} is saved at step {app.lab.step:,}. Go on with: {way_on}")
    if leaving.broken is not None:
        error = leaving.broken
        sentences.append(f"Something broke that should not: {type(error).__name__}: {error}")
    if way_on and app.lab.has_open_run and (leaving.problem or app.return_code):
        sentences.append(f"The run goes on from its last checkpoint with: {way_on}")
    status = 128 + leaving.by if leaving.by is not None else 1 if leaving.problem or leaving.broken else 0
    return status, " ".join(sentences)


def _way_on(app: LabApp) -> str:
    """The command that goes on with the run that is open; "" where there is none to go on with."""
    from lmcore.experiments.runs.listing import command

    run = app.lab.run
    return command("resume", Path(run.folder)) if run is not None and is_folder(run.folder) else ""
