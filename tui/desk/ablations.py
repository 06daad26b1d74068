"""What the lab does about ablations: shows them, asks the core for one, and says how it ended."""

from dataclasses import replace
from pathlib import Path

from lmcore.errors import LabError
from lmcore.experiments.ablation.listing import again, summarize
from lmcore.places import shown_path
from lmcore.protocol.messages import Ablate, AblationEnded, StopAblation
from tui.desk.desk import Desk
from tui.desk.effects import AblationPage, Ask, Close, DrawUp, FollowFile, Send, Show, Tell, Way
from tui.desk.run_keys import start_of
from tui.desk.runs import NOT_READY
from tui.lab.ablation import AblationRequest, AblationState, outcome
from tui.lab.ablation_draft import Baseline, Draft, command_of, draft_of, measured_rate, work_rate_of
from tui.lab.state import Severity


def show(desk: Desk) -> Way:
    """Show the ablation of this session, or the list of all where there is none."""
    if desk.lab.ablation is not None:
        yield Show(AblationPage())
    else:
        yield from show_list()


def answer(desk: Desk, what: AblationRequest, folder: Path | None) -> Way:
    """Do what the screens of ablations ask for."""
    match what:
        case "new":
            yield from draw_up(desk)
        case "list":
            yield from show_list()
        case "stop":
            yield from stop(desk)
        case "show" if folder is not None:
            yield from show_one(desk, folder)
        case "go on" if folder is not None:
            yield from go_on(desk, folder)


def show_list() -> Way:
    """List all ablations."""
    yield Close("ablations")
    yield Show("ablations")


def show_one(desk: Desk, folder: Path) -> Way:
    """Show an ablation on disk, or the one of this session as it goes on."""
    state = desk.lab.ablation
    is_going = state is not None and state.is_going and Path(state.plan.folder).resolve() == folder.resolve()
    yield Show(AblationPage(None if is_going else summarize(folder)))


def draw_up(desk: Desk, draft: Draft | None = None, problem: str = "") -> Way:
    """Let the person set up an ablation of the configuration on the screen, and start it."""
    sheet = desk.sheet
    if sheet is None:
        return
    yield FollowFile()
    if sheet.problems:
        wrong = sheet.problems[0]
        yield Tell(f"No ablation of a configuration that is wrong. Line {wrong.line}: {wrong.message}", "error")
        return
    start = yield from start_of(desk, sheet.text)
    if start is None:
        return
    source = shown_path(sheet.path) if sheet.path is not None else "the configuration"
    baseline = Baseline(start.config_text, source, start.config_folder)
    filled = yield Ask(DrawUp(baseline, draft or Draft(), lambda: work_rate(desk), problem))
    if filled is None:
        return
    if desk.lab.core != "ready":
        yield from draw_up(desk, filled, NOT_READY.text)
    else:
        yield from _begin(desk, command_of(baseline, filled))


def go_on(desk: Desk, folder: Path) -> Way:
    """Carry out again what lies in an ablation's folder: what is finished is used, what was saved goes on."""
    if desk.lab.core != "ready":
        yield NOT_READY
        return
    summary = summarize(folder)
    result = summary.result
    if result is None:
        yield Tell(f"It cannot go on. {summary.note}", "error")
        return
    try:
        rest = again(summary)
    except LabError as error:
        yield Tell(f"It cannot go on. {error}", "error")
        return
    seeds, code_folder = len(result.seeds), str(rest.code_folder)
    yield from _begin(
        desk, Ablate(rest.text, result.base, rest.changes, seeds, name=result.name, config_folder=code_folder)
    )


def stop(desk: Desk) -> Way:
    """Stop the ablation that goes on; its runs are saved."""
    if desk.lab.ablation is not None:
        yield Tell("Saving the runs that train; the same ablation goes on from there (g).")
    yield Send((StopAblation(),))


def refused(desk: Desk, reason: str) -> Way:
    """The core did not begin: the form comes back with what was filled in and why, or the sentence alone."""
    command = desk.sent.get("Ablate")
    yield Close("ablations")
    start = (yield from start_of(desk, desk.sheet.text)) if desk.sheet is not None else None
    if isinstance(command, Ablate) and start is not None and command.config_text == start.config_text:
        yield from draw_up(desk, draft_of(command), reason)  # it was filled in, not gone on with
    else:
        yield Tell(reason, "warning")


def ended(desk: Desk, event: AblationEnded) -> Way:
    """Tell how an ablation ended; of one that had not begun there is nothing to look at."""
    severity: Severity = "information" if event.status == "finished" else "warning"
    state = desk.lab.ablation
    if state is not None and state.plan.name == event.name:
        yield Tell(ended_sentence(state), severity)
    else:
        yield Close("ablations")
        text = f"The ablation {event.name} had not begun yet; nothing was trained. {event.reason}"
        yield Tell(text.strip(), severity)


def ended_sentence(state: AblationState) -> str:
    """How an ablation ended, in a sentence or two."""
    name = f"The ablation {state.plan.name}"
    if state.status == "failed":
        return f"{name} ended: {state.reason}"
    if state.status == "stopped" or state.result is None:
        return f"{name} is stopped and saved, {state.done} of {state.total} runs are in. It goes on from there (b, g)."
    return f"{name} is finished: {outcome(state.result)}."


def work_rate(desk: Desk) -> float | None:
    """How fast training is: by the open run, or else by the newest one on disk. Reads files."""
    run, seconds = desk.lab.run, desk.lab.seconds_per_step
    running = desk.sheet.running if desk.sheet is not None else None
    if run is not None and seconds and running is not None:
        return work_rate_of(running, seconds, run.threads)
    return measured_rate(desk.runs_folder)


def _begin(desk: Desk, command: Ablate) -> Way:
    yield Close("ablations")
    if desk.lab.ablation is not None and not desk.lab.ablation.is_going:
        desk.lab = replace(desk.lab, ablation=None)  # what is shown from now on is the new one
    yield Send((command,))
    yield Show(AblationPage())
