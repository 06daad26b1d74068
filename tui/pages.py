"""The screen of each page that a decision shows, and the dialog of each question that it puts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.screen import Screen

from tui.desk.desk import Desk
from tui.desk.effects import (
    AblationPage,
    AskRestart,
    Comparison,
    Confirm,
    ConfirmQuit,
    Consent,
    DrawUp,
    Moments,
    OneChange,
    Page,
    Question,
    Reason,
    Traceback,
)

if TYPE_CHECKING:  # the panes' schema, and every screen below, is loaded after the first frame
    from tui.panes.config import ConfigPane
    from tui.panes.loss.records import Records


def screen_of(page: Page, desk: Desk, records: Records) -> Screen[Any]:
    """The screen of a page; `records` are what the loss plot draws."""
    run = desk.lab.run
    open_folder = Path(run.folder) if run is not None else None
    overlaid = [other.name for other in records.others]
    match page:
        case "runs":
            from tui.screens.runs import RunsScreen

            return RunsScreen(desk.runs_folder, [Path(name) for name in overlaid], open_folder)
        case "log":
            from tui.screens.log import LogScreen

            return LogScreen(desk.lab.log, open_folder)
        case "notes":
            from tui.screens.notes import NotesScreen

            return NotesScreen(open_folder or Path(), (run.title or run.name) if run is not None else "")
        case "ablations":
            from tui.screens.ablation.listing import AblationsScreen

            return AblationsScreen(desk.runs_folder)
        case AblationPage():
            from tui.screens.ablation.view import AblationScreen

            state = desk.lab.ablation if page.summary is None else None
            return AblationScreen(desk.runs_folder, state, page.summary, overlaid)
        case Moments():
            from tui.screens.moments import MomentsScreen

            if page.folder is not None:
                return MomentsScreen(folder=page.folder)
            return MomentsScreen(desk.lab, records.history, records.changes(desk.lab.changes))
        case Comparison():
            from tui.screens.compare import CompareScreen

            return CompareScreen(page.folders)
        case Traceback():
            from tui.dialogs import TracebackDialog

            return TracebackDialog(page.failed)


async def ask(app: App[None], question: Question, config: ConfigPane | None) -> Any:
    """Put a question over the screen and wait for the answer; an ablation's form offers the fields of `config`."""
    from tui import dialogs

    dialog: Screen[Any]
    match question:
        case Confirm():
            dialog = dialogs.ConfirmDialog(question.title, question.text, question.yes, question.no, question.note)
        case ConfirmQuit():
            dialog = dialogs.QuitDialog(question.run, question.step, question.max_steps)
        case Consent():
            dialog = dialogs.ConsentDialog(question.files)
        case Reason():
            dialog = dialogs.ReasonDialog(question.against, question.differences)
        case AskRestart():
            dialog = dialogs.CoreDiedDialog(question.died)
        case OneChange():
            from tui.dialogs.fork import ForkDialog, as_change

            fork = ForkDialog(question.name, question.step, question.config_text, question.is_open)
            change = await app.push_screen_wait(fork)
            return None if change is None else ((as_change(change),) if change else (), fork.from_weights)
        case DrawUp():
            from lmcore.config.cores import available_cores
            from tui.panes.config.reading import read
            from tui.screens.ablation.form import AblationForm

            reading = config.reading if config is not None else read(question.baseline.text)
            rate, problem = question.work_rate, question.problem
            dialog = AblationForm(question.baseline, reading, question.draft, available_cores(), rate, problem)
    return await app.push_screen_wait(dialog)
