"""Quitting: what is asked, how the core is ended, and what the shell is told."""

import signal
from pathlib import Path

from lmcore.places import is_folder
from tui.desk.desk import Desk
from tui.desk.effects import Ask, Confirm, ConfirmQuit, EndCore, Exit, Tell, Way


def quit_lab(desk: Desk) -> Way:
    """Quit, after a question if a run is going or a configuration is not saved."""
    lab, ablation = desk.lab, desk.lab.ablation
    if lab.is_training:
        name = (lab.run.title or lab.run.name) if lab.run else "that is being prepared"
        leaves = (yield Ask(ConfirmQuit(name, lab.step, lab.max_steps))) == "save"
    elif ablation is not None and ablation.is_going:
        text = f"The ablation {ablation.plan.name} is going: {ablation.done} of {ablation.total} runs are in."
        note = "The runs that train are saved, and the same ablation goes on from there at any time."
        leaves = yield Ask(Confirm("Quit", text, yes="Stop and save", note=note))
    elif desk.sheet is not None and desk.sheet.is_changed:
        text = "The configuration has changes that are not saved."
        leaves = yield Ask(Confirm("Quit", text, yes="Quit without saving"))
    else:
        leaves = True
    if leaves:
        yield from end(desk)


def end(desk: Desk) -> Way:
    """Let the core save and end; the app ends when it has."""
    if desk.leaving.is_going:
        return
    desk.leaving.is_going = True
    is_ablating = desk.lab.ablation is not None and desk.lab.ablation.is_going
    has_run = desk.lab.has_open_run or is_ablating
    if has_run:
        yield Tell("Saving the runs …" if is_ablating else "Saving the run …")
    yield EndCore(60.0 if has_run else 0.5 if desk.lab.core != "ready" else 5.0, must_save=has_run)


def core_ended(desk: Desk, problem: str) -> Way:
    """Quit; where the run could not be saved, after a question, unless a signal ends the lab."""
    leaving = desk.leaving
    leaving.is_going = False
    leaving.problem = problem
    if problem and leaving.by is None:
        safe = "What was saved before stays: the run can be resumed from its last checkpoint. " if _way_on(desk) else ""
        text, note = f"The run cannot be saved: {problem}", f"{safe}Esc stays in the lab."
        without_saving = yield Ask(Confirm("Quit", text, yes="Quit without saving", no="Try again", note=note))
        if not without_saving:
            leaving.problem = ""
            if without_saving is False:
                yield from end(desk)
            return
    yield Exit()


def end_by_signal(desk: Desk, number: signal.Signals) -> Way:
    """Save and quit without a question. Told again, it goes on with that."""
    if desk.leaving.by is None:
        desk.leaving.by = number
        yield from end(desk)


def last_words(desk: Desk, return_code: int | None) -> tuple[int, str]:
    """The exit status, and what the shell's person is told where the lab did not end by a key, or not well."""
    leaving, run = desk.leaving, desk.lab.run
    way_on = _way_on(desk)
    sentences: list[str] = []
    if leaving.by is not None:
        sentences.append(f"Ended by {leaving.by.name}.")
    if leaving.problem:
        sentences.append(f"The run could not be saved: {leaving.problem.rstrip('.')}.")
    elif leaving.by is not None and desk.lab.has_open_run and run is not None and way_on:
        sentences.append(f"{run.name} is saved at step {desk.lab.step:,}. Go on with: {way_on}")
    if leaving.broken:
        sentences.append(leaving.broken)
    if way_on and desk.lab.has_open_run and (leaving.problem or return_code):
        sentences.append(f"The run goes on from its last checkpoint with: {way_on}")
    status = 128 + leaving.by if leaving.by is not None else 1 if leaving.problem or leaving.broken else 0
    return status, " ".join(sentences)


def _way_on(desk: Desk) -> str:
    """The command that goes on with the run that is open; "" where there is none to go on with."""
    from lmcore.experiments.runs.listing import command

    run = desk.lab.run
    return command("resume", Path(run.folder)) if run is not None and is_folder(run.folder) else ""
