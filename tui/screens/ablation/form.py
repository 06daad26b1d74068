"""The form of a new ablation: arms one at a time, judged as one types; seeds, steps, a name; what it would cost."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Key
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lmcore.experiments.ablation.plan import Ablation
from tui.dialogs.dialog import Dialog, paragraph
from tui.lab.ablation_draft import Baseline, Draft, DraftError, arm_of, forecast, plan_of, sentence_of
from tui.panes.config.reading import Reading
from tui.plain_text import shown_text
from tui.screens.ablation.offers import Offer, offers, row_of
from tui.widgets.option_arrows import move_while_typing

_JUDGE_AFTER = 0.08
"""Seconds of quiet after which what is typed is judged."""


class ChangeLine(Input):
    """The change that is being typed. What enter does is done before the next key is heard, however fast it comes."""

    def __init__(self, take: Callable[[], None]) -> None:
        super().__init__(placeholder="type a key, such as training.optimizer", id="change", compact=True)
        self._take = take

    async def action_submit(self) -> None:
        """Take what was typed."""
        self._take()


class ArmList(OptionList):
    """The arms that were added; d takes one away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("d,delete,backspace", "screen.remove", "Remove", show=False)]


class AblationForm(Dialog[Draft]):
    """Fill in an ablation. Dismissed with the draft when it can be carried out."""

    DEFAULT_CSS = """
    AblationForm > Vertical { width: 104; }
    AblationForm .line { height: 1; width: 100%; }
    AblationForm .line Static { width: 9; color: $text-muted; }
    AblationForm .line:focus-within Static { color: $foreground; text-style: bold; }
    AblationForm .line Input { width: 1fr; }
    AblationForm .short { max-width: 20; }
    AblationForm #change-line { margin-top: 1; }
    AblationForm #judgement { height: 2; width: 100%; padding-left: 9; color: $text-muted; }
    AblationForm #judgement.-wrong { color: $text-warning; }
    AblationForm OptionList {
        border: none; background: transparent; scrollbar-size-vertical: 1; scrollbar-background: $surface;
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    AblationForm #offers, AblationForm #arms { padding: 0 0 0 9; }
    AblationForm #offers { height: 9; }
    AblationForm #arms-head { height: 1; width: 100%; margin-top: 1; color: $text-muted; }
    AblationForm #arms { height: auto; max-height: 8; }
    AblationForm #numbers { height: 1; width: 100%; margin-top: 1; }
    AblationForm #forecast { height: auto; width: 100%; margin-top: 1; color: $text-muted; }
    AblationForm #forecast.-wrong { color: $text-warning; }
    AblationForm.-low > Vertical { padding: 0 2; }
    AblationForm.-low #change-line, AblationForm.-low #arms-head, AblationForm.-low #numbers,
    AblationForm.-low #forecast { margin-top: 0; }
    AblationForm.-low #offers { height: 4; }
    AblationForm.-low #arms { max-height: 3; }
    """

    VERTICAL_BREAKPOINTS = [(0, "-low"), (36, "-high")]

    title_text = "New ablation"
    hint = "tab next · ↑↓ pick · enter adds · d takes away · esc cancels"
    choices = (("cancel", "Cancel"), ("yes", "Start"))

    def __init__(
        self,
        baseline: Baseline,
        reading: Reading,
        draft: Draft,
        cores: int,
        read_rate: Callable[[], float | None],
        problem: str = "",
    ) -> None:
        """`read_rate` says how fast training is (see `forecast`), on a thread; `problem`: why an earlier try failed."""
        super().__init__()
        self.baseline = baseline
        self.reading = reading
        self.first = draft
        self.changes: list[str] = list(draft.changes)
        self.cores = cores
        self.problem = problem
        self._read_rate = read_rate
        self._rate: float | None = None
        self._offered: list[Offer] = []
        self._judging: Timer | None = None

    def body(self) -> ComposeResult:
        """The baseline, the change that is typed, the arms, the numbers, and what it would come to."""
        yield paragraph(
            f"The baseline is {self.baseline.source} as it stands in the configuration pane. Each arm changes one "
            "value of it.",
            "note",
        )
        with Horizontal(id="change-line", classes="line"):
            yield Static("change", markup=False)
            yield ChangeLine(self._take_change)
        yield Static(id="judgement", markup=False)
        yield OptionList(id="offers", markup=False, compact=True)
        yield Static(id="arms-head", markup=False)
        yield ArmList(id="arms", markup=False, compact=True)
        steps = str(self.reading.config.training.max_steps) if self.reading.config is not None else ""
        with Horizontal(id="numbers"):
            for name, value, empty in (("seeds", self.first.seeds, ""), ("steps", self.first.steps, steps)):
                with Horizontal(classes="line short"):
                    yield Static(name, markup=False)
                    yield Input(shown_text(value, one_line=True), placeholder=empty, id=name, compact=True)
            with Horizontal(classes="line"):
                yield Static("name", markup=False)
                yield Input(shown_text(self.first.name, one_line=True), id="name", compact=True)
        yield Static(id="forecast", markup=False)

    def on_mount(self) -> None:
        """List the keys, and begin to find out how fast training is."""
        self.query_one("#offers").can_focus = False
        self._show_arms()
        self._offer()
        self._say_about()
        self._show_forecast()
        self.run_worker(self._measure, thread=True)

    def first_focus(self) -> Widget:
        """The change."""
        return self.query_one("#change", Input)

    @property
    def draft(self) -> Draft:
        """What the form holds."""
        return Draft(tuple(self.changes), *(self._value(name).strip() for name in ("seeds", "steps", "name")))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what the lines come to."""
        if event.input.id == "change":
            self._offer()
            self._say_about()
        if self._value("change") or self.draft != self.first:
            self.problem = ""
        if self._judging is not None:
            self._judging.stop()
        self._judging = self.set_timer(_JUDGE_AFTER, self._judge)

    def on_key(self, event: Key) -> None:
        """In the line of the change the arrows go through what is offered, and take what they come to."""
        options = self.query_one("#offers", OptionList)
        if move_while_typing(event, self.query_one("#change"), options):
            self._pick(options.highlighted or 0)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take what was clicked."""
        event.stop()
        if event.option_list.id == "offers":
            self._pick(event.option_index)
            self.set_focus(self.query_one("#change"))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Start."""
        self._accept()

    def action_remove(self) -> None:
        """Take the arm under the cursor away."""
        index = self.query_one("#arms", OptionList).highlighted
        if index is not None and index < len(self.changes):
            del self.changes[index]
            self._show_arms()
            self._judge()
            if not self.changes:
                self.set_focus(self.query_one("#change"))

    def choose(self, choice: str) -> None:
        """Start, or cancel."""
        if choice == "yes":
            self._accept()
        else:
            self.dismiss(None)

    # The change that is being typed

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value

    def _pick(self, index: int) -> None:
        line = self.query_one("#change", Input)
        with self.prevent(Input.Changed):
            line.value = self._offered[index].text
        line.cursor_position = len(line.value)
        self._say_about()
        self._judge()

    def _take_change(self) -> None:
        """Add the arm; complete a key that is not whole; go on where nothing is typed."""
        typed = self._value("change").strip()
        if not typed:
            self.set_focus(self.query_one("#seeds"))
        elif "=" not in typed:
            self._take_key()
        else:
            self._add()

    def _take_key(self) -> None:
        """Complete the key to the one that is highlighted, or to the first."""
        if self._offered:
            index = self.query_one("#offers", OptionList).highlighted or 0
            self.query_one("#change", Input).value = self._offered[index].text
            self.query_one("#change", Input).cursor_position = len(self._value("change"))

    def _offer(self) -> None:
        self._offered = offers(self._value("change"), self.reading)
        width = max([0, *(len(offer.text) for offer in self._offered)])
        options = self.query_one("#offers", OptionList)
        options.clear_options()
        options.add_options(
            [
                Option(Content.assemble(f"{offer.text:<{width}}   ", (shown_text(offer.about, one_line=True), "dim")))
                for offer in self._offered
            ]
        )

    def _judge(self) -> None:
        """Say whether the change can be an arm, and what the whole would come to."""
        self._judging = None
        if not self.is_attached:
            return
        typed = self._value("change").strip()
        if "=" in typed and typed.partition("=")[2].strip():
            try:
                arm_of(self.baseline, tuple(self.changes), typed)
            except ValueError as error:
                self._say(f"▲ {sentence_of(error)}", is_wrong=True)
            else:
                self._say("✓ one change: enter adds it as an arm")
        self._show_forecast()

    def _say_about(self) -> None:
        """What the field of the change is, and what it may be."""
        typed = self._value("change").strip()
        row = row_of(typed, self.reading)
        if row is None:
            none = "no field that the model learns differently from has this in its name" if typed else ""
            self._say(none if not self._offered else "")
            return
        choices = f" ({' · '.join(row.shape.choices)})" if row.shape.choices else ""
        self._say(f"now {row.value}{choices}. {row.description}")

    def _say(self, text: str, is_wrong: bool = False) -> None:
        judgement = self.query_one("#judgement", Static)
        judgement.set_class(is_wrong, "-wrong")
        judgement.update(Content(shown_text(text, one_line=True)), layout=False)

    def _add(self) -> None:
        line = self.query_one("#change", Input)
        try:
            arm_of(self.baseline, tuple(self.changes), line.value.strip())
        except ValueError as error:
            self._say(f"▲ {sentence_of(error)}", is_wrong=True)
            return
        self.changes.append(line.value.strip())
        line.value = ""
        self._show_arms()

    # The whole

    def _show_arms(self) -> None:
        head = "arms     none yet: the first one is typed above" if not self.changes else "arms"
        self.query_one("#arms-head", Static).update(Content(head))
        arms = self.query_one("#arms", OptionList)
        arms.can_focus = bool(self.changes)
        arms.clear_options()
        for number, change in enumerate(self.changes, 1):
            row = row_of(change, self.reading)
            was = f"   now {row.value}" if row is not None else ""
            arms.add_option(
                Option(Content.assemble(f"{number} {shown_text(change, one_line=True)}", (shown_text(was), "dim")))
            )

    def _plan(self) -> Ablation:
        return plan_of(self.baseline, self.draft)

    def _show_forecast(self) -> None:
        line = self.query_one("#forecast", Static)
        text, is_wrong = self.problem, bool(self.problem)
        if not text:
            try:
                plan = self._plan()
            except DraftError as error:
                text, is_wrong = str(error), error.field != "change" or bool(self.changes)
            else:
                text = forecast(plan, self.cores, self._rate)
                self.query_one("#name", Input).placeholder = plan.name
        line.set_class(is_wrong, "-wrong")
        line.update(Content(shown_text(f"▲ {text}" if is_wrong else text)))

    def _measure(self) -> None:
        rate = self._read_rate()
        self.app.call_later(self._take_rate, rate)

    def _take_rate(self, rate: float | None) -> None:
        if self.is_attached:
            self._rate = rate
            self._show_forecast()

    def _accept(self) -> None:
        """End with the draft, or go to the line that cannot stand. A change that is typed is added first."""
        if self._value("change").strip():
            self._add()
            if self._value("change").strip():
                self.set_focus(self.query_one("#change"))
                return
        try:
            self._plan()
        except DraftError as error:
            self.set_focus(self.query_one(f"#{error.field}"))
            self._show_forecast()
            return
        self.dismiss(self.draft)
