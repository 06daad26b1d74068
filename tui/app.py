"""The laboratory's app: it composes the screens, performs what is decided at the desk, and no more."""

import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

from rich.console import RenderableType
from textual.app import App
from textual.binding import BindingType
from textual.driver import Driver
from textual.events import Event as TextualEvent
from textual.events import InputEvent, Key, Paste
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from lmcore.errors import fault_sentence
from lmcore.protocol.messages import Command, Event
from tui.bindings import Entry, Place, pane_bindings
from tui.budget import RenderBudget
from tui.desk import departure, reactions, run_keys, runs
from tui.desk.desk import Desk
from tui.desk.effects import (
    Ask,
    ChangeText,
    Close,
    Effect,
    EndCore,
    Exit,
    FollowFile,
    GoToField,
    Hand,
    Overlay,
    Question,
    Redraw,
    SeeLoss,
    Send,
    Show,
    StartCore,
    Tell,
    Way,
)
from tui.lab.parts import Core, DrawsLater, Listens
from tui.lab.state import LabState, Severity, advance_state
from tui.messages import (
    AskAblation,
    ChangeHooks,
    CompareRuns,
    ConfigEdited,
    CoreEvents,
    ForkRun,
    NewRun,
    Notice,
    OverlayRun,
    ResumeRun,
    SendCommand,
    ShowMoments,
)
from tui.pages import ask, screen_of
from tui.plain_text import PlainLines, shown_text
from tui.screens.home import HomeScreen
from tui.themes import DARK, NAMES, THEMES, default_theme, next_theme
from tui.type_ahead import TypeAhead
from tui.widgets.footer_line import FooterLine

PLAIN_LINES = PlainLines()
SECONDS_OF_QUIET, LOOKS = 5.0, 3
"""How often it is looked whether the core says anything, and after how many looks in vain that is told."""
CoreFactory = Callable[[Callable[[list[Event]], None]], Core]


class CoreEnded(Message):
    """The core was asked to save and to end: it has ended, or `problem` says why not."""

    def __init__(self, problem: str = "") -> None:
        self.problem = problem
        super().__init__()


