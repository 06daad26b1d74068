"""What the app does by itself when the core tells something: notices, dialogs, and the state handed to the screens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

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
from tui.lab.numbers import short_number
from tui.lab.state import LabState, restarting

if TYPE_CHECKING:
    from tui.app import LabApp

URGENT = (StateChanged, Ready, CoreDied, ValueChanged, Finished, Failed, Rejected, AblationBegan, AblationEnded)
"""Events that are shown at once, whatever the budget says."""


def react(app: LabApp, before: LabState, events: Sequence[Event]) -> None:
    """Do what the events ask of the app itself."""
    for event in events:
        match event:
            case Ready():
                _on_ready(app)
            case StateChanged():
                _on_state(app, event)
            case Rejected(command="Step", request=None) if _is_asking(app):
                pass  # the run that the step was for waits for an answer
            case Rejected(command="ShutDown"):
                pass  # the lab that is left waits for this answer, and asks
            case Rejected(command="Ablate"):
                from tui import ablations

                ablations.refused(app, event.reason)
            case AblationEnded():
                from tui import ablations

                ablations.ended(app, event)
            case Rejected(request=None):
                app.resumes_when_open = False
                app.tell(event.reason, "warning")
            case Failed():
                _on_failed(app, event)
            case ConsentWanted():
                ask_consent(app, event)
            case ReasonWanted():
                ask_reason(app, event)
            case Finished():
                app.tell(_finished(event, app.lab))
            case LogLine(level="warning") if app.lab.state not in ("loading", "idle"):
                app.tell(event.text, "warning")
            case CoreDied():
                _on_died(app, event)
            case _:
                pass
    if app.home.config is not None and before.changes != app.lab.changes:
        from tui.hook_changes import follow_run
        from tui.panes.config.applying import running_config

        if before.run is not None and app.lab.run is not None and before.run.folder == app.lab.run.folder:
            follow_run(app, running_config(before.run, before.changes), running_config(app.lab.run, app.lab.changes))
    for screen in app.screen_stack[1:]:
        if hasattr(screen, "receive_events"):
            screen.receive_events(events)


def show(app: LabApp) -> None:
    """Give the present state to the home screen, and let a screen that lies over it draw what it has received."""
    config = app.home.config.running if app.home.config is not None else None
    source = config.dataset.source if config is not None else ""
    title = app.home.config.path.stem if app.home.config is not None and app.home.config.path else "lab"
    app.home.show(app.lab, title, source, app.waits_to_start)
    if config is not None:
        app.budget.share = config.other.screen_budget
        app.home.loss.set_smoothing(config.other.smoothing)
    if hasattr(app.screen, "show_received"):
        app.screen.show_received()


def _on_ready(app: LabApp) -> None:
    if app.reopens:
        run, app.reopens = app.reopens, ""
        app.resumes_when_open = True
        app.send(Load(run))
    elif app.waits_to_start:
        app.waits_to_start = False
        app.action_start()


def _on_state(app: LabApp, event: StateChanged) -> None:
    failed = app.lab.last_failed
    if event.reason and (failed is None or failed.message != event.reason):
        app.tell(event.reason, "warning")
    if event.state == "paused" and app.resumes_when_open:
        app.resumes_when_open = False
        app.send(Resume())
    elif event.state == "finished" or (event.state == "idle" and event.reason):
        app.resumes_when_open = False


def _on_failed(app: LabApp, event: Failed) -> None:
    from tui.dialogs import TracebackDialog

    if event.traceback and not isinstance(app.screen, TracebackDialog):
        app.push_screen(TracebackDialog(event))
    else:
        app.tell(f"{event.message}\nThe log (l) has the whole story.", "error")


def _is_asking(app: LabApp) -> bool:
    """Whether a question stands over the screen that a new run waits for."""
    from tui.dialogs import ConsentDialog, ReasonDialog

    return isinstance(app.screen, ConsentDialog | ReasonDialog)


def ask_consent(app: LabApp, wanted: ConsentWanted) -> None:
    """Ask whether files may run; then send the command again that wanted them, or say that it was not carried out."""
    from tui.dialogs import ConsentDialog

    command = Resume() if wanted.command == "Resume" else app.sent.get(wanted.command)

    def answer(agreed: bool | None) -> None:
        if agreed:
            app.send(Agree(tuple(file.digest for file in wanted.files)))
            _send_again(app, command)
            return
        app.resumes_when_open = False
        names = ", ".join(file.name for file in wanted.files)
        refusal = Rejected(wanted.command, f"Nothing ran: {names} was not agreed to.", wanted.request)
        if wanted.command == "Ablate":
            react(app, app.lab, (refusal,))
        elif wanted.request is None:
            app.tell(refusal.reason, "warning")
        else:
            app.home.receive_events((refusal,))

    app.push_screen(ConsentDialog(wanted.files), answer)


def ask_reason(app: LabApp, wanted: ReasonWanted) -> None:
    """Ask why a new run is to make several changes at once; with a reason, send its command again."""
    from tui.dialogs import ReasonDialog

    command = app.sent.get(wanted.command)

    def answer(reason: str | None) -> None:
        if reason is None or not isinstance(command, Start | Fork):
            app.tell(f"Not started: more than one change against {wanted.against}.", "warning")
        else:
            _send_again(app, replace(command, confounded=reason))

    app.push_screen(ReasonDialog(wanted.against, wanted.differences), answer)


def _send_again(app: LabApp, command: Command | None) -> None:
    """Send a command that waited for an answer."""
    if command is not None:
        app.send(command)
    if isinstance(command, Start) and command.paused:
        app.send(Step(1))  # it was F6 that wanted the run


def _finished(event: Finished, lab: LabState) -> str:
    losses = [
        f"{name} {short_number(lab.metrics[metric])}"
        for name, metric in (("train", "loss/train"), ("val", "loss/val"))
        if metric in lab.metrics
    ]
    word = {"finished": "The run is finished", "stopped": "The run is stopped and saved", "failed": "The run failed"}
    then = " It can go on from the list of runs (r)." if event.status == "stopped" else ""
    return f"{word[event.status]} at step {event.step:,}{': ' if losses else ''}{', '.join(losses)}.{then}"


def _on_died(app: LabApp, event: CoreDied) -> None:
    from tui.dialogs import CoreDiedDialog

    app.waits_to_start = app.resumes_when_open = False

    def answer(choice: str | None) -> None:
        if choice == "restart":
            restart(app, event.run)

    app.push_screen(CoreDiedDialog(event), answer)


def restart(app: LabApp, run: str) -> None:
    """Start a new core; when it is ready, open the run that was open at its last checkpoint and train on."""
    app.reopens = run
    app.lab = restarting(app.lab)
    app.core.restart()
    app.show_state()
