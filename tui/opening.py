"""How the app opens configurations, runs and screens, and what it does with the keys of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lmcore.protocol.messages import Command, Load, Start, Step
from tui import routing
from tui.lab.state import LabState
from tui.run_commands import Decision, after_stopping

if TYPE_CHECKING:
    from tui.app import LabApp
    from tui.screens.home import HomeScreen


async def mount_panes(app: LabApp) -> None:
    """Load the panes that need the schema, and show the configuration."""
    from lmcore.config import ConfigError, find_config
    from tui.panes.config import ConfigPane
    from tui.panes.hooks import HooksPane
    from tui.panes.repl import ReplPane

    path = app.config_path
    try:
        path = find_config(str(path or "baseline"))
    except ConfigError as error:
        app.tell(str(error), "error")
    config = ConfigPane(path, app.runs_folder, id="config")
    repl = ReplPane(runs_folder(app, config.reading.config), id="repl")
    await app.home.mount_panes(config, HooksPane(id="hooks"), repl)
    if config.reading.config is not None:
        app.home.repl_settings(config.reading.config)
    app.show_state()


def runs_folder(app: LabApp, config: object = None) -> Path:
    """Where runs are: as the command line says, or else the configuration."""
    if app.runs_folder is not None:
        return app.runs_folder
    if app.home.config is not None:
        config = app.home.config.reading.config
    other = getattr(config, "other", None)
    return Path(other.runs_folder) if other is not None else Path("runs")


def as_start(app: LabApp, config_text: str, name: str = "") -> Start:
    """The command that starts a run of a configuration: named after its file, in the folder of the command line."""
    if app.runs_folder is not None:
        from lmcore.config import ConfigError, set_in_text, to_yaml_value

        try:
            config_text = set_in_text(config_text, "other.runs_folder", to_yaml_value(str(app.runs_folder)))
        except ConfigError as error:
            app.tell(str(error), "error")
    path = app.home.config.path if app.home.config is not None else None
    return Start(config_text, name=name, config_folder=str(path.resolve().parent) if path is not None else "")


def press(app: LabApp, decide: Callable[[LabState, Start], Decision]) -> None:
    """Do what a key of a run (F5, F6, F8) means now."""
    pane = app.home.config
    start = Start("")
    if pane is not None:
        pane.follow_file()
        start = as_start(app, pane.text, _name(app.home))
    decision = decide(app.lab, start)
    if decision.restart:
        routing.restart(app, app.lab.died.run if app.lab.died else "")
        return
    starts = any(isinstance(command, Start) for command in decision.commands)
    if (starts or decision.wait) and pane is not None and pane.problems:
        problem = pane.problems[0]
        app.waits_to_start = False
        app.tell(f"Not started. Line {problem.line}: {problem.message}", "error")
        go_home(app)
        app.home.focus_pane("config")
        if problem.key:
            pane.go_to(problem.key)
        return
    if starts and pane is not None and pane.disk.other is not None:
        app.tell(f"{pane.path} was changed on disk; this run is of what the screen shows.", "warning")
    if decision.wait or (starts and pane is None):
        app.waits_to_start = not app.waits_to_start
        app.tell("Training starts as soon as the core is ready." if app.waits_to_start else "It does not start.")
        app.show_state()
        return
    if decision.notice:
        app.tell(decision.notice)
    if decision.commands:
        steps = any(isinstance(command, Step) for command in decision.commands)
        app.lab = replace(app.lab, is_stepping=steps)
    app.send(*decision.commands)
    if starts and not app.home.shows_all and app.home.active == "config":
        app.home.focus_pane("loss")


def _name(home: HomeScreen) -> str:
    """The name of a new run: empty if the configuration gives one, else its file's."""
    pane = home.config
    if pane is None or pane.path is None or (pane.reading.config is not None and pane.reading.config.other.name):
        return ""
    return pane.path.stem


def open_config(app: LabApp, path: Path | None) -> None:
    """Show another configuration file; without a path ask for one."""
    go_home(app)
    if app.home.config is not None:
        app.home.focus_pane("config")
        if path is None:
            app.home.config.action_open()
        else:
            app.home.config.load(path)
            app.show_state()


def new_run(app: LabApp, config_text: str, agreed: bool) -> None:
    """Start a new run, asking first if one is going, unless the person has agreed to end it."""
    if app.lab.core != "ready":
        app.tell("The core is not ready yet; try again in a moment.", "warning")
        return
    start = as_start(app, config_text, _name(app.home))
    commands = after_stopping(app.lab, start)
    if agreed:
        app.send(*commands)
    else:
        after_asking(app, "Start a new run", commands, "Stop it and start anew")


def open_run(app: LabApp, folder: Path, at: str, train: bool) -> None:
    """Open a run at a checkpoint, asking first if one is going; then train on with it if `train`."""
    if app.lab.core != "ready":
        app.tell("The core is not ready yet; try again in a moment.", "warning")
        return

    def remember() -> None:
        app.resumes_when_open = train

    commands = after_stopping(app.lab, Load(str(folder.resolve()), at))
    after_asking(app, "Open another run", commands, "Stop it and open", remember)


def after_asking(
    app: LabApp, title: str, commands: tuple[Command, ...], yes: str, then: Callable[[], None] = lambda: None
) -> None:
    """Send commands, after a question if a run is going that they would end."""
    from tui.dialogs import ConfirmDialog

    def answer(agreed: bool | None) -> None:
        if agreed:
            app.send(*commands)
            then()

    run = app.lab.run
    if run is None or not app.lab.is_training:
        answer(True)
        return
    text = f"The run {run.title or run.name} is going: step {app.lab.step:,} of {app.lab.max_steps:,}."
    app.push_screen(ConfirmDialog(title, text, yes=yes, no="Stay", note="It is stopped and saved first."), answer)


def show_runs(app: LabApp) -> None:
    """Open the list of runs."""
    from tui.screens.runs import RunsScreen

    open_folder = Path(app.lab.run.folder) if app.lab.run else None
    overlaid = [Path(other.name) for other in app.home.loss.records.others]
    app.push_screen(RunsScreen(runs_folder(app), overlaid, open_folder))


def compare_runs(app: LabApp, folders: Sequence[Path]) -> None:
    """Open the comparison of two runs or more; say how they are chosen where there are fewer."""
    if len(folders) < 2:
        app.tell("A comparison needs two runs: lay others over the open one first (r lists the runs).")
        return
    from tui.screens.compare import CompareScreen

    app.push_screen(CompareScreen(folders))


def show_notes(app: LabApp) -> None:
    """Open the notes of the run that is open."""
    from tui.screens.notes import NotesScreen

    run = app.lab.run
    if run is None:
        app.tell("No run is open. In the list of runs (r), e opens the notes of one.")
    elif not isinstance(app.screen, NotesScreen):
        app.push_screen(NotesScreen(Path(run.folder), run.title or run.name))


def show_log(app: LabApp) -> None:
    """Open the log."""
    from tui.screens.log import LogScreen

    app.push_screen(LogScreen(app.lab.log, Path(app.lab.run.folder) if app.lab.run else None))


def go_home(app: LabApp) -> None:
    """Close what lies over the home screen."""
    while app.screen is not app.home and len(app.screen_stack) > 1:
        app.pop_screen()
