"""What F5, F6 and F8 mean in each state: pure functions from the state to commands, or to a sentence why not."""

from dataclasses import dataclass, replace

from lmcore.protocol.messages import Command, Pause, Resume, Start, Step, Stop
from tui.lab.state import LabState


@dataclass(frozen=True)
class Decision:
    """What a key leads to: commands for the core, a sentence, or waiting until the core is ready."""

    commands: tuple[Command, ...] = ()
    notice: str = ""
    wait: bool = False
    restart: bool = False


def press_start(lab: LabState, start: Start) -> Decision:
    """F5: start, pause, resume."""
    if lab.core == "dead":
        return Decision(restart=True)
    if lab.core == "starting":
        return Decision(wait=True)
    if lab.state == "running":
        return Decision((Pause(),))
    if lab.state == "paused":
        return Decision((Resume(),))
    if lab.state == "preparing":
        return Decision(notice="The run is still being prepared; training begins by itself. F8 cancels it.")
    return Decision((start,))


def press_step(lab: LabState, start: Start) -> Decision:
    """F6: one step; without a run, start one and make its first step."""
    if lab.core == "dead":
        return Decision(restart=True)
    if lab.core == "starting":
        return Decision(notice="The core is still loading; try again in a moment.")
    if lab.state == "running" and lab.is_stepping:
        return Decision((Step(1),))
    if lab.state == "running":
        return Decision(notice="The run is training: pause it first (F5), then F6 makes one step at a time.")
    if lab.state == "preparing":
        return Decision(notice="The run is still being prepared.")
    if lab.state == "paused":
        return Decision((Step(1),))
    return Decision((replace(start, paused=True), Step(1)))


def press_stop(lab: LabState) -> Decision:
    """F8: end the run and save it."""
    if lab.has_open_run:
        return Decision((Stop(),))
    return Decision(notice="There is no run to stop.")


def after_stopping(lab: LabState, *commands: Command) -> tuple[Command, ...]:
    """Commands that open a run, after one that ends the run that is going."""
    return (Stop(), *commands) if lab.has_begun else commands
