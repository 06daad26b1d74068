"""The REPL pane: ask the present model, read its answer as it comes, scroll through what it said while it learned."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click, Resize
from textual.reactive import reactive
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from lmcore.config import SamplingConfig
from lmcore.experiments.runs.listing import RunError, find_run, read_samples, run_names
from lmcore.places import at_home
from lmcore.protocol.messages import Cancel, DescribeHooks, Event, Generate, HookDescription
from tui.bindings import pane_bindings
from tui.lab.state import LabState
from tui.messages import ResumeRun, SendCommand, next_request
from tui.panes.repl import export
from tui.panes.repl.answers import Answers
from tui.panes.repl.commands import COMMANDS, CommandError, ReplCommand, completions, parse
from tui.panes.repl.hooks import AnswerHook, HookLineError, label, listed, parse_hook
from tui.panes.repl.prompt_history import PromptHistory
from tui.panes.repl.prompt_line import CompletionList, PromptLine, as_line, as_prompt
from tui.panes.repl.settings import NAMES, SettingError, changed, described, with_overrides
from tui.panes.repl.timeline import Moment, MomentList, Timeline, merged
from tui.panes.repl.transcript import Transcript
from tui.plain_text import shown_text

_WRITE_EVERY = 0.08
"""Seconds between two writings of streamed text to the page."""


class ReplPane(Widget):
    """Talks to the model through the app; all of its text is plain text."""

    DEFAULT_CSS = """
    ReplPane {
        layout: vertical; padding: 0 1; border-subtitle-color: $text-muted;
        #latest { height: 1; color: $text-muted; }
        #prompt-row { height: 1; background: $surface; }
        #prompt-mark { width: 2; height: 1; color: $text-primary; text-style: bold; }
        #prompt { width: 1fr; }
        Timeline { display: none; }
        &.-timeline Timeline { display: block; }
        &.-timeline Transcript { display: none; }
        &.-timeline #latest { display: none; }
        &.-low #latest { display: none; }
    }
    """

    BORDER_TITLE = "4 REPL"

    BINDINGS: ClassVar[list[BindingType]] = pane_bindings("repl")

    lab: reactive[LabState] = reactive(LabState(), init=False, repaint=False)

    def __init__(
        self, runs_folder: Path = Path("runs"), history: PromptHistory | None = None, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.runs_folder = runs_folder
        self.history = history or PromptHistory()
        self.base = SamplingConfig()
        self.overrides: dict[str, object] = {}
        self.page = Transcript()
        self.answers = Answers(self.page)
        self.run_names: tuple[str, ...] = ()
        self.hooks: tuple[AnswerHook, ...] = ()
        self.described: HookDescription | None = None
        self._describing = 0  # the request whose answer describes the run's hooks
        self._stored: tuple[Moment, ...] = ()
        self._last_prompt: str | None = None
        self._titles = ("", "")
        self._write_timer: Timer | None = None

    @property
    def settings(self) -> SamplingConfig:
        """How the next answer is drawn."""
        return with_overrides(self.base, self.overrides)

    @property
    def moments(self) -> tuple[Moment, ...]:
        """All evaluations of the open run that are known: those on disk, and those of this session."""
        here = (Moment(e.step, e.prompt, e.sample, e.metrics.get("loss/val")) for e in self.lab.samples)
        return merged(self._stored, here)

    def use_settings(self, settings: SamplingConfig) -> None:
        """Take the settings of a configuration; what the person has changed here stays."""
        self.base = settings
        self._show_titles()

    def compose(self) -> ComposeResult:
        """The page, the timeline, the latest sample, the line to write in."""
        yield self.page
        yield Timeline()
        yield Static(id="latest", markup=False)
        yield CompletionList()
        with Horizontal(id="prompt-row"):
            yield Static("› ", id="prompt-mark", markup=False)
            yield PromptLine(self.history)

    def on_mount(self) -> None:
        """Say what is needed to begin."""
        self._show_lab()

    def focus(self, scroll_visible: bool = True) -> "ReplPane":
        """Give the line (or the open timeline) the focus."""
        target: Widget = self.query_one(MomentList) if self.has_class("-timeline") else self.query_one(PromptLine)
        self.screen.set_focus(target, scroll_visible)  # at once: the next key may be on its way already
        return self

    def on_resize(self, event: Resize) -> None:
        """Shorten the titles where there is little room."""
        self.set_class(event.size.height < 9, "-low")
        self._show_titles()
        self._show_latest()

    def watch_lab(self, old: LabState, new: LabState) -> None:
        """Follow the run: its sampling settings, its samples, its step."""
        if old.config != new.config and new.config is not None:
            self.base = new.config.sampling
        if (old.run and old.run.folder) != (new.run and new.run.folder):
            self._stored, self.described, self._describing = (), None, 0
            if new.run is not None:
                self.run_worker(lambda: self._read_samples(Path(new.run.folder)), thread=True, group="samples")
        has_new_samples = old.samples is not new.samples
        if has_new_samples or (old.core, old.state, old.run) != (new.core, new.state, new.run) or not new.is_training:
            self._show_lab(has_new_samples)

    def receive_events(self, events: Sequence[Event]) -> None:
        """Take the tokens of answers; they are written to the page at most twelve times a second."""
        for event in events:
            if isinstance(event, HookDescription) and event.request == self._describing:
                self.described = event
                self._complete()
        if self.answers.receive(events, self.lab.seen_step) and self._write_timer is None:
            self.answers.write()
            self._write_timer = self.set_timer(_WRITE_EVERY, self._write)

    def on_prompt_line_asked(self, event: PromptLine.Asked) -> None:
        """Carry out a command, or ask the model."""
        event.stop()
        line = event.line
        if line.startswith("/") and not line.startswith("//"):
            self.history.add(line)
            self._command(line)
        else:
            self.history.add(line)
            self._ask(as_prompt(line), line)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Offer completions for a command."""
        event.stop()
        self._complete()

    def _complete(self) -> None:
        line = self.query_one(PromptLine)
        if line.value.startswith("/hook ") and not self._describing and self.lab.has_model:
            self._describing = next_request()
            self.post_message(SendCommand(DescribeHooks(self._describing)))
        if line.value.startswith("/load") and not self.run_names:
            self.run_worker(self._read_run_names, thread=True, group="names", exclusive=True)
        found = [] if line.is_recalled else completions(line.value, self.run_names, self.described)
        if found != line.completions:
            line.offer(found)
        self.query_one(CompletionList).show(found, line.chosen)

    def on_click(self, event: Click) -> None:
        """Open the timeline from the latest sample; otherwise go to the line."""
        if event.widget is not None and event.widget.id == "latest":
            self.action_timeline()

    def action_timeline(self) -> None:
        """Show the fixed prompt's timeline, or the page again."""
        self.toggle_class("-timeline")
        if self.has_class("-timeline"):
            self.query_one(Timeline).show(self.moments)
        self.focus()

    def action_clear(self) -> None:
        """Empty the page."""
        self.page.clear()

    def action_cancel(self) -> None:
        """End the answer that is being made; else leave the timeline; else empty the line."""
        line = self.query_one(PromptLine)
        if self.answers.requests:
            for request in self.answers.requests:
                self.post_message(SendCommand(Cancel(request)))
        elif self.has_class("-timeline"):
            self.action_timeline()
        else:
            line.value = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the pane's only while there is something to leave."""
        if action == "cancel" and self.is_attached:
            has_text = bool(self.query_one(PromptLine).value)
            return bool(self.answers.requests) or self.has_class("-timeline") or has_text
        return True

    def action_page(self, by: int) -> None:
        """Scroll the page."""
        if by < 0:
            self.page.scroll_page_up(animate=False)
        else:
            self.page.scroll_page_down(animate=False)

    def _ask(self, prompt: str, line: str) -> None:
        self.page.add("prompt", shown_text(line, one_line=True))
        if self._may_ask(prompt):
            request = next_request()
            self.answers.begin(request, prompt)
            self._generate(request, prompt, self.hooks)

    def _compare(self, prompt: str) -> None:
        """Ask twice with one seed: without the hooks of answers, and with them."""
        if not self.hooks:
            raise CommandError("There is nothing to compare yet: /hook FUNCTION PLACE declares a hook for answers.")
        if self._may_ask(prompt):
            without, with_hooks = next_request(), next_request()
            self.answers.begin_pair(without, with_hooks, prompt, " and ".join(hook.typed for hook in self.hooks))
            self._generate(without, prompt, ())
            self._generate(with_hooks, prompt, self.hooks)

    def _may_ask(self, prompt: str) -> bool:
        """Whether there is a model; what it is still answering is cancelled."""
        if not self.lab.has_model:
            self.page.add("problem", f"{self._why_no_model()}\n")
            return False
        for request in self.answers.requests:
            self.post_message(SendCommand(Cancel(request)))
        self._last_prompt = prompt
        return True

    def _generate(self, request: int, prompt: str, hooks: Sequence[AnswerHook]) -> None:
        settings = {name: getattr(self.settings, name) for name in NAMES}
        declared = tuple(hook.declaration for hook in hooks)
        self.post_message(SendCommand(Generate(request, prompt, **settings, hooks=declared)))

    def _hook(self, argument: str) -> None:
        """Declare a hook for answers, take them away, or list them."""
        if argument == "off":
            self.hooks = ()
        elif argument:
            self.hooks = (*self.hooks, parse_hook(argument, self.described))
        self.page.add("note", f"{listed(self.hooks)}\n")

    def _command(self, line: str) -> None:
        self.page.add("prompt", shown_text(line, one_line=True))
        try:
            command, argument = parse(line)
            self._carry_out(command, argument)
        except (CommandError, HookLineError, SettingError) as error:
            self.page.add("problem", f"{error}\n")
        self._show_titles()

    def _carry_out(self, command: ReplCommand, argument: str) -> None:
        if command.is_setting:
            self.overrides[command.name] = getattr(changed(self.settings, command.name, argument), command.name)
            self.page.add("note", f"{described(self.settings, 1000)}\n")
            return
        match command.name:
            case "greedy":
                self.overrides["temperature"] = 0.0
                self.page.add("note", f"{described(self.settings, 1000)}\n")
            case "reset":
                self.overrides.clear()
                self.page.add("note", f"{described(self.settings, 1000)}\n")
            case "again":
                self._ask_again()
            case "hook":
                self._hook(argument)
            case "ab":
                self._compare(argument)
            case "load":
                part, _, at = argument.partition(" ")
                self.run_worker(lambda: self._find_run(part, at.strip() or "last"), thread=True, group="load")
            case "timeline":
                self.action_timeline()
            case "copy":
                self.page.add("note", f"{export.copy(self.app, self.answers.last_answer)}\n")
            case "save":
                self.page.add("note", f"{export.save(at_home(argument), self.page.plain_text)}\n")
            case "clear":
                self.page.clear()
            case _:
                self._help()

    def _ask_again(self) -> None:
        if self._last_prompt is None:
            raise CommandError("Nothing was asked yet.")
        self.overrides["seed"] = self.settings.seed + 1
        self._ask(self._last_prompt, as_line(self._last_prompt))

    def _help(self) -> None:
        width = max(len(f"/{command.name} {command.takes}") for command in COMMANDS)
        lines = [f"{f'/{command.name} {command.takes}':{width}}  {command.help}" for command in COMMANDS]
        keys = "↑↓ earlier prompts · tab completes · esc cancels · ^t timeline · ^j new line · pgup pgdn"
        self.page.add("note", "\n".join([*lines, "", keys, ""]))

    def _write(self) -> None:
        self._write_timer = None
        self.answers.write()

    def _read_samples(self, folder: Path) -> None:
        try:
            samples = read_samples(folder)
        except RunError:
            return  # a run that has no samples yet
        found = tuple(Moment(sample.step, sample.prompt, sample.text) for sample in samples)
        self.app.call_later(self._take_samples, folder, found)

    def _take_samples(self, folder: Path, found: tuple[Moment, ...]) -> None:
        if self.lab.run is not None and Path(self.lab.run.folder) == folder:
            self._stored = found
            self._show_lab(has_new_samples=True)

    def _read_run_names(self) -> None:
        try:
            self.run_names = tuple(run_names(self.runs_folder))
        except RunError:
            return  # without names there is nothing to complete; /load says what is wrong

    def _find_run(self, part: str, at: str) -> None:
        try:
            folder = find_run(self.runs_folder, part)
        except RunError as error:
            self.app.call_later(self.page.add, "problem", f"{error}\n")
            return
        if at not in ("best", "last") and not at.isdecimal():
            self.app.call_later(self.page.add, "problem", f"/load RUN takes a step, best or last, not {at}.\n")
            return
        self.app.call_later(self.page.add, "note", f"Loading {folder.name} at {at} …\n")
        self.post_message(ResumeRun(folder, at))

    def _why_no_model(self) -> str:
        if self.lab.core == "starting":
            return "The core is still loading; ask again in a moment."
        if self.lab.core == "dead":
            return "The core is gone: there is no model to ask."
        if self.lab.state == "preparing":
            return "The run is being prepared; ask again in a moment."
        return "There is no model yet: F5 starts one, and it can be asked from its first step on. Or /load a run."

    def _show_lab(self, has_new_samples: bool = False) -> None:
        if not self.children:
            return
        if self.lab.has_model:
            lines = ["Ask the model: write a beginning, it goes on.", "", "/ for settings and commands"]
        else:
            lines = ["No model yet.", "", "F5 starts one; ask it while it learns.", "/load RUN asks an earlier one."]
        self.page.say_when_empty(lines)
        if has_new_samples and self.has_class("-timeline"):
            self.query_one(Timeline).show(self.moments)
        self._show_titles()
        self._show_latest()

    def _show_latest(self) -> None:
        moments = self.moments
        line = Content("")
        if moments:
            last = moments[-1]
            text = shown_text(last.prompt + last.text, one_line=True)
            line = Content(f"at step {last.step:,} it said: {text}").truncate(max(10, self.size.width), ellipsis=True)
        self.query_one("#latest", Static).update(line, layout=False)

    def _show_titles(self) -> None:
        room = max(20, self.size.width - 16)
        hooks = label(self.hooks)
        settings = described(self.settings, room - len(hooks) - 3) + (f" · {hooks}" if hooks else "")
        title, subtitle = f"4 REPL ── {settings}", self._model_name()
        if (title, subtitle) != self._titles:
            self._titles = (title, subtitle)
            self.border_title = Content(title)
            self.border_subtitle = Content(subtitle)

    def _model_name(self) -> str:
        if self.lab.core == "dead":
            return "the core is gone"
        if not self.lab.has_model or self.lab.run is None:
            return "no model yet"
        name = shown_text(self.lab.run.title or self.lab.run.name, one_line=True)
        return f"{name}, training" if self.lab.is_training else f"{name} at step {self.lab.seen_step:,}"
