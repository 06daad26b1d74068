"""What the app does by itself when the core tells something: notices, dialogs, and the state handed to the screens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lmcore.process.messages import (
    CoreDied,
    Event,
    Failed,
    Finished,
    Load,
    Ready,
    Rejected,
    Resume,
    StateChanged,
    ValueChanged,
)
from tui.lab_state import LabState, restarting
from tui.widgets.ticks import short_number

if TYPE_CHECKING:
    from tui.app import LabApp

URGENT = (StateChanged, Ready, CoreDied, ValueChanged, Finished, Failed, Rejected)
"""Events that are shown at once, whatever the budget says."""


def react(app: LabApp, before: LabState, events: Sequence[Event]) -> None:
    """Do what the events ask of the app itself."""
    for event in events:
        match event:
            case Ready():
                _on_ready(app)
            case StateChanged():
                _on_state(app, event)
            case Rejected(request=None):
                app.resumes_when_open = False
                app.tell(event.reason, "warning")
            case Failed():
                app.tell(f"{event.message}\nThe log (l) has the whole story.", "error")
            case Finished():
                app.tell(_finished(event, app.lab))
            case CoreDied():
                _on_died(app, event)
            case _:
                pass
    for screen in app.screen_stack[1:]:
        if hasattr(screen, "receive_events"):
            screen.receive_events(events)


def show(app: LabApp) -> None:
    """Give the present state to the home screen."""
    config = app.home.config.running if app.home.config is not None else None
    source = config.dataset.source if config is not None else ""
    title = app.home.config.path.stem if app.home.config is not None and app.home.config.path else "lab"
    app.home.show(app.lab, title, source, app.waits_to_start)
    if config is not None:
        app.budget.share = config.other.screen_budget
        app.home.loss.set_smoothing(config.other.smoothing)


def _on_ready(app: LabApp) -> None:
    if app.reopens:
        run, app.reopens = app.reopens, ""
        app.resumes_when_open = True
        app.send(Load(run))
    elif app.waits_to_start:
        app.waits_to_start = False
        app.action_start()


def _on_state(app: LabApp, event: StateChanged) -> None:
    if event.reason:
        app.tell(event.reason, "warning")
    if event.state == "paused" and app.resumes_when_open:
        app.resumes_when_open = False
        app.send(Resume())
    elif event.state == "finished" or (event.state == "idle" and event.reason):
        app.resumes_when_open = False


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
    from tui.screens.dialogs import CoreDiedDialog

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
