"""What the app does about ablations: opens their screens, asks the core for one, and says how it ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lmcore.config.cores import available_cores
from lmcore.protocol.messages import Ablate, AblationEnded, StopAblation
from tui import opening
from tui.lab.ablation import AblationState
from tui.messages import AskAblation, Severity

if TYPE_CHECKING:
    from tui.app import LabApp
    from tui.lab.ablation_draft import Draft


def show(app: LabApp) -> None:
    """Open the ablation of this session, or the list of all where there is none."""
    if _is_open(app):
        return
    if app.lab.ablation is not None:
        _show_going(app)
    else:
        _show_list(app)


def answer(app: LabApp, asked: AskAblation) -> None:
    """Do what the screens ask for."""
    match asked.what:
        case "new":
            draw_up(app)
        case "list":
            _show_list(app)
        case "stop":
            _stop(app)
        case "show" if asked.folder is not None:
            _show_one(app, asked.folder)
        case "go on" if asked.folder is not None:
            _go_on(app, asked.folder)
        case _:
            pass


def _is_open(app: LabApp) -> bool:
    from tui.screens.ablation.listing import AblationsScreen
    from tui.screens.ablation.view import AblationScreen

    return any(isinstance(screen, AblationScreen | AblationsScreen) for screen in app.screen_stack)


def _close(app: LabApp) -> None:
    """Close the screens of ablations that lie on top."""
    from tui.screens.ablation.listing import AblationsScreen
    from tui.screens.ablation.view import AblationScreen

    while isinstance(app.screen, AblationScreen | AblationsScreen):
        app.pop_screen()


def _show_list(app: LabApp) -> None:
    from tui.screens.ablation.listing import AblationsScreen

    _close(app)
    app.push_screen(AblationsScreen(opening.runs_folder(app)))


def _show_going(app: LabApp) -> None:
    from tui.screens.ablation.view import AblationScreen

    app.push_screen(AblationScreen(opening.runs_folder(app), app.lab.ablation, overlaid=_overlaid(app)))


def _show_one(app: LabApp, folder: Path) -> None:
    from lmcore.experiments.ablation.listing import summarize
    from tui.screens.ablation.view import AblationScreen

    state = app.lab.ablation
    if state is not None and state.is_going and Path(state.plan.folder).resolve() == folder.resolve():
        _show_going(app)
    else:
        app.push_screen(AblationScreen(opening.runs_folder(app), summary=summarize(folder), overlaid=_overlaid(app)))


def _overlaid(app: LabApp) -> list[str]:
    return [other.name for other in app.home.loss.records.others]


def draw_up(app: LabApp, draft: Draft | None = None, problem: str = "") -> None:
    """Let the person set up an ablation of the configuration on the screen, and start it."""
    pane = app.home.config
    if pane is None:
        return
    pane.follow_file()
    if pane.problems:
        wrong = pane.problems[0]
        app.tell(f"No ablation of a configuration that is wrong. Line {wrong.line}: {wrong.message}", "error")
        return
    from tui.dialogs.open_file import shown_path
    from tui.lab.ablation_draft import Baseline, Draft, command_of
    from tui.screens.ablation.form import AblationForm

    start = opening.as_start(app, pane.text)
    source = shown_path(pane.path) if pane.path is not None else "the configuration"
    baseline = Baseline(start.config_text, source, start.config_folder)

    def begin(filled: Draft | None) -> None:
        if filled is not None and app.lab.core != "ready":
            draw_up(app, filled, "The core is not ready yet; try again in a moment.")
        elif filled is not None:
            _ask_for(app, command_of(baseline, filled))

    form = AblationForm(baseline, pane.reading, draft or Draft(), available_cores(), lambda: _work_rate(app), problem)
    app.push_screen(form, begin)


def _go_on(app: LabApp, folder: Path) -> None:
    """Carry out again what lies in an ablation's folder: what is finished is used, what was saved goes on."""
    from lmcore.experiments.ablation.listing import again, summarize

    if app.lab.core != "ready":
        app.tell("The core is not ready yet; try again in a moment.", "warning")
        return
    summary = summarize(folder)
    if summary.result is None:
        app.tell(f"It cannot go on. {summary.note}", "error")
        return
    try:
        rest = again(summary)
    except ValueError as error:
        app.tell(f"It cannot go on. {error}", "error")
        return
    result = summary.result
    command = Ablate(
        rest.text,
        result.base,
        rest.changes,
        len(result.seeds),
        name=result.name,
        config_folder=str(rest.code_folder),
    )
    _ask_for(app, command)


def _stop(app: LabApp) -> None:
    """Stop the ablation that goes on; its runs are saved."""
    if app.lab.ablation is not None:
        app.tell("Saving the runs that train; the same ablation goes on from there (g).")
    app.send(StopAblation())


def refused(app: LabApp, reason: str) -> None:
    """The core did not begin: the form comes back with what was filled in and why, or the sentence alone."""
    from tui.lab.ablation_draft import draft_of

    command = app.sent.get("Ablate")
    _close(app)
    pane = app.home.config
    base = opening.as_start(app, pane.text).config_text if pane is not None else None
    if isinstance(command, Ablate) and command.config_text == base:  # it was filled in, not gone on with
        draw_up(app, draft_of(command), reason)
    else:
        app.tell(reason, "warning")


def _ask_for(app: LabApp, command: Ablate) -> None:
    _close(app)
    if app.lab.ablation is not None and not app.lab.ablation.is_going:
        app.lab = replace(app.lab, ablation=None)  # what is shown from now on is the new one
    app.send(command)
    _show_going(app)


def _work_rate(app: LabApp) -> float | None:
    """How fast training is: by the open run, or else by the newest one on disk."""
    from tui.lab.ablation_draft import measured_rate, work_rate_of

    run, seconds = app.lab.run, app.lab.seconds_per_step
    running = app.home.config.running if app.home.config is not None else None
    if run is not None and seconds and running is not None:
        return work_rate_of(running, seconds, run.threads)
    return measured_rate(opening.runs_folder(app))


def ended(app: LabApp, event: AblationEnded) -> None:
    """Tell how an ablation ended; of one that had not begun there is nothing to look at."""
    severity: Severity = "information" if event.status == "finished" else "warning"
    state = app.lab.ablation
    if state is not None and state.plan.name == event.name:
        app.tell(ended_sentence(state), severity)
    else:
        _close(app)
        app.tell(f"The ablation {event.name} had not begun yet; nothing was trained. {event.reason}".strip(), severity)


def ended_sentence(state: AblationState) -> str:
    """How an ablation ended, in a sentence or two."""
    name = f"The ablation {state.plan.name}"
    if state.status == "failed":
        return f"{name} ended: {state.reason}"
    if state.status == "stopped" or state.result is None:
        return f"{name} is stopped and saved, {state.done} of {state.total} runs are in. It goes on from there (b, g)."
    from tui.lab.ablation import outcome

    return f"{name} is finished: {outcome(state.result)}."
