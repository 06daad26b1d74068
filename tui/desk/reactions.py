"""What the lab does by itself when the core tells something: notices, questions, what waited for it."""

from dataclasses import replace

from lmcore.protocol.messages import (
    AblationBegan,
    AblationEnded,
    Agree,
    Command,
    ConsentWanted,
    CoreDied,
    Event,
    Failed,
    Finished,
    Fork,
    Load,
    LogLine,
    Ready,
    ReasonWanted,
    Rejected,
    Resume,
    Start,
    StateChanged,
    Step,
    ValueChanged,
)
from tui.desk.desk import Desk
from tui.desk.effects import Ask, AskRestart, Consent, Hand, Reason, Send, Show, Tell, Traceback, Way
from tui.desk.run_keys import press_start, restart
from tui.lab.numbers import short_number
from tui.lab.state import LabState

URGENT = (StateChanged, Ready, CoreDied, ValueChanged, Finished, Failed, Rejected, AblationBegan, AblationEnded)
"""Events that are shown at once, whatever the budget says."""


def react(desk: Desk, event: Event) -> Way:
    """What an event asks of the lab."""
    match event:
        case Ready():
            yield from _on_ready(desk)
        case StateChanged():
            yield from _on_state(desk, event)
        case Rejected(command="Step", request=None) if desk.is_asked:
            pass  # the run that the step was for waits for an answer
        case Rejected(command="ShutDown"):
            pass  # the lab that is left waits for this answer, and asks
        case Rejected(command="Ablate"):
            from tui.desk import ablations

            yield from ablations.refused(desk, event.reason)
        case AblationEnded():
            from tui.desk import ablations

            yield from ablations.ended(desk, event)
        case Rejected(request=None):
            desk.resumes_when_open = False
            yield Tell(event.reason, "warning")
        case Failed():
            if not event.traceback or not (yield Show(Traceback(event))):
                yield Tell(f"{event.message}\nThe log (l) has the whole story.", "error")
        case ConsentWanted():
            yield from _ask_consent(desk, event)
        case ReasonWanted():
            yield from _ask_reason(desk, event)
        case Finished():
            yield Tell(_finished(event, desk.lab))
        case LogLine(level="warning") if desk.lab.state not in ("loading", "idle"):
            yield Tell(event.text, "warning")
        case CoreDied():
            desk.waits_to_start = desk.resumes_when_open = False
            if (yield Ask(AskRestart(event))) == "restart":
                yield from restart(desk, event.run)
        case _:
            pass


def _on_ready(desk: Desk) -> Way:
    if desk.reopens:
        run, desk.reopens = desk.reopens, ""
        desk.resumes_when_open = True
        yield Send((Load(run),))
    elif desk.waits_to_start:
        desk.waits_to_start = False
        yield from press_start(desk)


def _on_state(desk: Desk, event: StateChanged) -> Way:
    failed = desk.lab.last_failed
    if event.reason and (failed is None or failed.message != event.reason):
        yield Tell(event.reason, "warning")
    if event.state == "paused" and desk.resumes_when_open:
        desk.resumes_when_open = False
        yield Send((Resume(),))
    elif event.state == "finished" or (event.state == "idle" and event.reason):
        desk.resumes_when_open = False


def _ask_consent(desk: Desk, wanted: ConsentWanted) -> Way:
    """Ask whether files may run; then send the command again that wanted them, or say that it was not carried out."""
    command = Resume() if wanted.command == "Resume" else desk.sent.get(wanted.command)
    desk.is_asked = True
    agreed = yield Ask(Consent(wanted.files))
    desk.is_asked = False
    if agreed:
        yield Send((Agree(tuple(file.digest for file in wanted.files)), *_again(command)))
        return
    desk.resumes_when_open = False
    names = ", ".join(file.name for file in wanted.files)
    refusal = Rejected(wanted.command, f"Nothing ran: {names} was not agreed to.", wanted.request)
    if wanted.request is None:
        yield from react(desk, refusal)
    else:
        yield Hand(refusal)


def _ask_reason(desk: Desk, wanted: ReasonWanted) -> Way:
    """Ask why a new run is to make several changes at once; with a reason, send its command again."""
    command = desk.sent.get(wanted.command)
    desk.is_asked = True
    reason = yield Ask(Reason(wanted.against, wanted.differences))
    desk.is_asked = False
    if reason is None or not isinstance(command, Start | Fork):
        yield Tell(f"Not started: more than one change against {wanted.against}.", "warning")
    else:
        yield Send(_again(replace(command, confounded=reason)))


def _again(command: Command | None) -> tuple[Command, ...]:
    """A command that waited for an answer, with the step that F6 wanted the run for."""
    if command is None:
        return ()
    return (command, Step(1)) if isinstance(command, Start) and command.paused else (command,)


def _finished(event: Finished, lab: LabState) -> str:
    losses = [
        f"{name} {short_number(lab.metrics[metric])}"
        for name, metric in (("train", "loss/train"), ("val", "loss/val"))
        if metric in lab.metrics
    ]
    word = {"finished": "The run is finished", "stopped": "The run is stopped and saved", "failed": "The run failed"}
    then = " It can go on from the list of runs (r)." if event.status == "stopped" else ""
    return f"{word[event.status]} at step {event.step:,}{': ' if losses else ''}{', '.join(losses)}.{then}"
