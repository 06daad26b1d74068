"""What F5, F6 and F8 do in each state, and how a run begins."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from lmcore.protocol.messages import Command, Pause, Resume, Start, Step, Stop
from tui.desk.desk import Desk
from tui.desk.effects import Close, Effect, FollowFile, GoToField, Redraw, SeeLoss, Send, StartCore, Tell, Way
from tui.lab.state import restarting


def press_start(desk: Desk) -> Way:
    """F5: start, pause, resume."""
    yield FollowFile()
    lab = desk.lab
    if lab.core == "dead":
        yield from restart(desk, lab.died.run if lab.died else "")
    elif lab.state == "running":
        yield _send(desk, Pause())
    elif lab.state == "paused":
        yield _send(desk, Resume())
    elif lab.state == "preparing":
        yield Tell("The run is still being prepared; training begins by itself. F8 cancels it.")
    else:
        yield from _begin(desk)


def press_step(desk: Desk) -> Way:
    """F6: one step; without a run, start one and make its first step."""
    yield FollowFile()
    lab = desk.lab
    if lab.core == "dead":
        yield from restart(desk, lab.died.run if lab.died else "")
    elif lab.core == "starting":
        yield Tell("The core is still loading; try again in a moment.")
    elif lab.state == "paused" or (lab.state == "running" and lab.is_stepping):
        yield _send(desk, Step(1))
    elif lab.state == "running":
        yield Tell("The run is training: pause it first (F5), then F6 makes one step at a time.")
    elif lab.state == "preparing":
        yield Tell("The run is still being prepared.")
    else:
        yield from _begin(desk, paused=True)


def press_stop(desk: Desk) -> Way:
    """F8: end the run and save it."""
    yield _send(desk, Stop()) if desk.lab.has_open_run else Tell("There is no run to stop.")


def restart(desk: Desk, run: str) -> Way:
    """Start a new core; when it is ready, open the run that was open at its last checkpoint and train on."""
    desk.reopens = run
    desk.lab = restarting(desk.lab)
    yield StartCore()
    yield Redraw()


def _begin(desk: Desk, paused: bool = False) -> Way:
    """Start a run of the configuration on the screen, or wait until the core can."""
    sheet = desk.sheet
    if sheet is not None and sheet.problems:
        problem = sheet.problems[0]
        desk.waits_to_start = False
        yield Tell(f"Not started. Line {problem.line}: {problem.message}", "error")
        yield Close()
        yield GoToField(problem.key)
    elif sheet is None or desk.lab.core == "starting":
        desk.waits_to_start = not desk.waits_to_start
        yield Tell("Training starts as soon as the core is ready." if desk.waits_to_start else "It does not start.")
        yield Redraw()
    else:
        if sheet.is_behind:
            yield Tell(f"{sheet.path} was changed on disk; this run is of what the screen shows.", "warning")
        start = yield from start_of(desk, sheet.text)
        if start is not None:
            yield _send(desk, *((replace(start, paused=True), Step(1)) if paused else (start,)))
            yield SeeLoss()


def start_of(desk: Desk, config_text: str) -> Generator[Effect, Any, Start | None]:
    """The command that starts a run of a configuration: named after its file, in the folder of the command line.

    None, after a sentence, where that folder cannot be written into the text.
    """
    from lmcore.config import ConfigError, set_in_text, to_yaml_value  # after the first frame

    sheet = desk.sheet
    if desk.given_runs_folder is not None:
        try:
            config_text = set_in_text(config_text, "other.runs_folder", to_yaml_value(str(desk.given_runs_folder)))
        except ConfigError as error:
            yield Tell(f"Not started: {error}", "error")
            return None
    if sheet is None or sheet.path is None:
        return Start(config_text)
    is_named = sheet.config is not None and bool(sheet.config.other.name)
    return Start(config_text, "" if is_named else sheet.path.stem, config_folder=str(sheet.path.resolve().parent))


def _send(desk: Desk, *commands: Command) -> Send:
    """Send commands of the run's keys; while it makes single steps, the next F6 makes one more."""
    desk.lab = replace(desk.lab, is_stepping=any(isinstance(command, Step) for command in commands))
    return Send(commands)
