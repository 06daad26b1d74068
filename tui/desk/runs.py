"""Opening, starting, forking and comparing runs, and going back in one."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

from lmcore.protocol.messages import Command, Fork, Load, Rewind, Stop
from tui.desk.desk import Desk
from tui.desk.effects import Ask, Close, Comparison, Confirm, Effect, Moments, OneChange, Overlay, Send, Show, Tell, Way
from tui.desk.run_keys import start_of

NOT_READY = Tell("The core is not ready yet; try again in a moment.", "warning")


def new_run(desk: Desk, config_text: str, agreed: bool) -> Way:
    """Start a new run, asking first if one is going, unless the person has agreed to end it."""
    if desk.lab.core != "ready":
        yield NOT_READY
    elif agreed or (yield from _may_stop(desk, "Start a new run", "Stop it and start anew")):
        start = yield from start_of(desk, config_text)
        if start is not None:
            yield _after_stopping(desk, start)


def open_run(desk: Desk, folder: Path, at: str, train: bool) -> Way:
    """Open a run at a checkpoint, asking first if one is going; then train on with it if `train`."""
    if desk.lab.core != "ready":
        yield NOT_READY
    elif (yield from _may_stop(desk, "Open another run", "Stop it and open")):
        yield _after_stopping(desk, Load(str(folder.resolve()), at))
        desk.resumes_when_open = train


def fork_run(desk: Desk, folder: Path, step: int, name: str) -> Way:
    """Ask for the one change, then make the fork; the parent's curve stays behind that of the fork."""
    answer = yield Ask(OneChange(name, step, _config_text(desk, folder), desk.has_open(folder)))
    if answer is None:
        return
    changes, from_weights = answer
    fork = Fork(str(folder.resolve()), str(step), changes, from_weights=from_weights)
    if desk.has_open(folder):  # the core saves and stops it once the fork is made
        send = Send((fork,))
    elif (yield from _may_stop(desk, "Fork a run", "Stop it and fork")):
        send = _after_stopping(desk, fork)
    else:
        return
    desk.resumes_when_open = False
    yield send
    yield Overlay(folder)


def _may_stop(desk: Desk, title: str, yes: str) -> Generator[Effect, Any, bool]:
    """Whether nothing trains, or what trains may be stopped."""
    run = desk.lab.run
    if run is None or not desk.lab.is_training:
        return True
    text = f"The run {run.title or run.name} is going: step {desk.lab.step:,} of {desk.lab.max_steps:,}."
    agreed = yield Ask(Confirm(title, text, yes=yes, note="It is stopped and saved first."))
    return bool(agreed)


def _after_stopping(desk: Desk, command: Command) -> Send:
    """A command that opens a run, after one that ends the run that is open."""
    return Send((Stop(), command) if desk.lab.has_begun else (command,))


def compare_runs(folders: tuple[Path, ...]) -> Way:
    """Compare two runs or more; say how they are chosen where there are fewer."""
    if len(folders) < 2:
        yield Tell("A comparison needs two runs: lay others over the open one first (r lists the runs).")
    else:
        yield Show(Comparison(folders))


def show_notes(desk: Desk) -> Way:
    """Open the notes of the run that is open."""
    yield Show("notes") if desk.lab.run else Tell("No run is open. In the list of runs (r), e opens the notes of one.")


def show_moments(desk: Desk, folder: Path | None = None) -> Way:
    """List the moments of the open run, or the checkpoints of another."""
    if desk.lab.core != "ready":
        yield NOT_READY
    elif folder is not None and not desk.has_open(folder):
        yield Close()
        yield Show(Moments(folder))
    elif desk.lab.run is None:
        yield Tell("There is no run to go back in yet: F5 starts one, r lists those that are there.")
    else:
        yield Close()
        yield Show(Moments())


def go_to_present(desk: Desk) -> Way:
    """Look at the present again."""
    if desk.lab.moment is None:
        yield Tell("You look at the present already; m lists the moments that you can go back to.")
    else:
        yield Send((Rewind(),))


def _config_text(desk: Desk, folder: Path) -> str:
    """What a change is checked against while it is typed: about what the run trains with. The core says the rest."""
    run = desk.lab.run
    if run is not None and desk.has_open(folder):
        return desk.lab.moment.config_text if desk.lab.moment is not None else run.config_text
    from lmcore.experiments.runs.listing import RunError, read_config_text

    try:
        return read_config_text(folder)
    except RunError:
        return ""