class LabApp(App[None]):
    """The laboratory."""

    CSS_PATH = "lab.tcss"
    TITLE = "lmlab"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS = {lambda: _commands()}
    BINDINGS: ClassVar[list[BindingType]] = pane_bindings("everywhere")

    def __init__(
        self, config_path: Path | None, core_factory: CoreFactory, runs_folder: Path | None = None, theme: str = ""
    ) -> None:
        super().__init__()
        self.config_path = config_path
        self.desk = Desk(runs_folder)
        self.core = core_factory(self._hear)
        self.budget = RenderBudget()
        self.home = HomeScreen()
        self.typed = TypeAhead(self, lambda: self.home.has_panes)
        self._next_show: Timer | None = None
        self._quiet = 0  # how often the core had said nothing, one look after the other
        self.animation_level = "none"
        for known in THEMES:
            self.register_theme(known)
        self.theme = theme or default_theme(os.environ).name

    @property
    def lab(self) -> LabState:
        """What is known of the core and its run."""
        return self.desk.lab

    def get_default_screen(self) -> Screen[None]:
        """The home screen."""
        return self.home

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The lab's own colours, for themes that do not bring them."""
        return {name: DARK.variables[name] for name in DARK.variables if name.startswith(("plot-", "lab-"))}

    def on_mount(self) -> None:
        """Start the core, and load what needs the schema, once the first frame is on the screen."""
        self.show_state()
        self.call_after_refresh(lambda: self.set_timer(0.01, self._load_the_rest))

        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))  # after fg the terminal is empty
        if not self.is_headless:
            from tui.terminal import listen_to_endings

            listen_to_endings(self.end_by_signal)
            self.set_interval(SECONDS_OF_QUIET, self.look_whether_it_answers)

    def get_driver_class(self) -> type[Driver]:
        """The lab's own, where it knows the system's terminals."""
        if os.name == "nt" or "TEXTUAL_DRIVER" in os.environ:
            return super().get_driver_class()
        from tui.terminal import Terminal

        return Terminal

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and the one that lets text alone reach the terminal."""
        return [*super().get_line_filters(), PLAIN_LINES]

    def panic(self, *renderables: RenderableType) -> None:
        """End after an error that should not be, and remember that it was so."""
        self._return_code = 1
        super().panic(*renderables)

    def thread_broke(self, error: BaseException | None) -> None:
        """Remember an error that no one on a thread of the lab's expected, and say so; the run goes on."""
        if error is not None and not self.desk.leaving.broken:
            trace = "".join(traceback.format_exception(error))
            self.desk.leaving.broken = f"{trace}\n{fault_sentence(error, 'which stands above')}"
            self.call_later(self.tell, fault_sentence(error, "the shell shows it when you quit"), "error")

    async def _load_the_rest(self) -> None:
        """Start the core, and mount the panes that need the schema."""
        self.core.start()
        self.desk.sheet = await self.home.mount_panes(self.config_path, self.desk.given_runs_folder)
        self.show_state()
        self.budget.forgive()

    def end_by_signal(self, number: signal.Signals) -> None:
        """Save and quit without a question."""
        self.carry_out(departure.end_by_signal(self.desk, number))

    async def on_event(self, event: TextualEvent) -> None:
        """Tell the budget of keys and mouse, whose cost is not the drawing's, and take what is typed in turn."""
        if isinstance(event, InputEvent):
            self.budget.forgive()
        if isinstance(event, Key | Paste) and not event.is_forwarded and self.typed.keeps(event):
            return
        await super().on_event(event)

    # The core

    def _hear(self, events: Sequence[Event]) -> None:
        """Called on the client's reader thread."""
        self.post_message(CoreEvents(events))

    def send(self, *commands: Command) -> None:
        """Send commands to the core, if it is there."""
        for command in commands:
            self.desk.sent[type(command).__name__] = command
            try:
                self.core.send(command)
            except RuntimeError as error:
                self.tell(str(error), "error")
                return

    def look_whether_it_answers(self) -> None:
        """Say so once a core that tells of itself each second has said nothing for long. It is counted in looks: the
        lab may have been stopped itself, and finds what was said meanwhile."""
        self._quiet += 1
        if self._quiet == LOOKS and self.lab.core == "ready":
            self.desk.lab = replace(self.lab, is_silent=True)
            self.show_state()
            text = f"The core has said nothing for {SECONDS_OF_QUIET * LOOKS:.0f} seconds: it may be stopped, or wait"
            self.tell(f"{text} for memory or a disk. Training goes on when it does; q saves and quits.", "warning")

    def on_core_events(self, message: CoreEvents) -> None:
        """Advance the state, hand the events down, and show both when the budget allows."""
        before = self.lab
        self._quiet = 0
        self.desk.lab = advance_state(before, message.events)
        self.home.receive_events(message.events)
        for event in message.events:
            self.carry_out(reactions.react(self.desk, event))
        self._follow_run(before)
        for screen in self.screen_stack[1:]:
            if isinstance(screen, Listens):
                screen.receive_events(message.events)
        if any(isinstance(event, reactions.URGENT) for event in message.events):
            self.budget.forgive()
            self.show_state()
            self.budget.forgive()
        elif self._next_show is None:
            self._next_show = self.set_timer(max(0.01, self.budget.seconds_until_due()), self.show_state)

    def _follow_run(self, before: LabState) -> None:
        """Bring changed hooks of the run that is open into the configuration, too."""
        old, run = before.run, self.lab.run
        if self.home.config is None or before.changes == self.lab.changes or old is None or run is None:
            return
        if old.folder == run.folder:
            from tui.desk.hook_changes import follow_run

            self.carry_out(follow_run(self.desk, before.config, self.lab.config))

    def show_state(self) -> None:
        """Give the present state to what is visible."""
        if self._next_show is not None:
            self._next_show.stop()
            self._next_show = None
        self.budget.drawn()
        if not self.home.is_whole:
            return
        config = self.home.config
        running = config.running if config is not None else None
        title = config.path.stem if config is not None and config.path else "lab"
        source = running.dataset.source if running is not None else ""
        with self.batch_update():
            self.home.show(self.lab, title, source, self.desk.waits_to_start)
            if running is not None:
                self.budget.share = running.other.screen_budget
                self.home.loss.set_smoothing(running.other.smoothing)
            if isinstance(self.screen, DrawsLater):
                self.screen.show_received()

    # What is decided

    def carry_out(self, way: Way) -> None:
        """Perform the effects of a decision, up to a question; what follows its answer is performed then."""
        self._go_on(way, None)

    def _go_on(self, way: Way, answer: Any) -> None:
        try:
            effect = way.send(answer)
            while not isinstance(effect, Ask):
                effect = way.send(self._perform(effect))
        except StopIteration:
            return
        self.run_worker(self._ask(way, effect.question))

    async def _ask(self, way: Way, question: Question) -> None:
        self._go_on(way, await ask(self, question, self.home.config))

    def _perform(self, effect: Effect) -> bool | None:
        """Do one thing; False where it was not to be done."""
        config = self.home.config
        match effect:
            case Tell():
                self.tell(effect.text, effect.severity)
            case Send():
                self.send(*effect.commands)
            case Show():
                screen = screen_of(effect.page, self.desk, self.home.loss.records)
                if type(self.screen) is type(screen):
                    return False
                self.push_screen(screen)
                return True
            case Close():
                while self.screen is not self.home and (effect.what == "all" or _is_of_ablations(self.screen)):
                    self.pop_screen()
            case GoToField() if config is not None:
                self.home.focus_pane("config")
                if effect.key:
                    config.go_to(effect.key)
            case SeeLoss() if not self.home.shows_all and self.home.active == "config":
                self.home.focus_pane("loss")
            case Overlay():
                self.home.loss.overlay(effect.folder, True)
            case FollowFile() if config is not None:
                config.follow_file()
            case ChangeText() if config is not None:
                config.change_text(effect.text)
            case Hand():
                self.home.receive_events((effect.event,))
            case Redraw():
                self.show_state()
            case StartCore():
                self.core.restart()
            case EndCore():
                threading.Thread(target=self._end_core, args=(effect,), name="leaving", daemon=True).start()
            case Exit():
                self.exit()
        return None

    def _end_core(self, effect: EndCore) -> None:
        """Called on a thread, so that the screen lives until the core has saved and ended."""
        problem = self.core.ask_to_end(effect.timeout)
        if not effect.must_save or not problem:
            self.core.shut_down(0)
        self.post_message(CoreEnded(problem if effect.must_save else ""))

    def on_core_ended(self, message: CoreEnded) -> None:
        """Take that the core has saved and ended, or could not."""
        self.carry_out(departure.core_ended(self.desk, message.problem))

    # What panes ask for

    def tell(self, text: str, severity: Severity = "information") -> None:
        """Show a sentence as a notice. Plain text."""
        self.notify(shown_text(text), severity=severity, markup=False, timeout=4 if severity == "information" else 8)

    def on_notice(self, message: Notice) -> None:
        """Show a pane's notice."""
        self.tell(message.text, message.severity)

    def on_send_command(self, message: SendCommand) -> None:
        """Pass a pane's command on to the core."""
        self.send(message.command)

    def on_config_edited(self, message: ConfigEdited) -> None:
        """Show the hooks of the configuration as it is now."""
        if self.home.hooks is not None:
            self.home.hooks.take_config(message)

    def on_change_hooks(self, message: ChangeHooks) -> None:
        """Change the hooks of the run, or of the configuration."""
        from tui.desk.hook_changes import change_hooks

        self.carry_out(change_hooks(self.desk, message.hooks))

    def on_new_run(self, message: NewRun) -> None:
        """Start a new run."""
        self.carry_out(runs.new_run(self.desk, message.config_text, message.agreed))

    def on_resume_run(self, message: ResumeRun) -> None:
        """Open a run."""
        self.carry_out(runs.open_run(self.desk, message.folder, message.at, message.train))

    def on_overlay_run(self, message: OverlayRun) -> None:
        """Draw another run's curves."""
        self.home.loss.overlay(message.folder, message.on)

    def on_compare_runs(self, message: CompareRuns) -> None:
        """Show runs beside each other."""
        self.carry_out(runs.compare_runs(message.folders))

    def on_ask_ablation(self, message: AskAblation) -> None:
        """Do what the screens of ablations ask for."""
        from tui.desk import ablations

        self.carry_out(ablations.answer(self.desk, message.what, message.folder))

    def on_show_moments(self, message: ShowMoments) -> None:
        """List the checkpoints of another run."""
        self.carry_out(runs.show_moments(self.desk, message.folder))

    def on_fork_run(self, message: ForkRun) -> None:
        """Fork a run at a step."""
        self.carry_out(runs.fork_run(self.desk, message.folder, message.step, message.name))

    async def on_footer_line_chosen(self, message: FooterLine.Chosen) -> None:
        """Do what a key of the footer does."""
        await self.run_entry(message.entry)

    async def run_entry(self, entry: Entry) -> None:
        """Do what an entry of the table says, in its place."""
        if entry.place == "everywhere":
            await self.run_action(entry.action, default_namespace=self)
        else:
            self.home.focus_pane(entry.place)
            await self.run_action(entry.action, default_namespace=self.home.pane(entry.place))

    # Keys

    def action_start(self) -> None:
        """Start, pause, resume."""
        self.carry_out(run_keys.press_start(self.desk))

    def action_step(self) -> None:
        """Make one step."""
        self.carry_out(run_keys.press_step(self.desk))

    def action_stop(self) -> None:
        """Stop and save."""
        self.carry_out(run_keys.press_stop(self.desk))

    def action_pane(self, place: str) -> None:
        """Go to a pane."""
        self._perform(Close())
        self.home.focus_pane(cast(Place, place))

    def action_next_pane(self) -> None:
        """Go to the next pane."""
        self._perform(Close())
        self.home.focus_next_pane()

    def action_zoom(self) -> None:
        """Zoom the active pane."""
        self._perform(Close())
        self.home.toggle_zoom()

    def action_unzoom(self) -> None:
        """Show all panes again."""
        self.home.toggle_zoom(False)

    def action_runs(self) -> None:
        """List the runs."""
        self._perform(Show("runs"))

    def action_ablations(self) -> None:
        """Show the ablation that goes on, or all."""
        from tui.desk import ablations

        if not any(map(_is_of_ablations, self.screen_stack)):
            self.carry_out(ablations.show(self.desk))

    def action_notes(self) -> None:
        """Edit the notes of the run that is open."""
        self.carry_out(runs.show_notes(self.desk))

    def action_moments(self) -> None:
        """List the moments that one can go back to."""
        self.carry_out(runs.show_moments(self.desk))

    def action_now(self) -> None:
        """Look at the present again."""
        self.carry_out(runs.go_to_present(self.desk))

    def action_log(self) -> None:
        """Show the log."""
        self._perform(Show("log"))

    def action_theme(self) -> None:
        """Take the next theme."""
        theme = next_theme(self.theme)
        self.theme = theme.name
        self.tell(f"Theme: {NAMES[theme.name]}")

    def action_help(self) -> None:
        """Show all keys."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    def action_help_quit(self) -> None:
        """Say which keys quit, where somebody tries the one that quits elsewhere."""
        self.tell("^q quits the lab; F8 stops a run. (^c copies a selected text.)")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a text of several lines ^z takes the last edit back."""
        from textual.widgets import TextArea

        return action != "suspend_process" or not isinstance(self.focused, TextArea)

    async def action_quit(self) -> None:
        """Quit, asking first when a run goes."""
        self.carry_out(departure.quit_lab(self.desk))


def _is_of_ablations(screen: Screen[Any]) -> bool:
    from tui.screens.ablation.listing import AblationsScreen
    from tui.screens.ablation.view import AblationScreen

    return isinstance(screen, AblationScreen | AblationsScreen)


def _commands() -> type:
    from tui.palette import LabCommands

    return LabCommands
