"""The REPL as a person uses it: asking, streaming, cancelling, settings, loading, the timeline; all text is plain."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.events import Key, Paste
from textual.message import Message
from textual.pilot import Pilot

from lmcore.config import template
from lmcore.experiments.runs.samples import Sample, append_sample
from lmcore.protocol.messages import (
    Cancel,
    Command,
    CoreDied,
    DescribeHooks,
    Evaluation,
    Event,
    Generate,
    GenerationDone,
    Rejected,
    StateChanged,
    Token,
)
from tests.tui.fake_core import READY, change_of, hook_description, run_info
from tui.lab.state import LabState, advance_state
from tui.messages import ResumeRun, SendCommand
from tui.panes.repl import ReplPane
from tui.panes.repl.prompt_history import PromptHistory
from tui.panes.repl.prompt_line import CompletionList, PromptLine
from tui.panes.repl.timeline import MomentList
from tui.panes.repl.transcript import Transcript

SIZE = (100, 24)


class Bench(App[None]):
    """An app with nothing but the pane; keeps what the pane tells."""

    CSS = "ReplPane { border: round $primary; height: 1fr; }"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.pane = ReplPane(folder / "runs", PromptHistory(folder / "prompts.jsonl"))
        self.commands: list[Command] = []
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.pane

    def on_mount(self) -> None:
        self.pane.focus()

    def on_send_command(self, message: SendCommand) -> None:
        self.commands.append(message.command)

    def on_resume_run(self, message: ResumeRun) -> None:
        self.told.append(message)

    @property
    def asked(self) -> Generate:
        """The last Generate."""
        return [command for command in self.commands if isinstance(command, Generate)][-1]


def lab(state: str = "running", text: str = "", events: Sequence[Event] = ()) -> LabState:
    run = run_info(config_text=text or template())
    opened = StateChanged(state, step=1240, max_steps=4000, run=run)  # type: ignore[arg-type]
    return advance_state(LabState(), [READY, opened, *events])


def screen_text(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def enter(pilot: Pilot[None], app: Bench, line: str) -> None:
    app.pane.query_one(PromptLine).value = line
    await pilot.press("enter")
    await pilot.pause()


async def test_an_answer_streams_in_and_ends_with_its_numbers(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "One morning, Lily")
        asked = app.asked
        assert (asked.prompt, asked.temperature, asked.max_tokens, asked.seed) == ("One morning, Lily", 0.8, 300, 0)
        app.pane.receive_events([Token(asked.request, " went")])
        await pilot.pause()
        assert "One morning, Lily went▌" in screen_text(app)
        app.pane.receive_events([Token(asked.request, " to"), Token(asked.request + 999, "NOT MINE")])
        app.pane.receive_events(
            [Token(asked.request, " the forest."), GenerationDone(asked.request, "length", 4, 0.02)]
        )
        await pilot.pause()
        shown = screen_text(app)
        assert "One morning, Lily went to the forest." in shown and "NOT MINE" not in shown and "▌" not in shown
        assert "4 tokens · 200 tok/s · length limit · step 1,240" in shown
        assert app.pane.answers.requests == ()


@pytest.mark.parametrize("state", ["running", "paused", "finished"])
async def test_any_model_can_be_asked(tmp_path: Path, state: str) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab(state)
        await enter(pilot, app, "Lily")
        assert app.asked.prompt == "Lily"


async def test_enter_on_an_empty_line_asks_nothing_and_ends_no_answer(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "Lily")
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert len(app.commands) == 1 and len(app.pane.page.entries) == 2


async def test_what_is_typed_after_enter_is_the_next_line(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        line = app.pane.query_one(PromptLine)
        for key in (*"abc", "enter", *"def"):  # in one go: nothing is handled in between
            line.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        assert app.asked.prompt == "abc" and line.value == "def"


async def test_each_answer_has_its_own_ending_below_it(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "one")
        first = app.asked.request
        await enter(pilot, app, "two")
        app.pane.receive_events([Token(first, " day"), GenerationDone(first, "cancelled", 7, 0.0)])
        app.pane.receive_events([Rejected("Generate", "too long", app.asked.request)])
        page = app.pane.page.plain_text
        assert page == "› one\none day\n7 tokens · cancelled · step 1,240\n\n› two\ntwo\n▲ too long\n"
        app.pane.answers.begin(999, "gone")
        app.pane.page.entries.clear()
        app.pane.receive_events([GenerationDone(999, "length", 1, 0.0)])
        assert app.pane.page.plain_text == ""


async def test_without_a_model_it_says_how_to_get_one(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = advance_state(LabState(), [READY, StateChanged("idle")])
        await pilot.pause()
        assert "F5" in screen_text(app) and "no model yet" in screen_text(app)
        await enter(pilot, app, "hello")
        assert not app.commands and "There is no model yet: F5 starts one" in screen_text(app)
        app.pane.lab = lab("preparing")
        await enter(pilot, app, "hello")
        assert "being prepared" in screen_text(app)


async def test_escape_cancels_and_a_new_prompt_replaces_the_old(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "one")
        first = app.asked.request
        await pilot.press("escape")
        assert app.commands[-1] == Cancel(first)
        app.pane.receive_events([GenerationDone(first, "cancelled", 0, 0.0)])
        await enter(pilot, app, "two")
        await enter(pilot, app, "three")
        assert isinstance(app.commands[-2], Cancel) and app.asked.prompt == "three"
        await pilot.pause()
        assert "cancelled" in screen_text(app)


async def test_refusals_failures_and_a_dead_core_close_the_answer(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        for number, end in enumerate(("rejected", "failed", "died")):
            await enter(pilot, app, f"prompt {number}")
            request = app.asked.request
            events: dict[str, Event] = {
                "rejected": Rejected("Generate", "the prompt is too [/ long", request),
                "failed": GenerationDone(request, "failed", 0, 0.0, "not a number"),
                "died": CoreDied(-9),
            }
            app.pane.receive_events([Token(request, "half"), events[end]])
            await pilot.pause()
            assert app.pane.answers.requests == ()
        shown = screen_text(app)
        assert "too [/ long" in shown and "not a number" in shown and "The core is gone" in shown
        assert shown.count("half") == 3


async def test_settings_are_visible_and_changed_by_commands(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    text = template().replace("temperature: 0.8", "temperature: 0.5")
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab(text=text)
        await pilot.pause()
        assert "temperature 0.5 · top-k off" in screen_text(app)
        for line in ("/top_k 40", "/seed 7", "/max 50", "/stop \n"):
            await enter(pilot, app, line)
        assert 'temperature 0.5 · top-k 40 · top-p 1 · 50 tokens · stop "\\n" · seed 7' in screen_text(app)
        await enter(pilot, app, "hello")
        asked = app.asked
        assert (asked.top_k, asked.seed, asked.max_tokens, asked.stop, asked.temperature) == (40, 7, 50, "\n", 0.5)
        await enter(pilot, app, "/temperature -3")
        assert "at least 0" in screen_text(app) and app.pane.settings.temperature == 0.5
        await enter(pilot, app, "/nonsense")
        assert "There is no command /nonsense" in screen_text(app)
        await enter(pilot, app, "/greedy")
        await enter(pilot, app, "/again")
        assert app.asked.prompt == "hello" and app.asked.temperature == 0.0 and app.asked.seed == 8
        await enter(pilot, app, "/reset")
        changed = change_of(app.pane.lab, "sampling.temperature", "0.7")
        app.pane.lab = advance_state(app.pane.lab, [changed])
        assert app.pane.settings.temperature == 0.7 and app.pane.settings.top_k == 0


async def test_commands_complete_with_tab_and_the_arrows(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await pilot.press(*"/te", "tab")
        line = app.pane.query_one(PromptLine)
        assert line.value == "/temperature " and line.has_focus
        assert app.pane.query_one(CompletionList).display and "Divides the logits" in screen_text(app)
        line.value = ""
        await pilot.press(*"/t")
        await pilot.press("down", "tab")
        assert line.value == "/top_k "
        await pilot.press("4", "0", "enter")
        assert app.pane.settings.top_k == 40 and not app.pane.query_one(CompletionList).display


async def test_history_is_on_the_arrows_and_kept_between_starts(tmp_path: Path) -> None:
    for start in range(2):
        app = Bench(tmp_path)
        async with app.run_test(size=SIZE) as pilot:
            app.pane.lab = lab()
            line = app.pane.query_one(PromptLine)
            if start == 0:
                await enter(pilot, app, "first")
                await enter(pilot, app, "/t")
            await pilot.press("x")
            values = []
            for key in ("up", "up", "up", "down", "down"):
                await pilot.press(key)
                values.append(line.value)
            assert values == ["/t", "first", "first", "/t", "x"]


async def test_pasted_lines_stay_lines(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        line = app.pane.query_one(PromptLine)
        line.value = "away"
        line.select_all()
        line.post_message(Paste("ROMEO:\r\nWhat\tlight⏎\\n\r"))
        await pilot.pause()
        assert "› ROMEO:⏎What⇥light⏎\\n⏎" in screen_text(app)
        await pilot.click(line, offset=(12, 0))
        assert line.cursor_position == line.value.index("light")
        await pilot.press("end", "ctrl+j", "enter")
        assert app.asked.prompt == "ROMEO:\nWhat\tlight⏎\\n\n\n"


WEIRD = [
    "[/",
    "[b +",
    "[red]x[/red]",
    "\x1b[2J",
    "\ud800",
    "森の中",
    "🎉👩‍👩‍👧",
    "\x00\x07\r",
    "\u202e",
    "a\tb",
    "é" * 300,
]


async def test_weird_text_is_shown_as_text(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=(60, 40)) as pilot:
        events = [Evaluation(n, {}, sample=text, prompt=text) for n, text in enumerate(WEIRD, 1)]
        app.pane.lab = lab(events=events)
        for text in WEIRD:
            await enter(pilot, app, text)
            app.pane.receive_events([Token(app.asked.request, piece) for piece in (text, text)])
            app.pane.receive_events([GenerationDone(app.asked.request, text, 1, 0.1, text)])
            await pilot.press("up")
            await pilot.pause()
            shown = screen_text(app)
            assert "\x1b" not in shown and "\ud800" not in shown and "\x07" not in shown
        page = app.pane.page.plain_text
        assert "[/[/[/" in page and "[red]x[/red]" in page and "␛[2J" in page and "森の中" in page
        await pilot.press("ctrl+t", *["up"] * len(WEIRD))
        assert "\x1b" not in screen_text(app)


async def test_streaming_writes_seldom_and_the_page_is_bounded(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "go")
        request = app.asked.request
        written = 0
        append = Transcript.append

        def counted(*arguments: object) -> None:
            nonlocal written
            written += 1
            append(*arguments)  # type: ignore[arg-type]

        app.pane.page.append = counted.__get__(app.pane.page)  # type: ignore[method-assign, attr-defined]
        for _ in range(500):
            app.pane.receive_events([Token(request, "word ")])
        assert written == 1
        while app.pane._write_timer is not None:
            await asyncio.sleep(0.01)
        assert written == 2 and app.pane.page.plain_text.count("word") == 500
        for _ in range(30):
            app.pane.receive_events([Token(request, "x\n" * 500)])
            app.pane.answers.write()
        assert len(app.pane.page._rows) <= 6000
        app.pane.receive_events([GenerationDone(request, "length", 1, 1.0)])
        await enter(pilot, app, "/clear")
        assert app.pane.page.plain_text == ""


async def test_the_page_stays_where_one_reads(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "/help")
        await enter(pilot, app, "/help")
        await pilot.press("pageup")
        await pilot.pause()
        place = app.pane.page.scroll_offset.y
        assert place < app.pane.page.max_scroll_y
        await enter(pilot, app, "go")
        app.pane.page.scroll_to(y=place, animate=False)
        await pilot.pause()
        app.pane.receive_events([Token(app.asked.request, "line\n" * 5)])
        await pilot.pause()
        assert app.pane.page.scroll_offset.y == place


async def test_the_timeline_shows_what_was_said_at_each_evaluation(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    append_sample(folder / "samples.jsonl", Sample(250, "One day, ", "the the"))
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        state = StateChanged(
            "running", step=600, max_steps=4000, run=run_info(folder=str(folder), config_text=template())
        )
        app.pane.lab = advance_state(LabState(), [READY, state])
        await app.workers.wait_for_complete()
        app.pane.lab = advance_state(
            app.pane.lab, [Evaluation(500, {"loss/val": 0.5}, sample="Tom went home.", prompt="One day, ")]
        )
        await pilot.pause()
        assert "at step 500 it said: One day, Tom went home." in screen_text(app)
        await pilot.press("ctrl+t")
        moments = app.pane.query_one(MomentList)
        assert [moment.step for moment in moments.moments] == [250, 500] and moments.has_focus and moments.cursor == 1
        await pilot.press("up")
        await pilot.pause()
        assert "evaluation 1 of 2" in screen_text(app)
        app.pane.lab = advance_state(app.pane.lab, [Evaluation(750, {"loss/val": 0.4}, sample="x", prompt="y")])
        assert len(moments.moments) == 3 and moments.cursor == 0
        await pilot.press("escape")
        assert app.pane.query_one(PromptLine).has_focus and not app.pane.has_class("-timeline")


async def test_load_opens_any_run_at_any_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "20260102-030405-baseline-1a2b3c4d"
    (folder / "checkpoints").mkdir(parents=True)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        for line in ("/load base best", "/load nothing", "/load base soon"):
            await enter(pilot, app, line)
            await app.workers.wait_for_complete()
            await pilot.pause()
        (told,) = app.told
        assert isinstance(told, ResumeRun) and (told.folder, told.at, told.train) == (folder, "best", False)
        shown = screen_text(app)
        assert "There is no run 'nothing'" in shown and "takes a step, best or last" in shown


async def test_copy_and_save(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "/copy")
        assert "no answer to copy" in screen_text(app)
        await enter(pilot, app, "Lily")
        app.pane.receive_events([Token(app.asked.request, " ran."), GenerationDone(app.asked.request, "stop", 1, 0.1)])
        await enter(pilot, app, "/copy")
        assert app.clipboard == "Lily ran."
        await enter(pilot, app, f"/save {tmp_path / 'page.txt'}")
        assert "Lily ran." in (tmp_path / "page.txt").read_text()


async def test_hooks_of_answers_go_along_with_each_question_until_they_are_off(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "/hook")
        assert "No hooks act on answers." in screen_text(app)
        await enter(pilot, app, "/hook zero blocks.1.attn.hook_z heads=[2]")
        assert "1. zero blocks.1.attn.hook_z heads=[2]" in screen_text(app)
        assert "seed 0 · hook zero" in screen_text(app)
        await enter(pilot, app, "Lily")
        declared = "{kind: forward, use: zero, at: blocks.1.attn.hook_z, with: {heads: [2]}}"
        assert app.asked.hooks == (declared,)
        await enter(pilot, app, "/hook noise")
        assert "Say what and where" in screen_text(app)
        await enter(pilot, app, "/hook off")
        await enter(pilot, app, "Lily")
        assert app.asked.hooks == () and "hook zero" not in str(app.pane.border_title)


async def test_hook_lines_are_completed_from_what_the_model_has(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await pilot.press(*"/hook z")
        await pilot.pause()
        (asked,) = [command for command in app.commands if isinstance(command, DescribeHooks)]
        app.pane.receive_events([hook_description(asked.request)])
        await pilot.pause()
        assert "Put zero in the place of an activation" in screen_text(app)
        await pilot.press("tab", *"1.attn.hook_z", "tab", "tab", *"[2]", "enter")
        await pilot.pause()
        assert [hook.typed for hook in app.pane.hooks] == ["zero blocks.1.attn.hook_z heads=[2]"]


@pytest.mark.parametrize("width", [100, 56])
async def test_ab_answers_twice_with_one_seed_and_marks_the_first_difference(tmp_path: Path, width: int) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=(width, 30)) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "/ab Lily")
        assert "nothing to compare" in screen_text(app)
        await enter(pilot, app, "/hook zero blocks.1.attn.hook_z")
        await enter(pilot, app, "/seed 7")
        await enter(pilot, app, "/ab Lily")
        without, with_zero = [command for command in app.commands if isinstance(command, Generate)]
        assert (without.hooks, without.seed, with_zero.seed, len(with_zero.hooks)) == ((), 7, 7, 1)
        a, b = without.request, with_zero.request
        app.pane.receive_events([Token(a, " ran"), Token(a, " home."), GenerationDone(a, "length", 2, 0.1)])
        app.pane.receive_events([Token(b, " ran"), Token(b, " away."), GenerationDone(b, "length", 2, 0.1)])
        await pilot.pause()
        shown = screen_text(app)
        assert 'Token 2 is the first that differs: " home."' in shown and app.pane.answers.requests == ()
        beside = [line for line in shown.splitlines() if "Lily ran home." in line and "Lily ran away." in line]
        assert bool(beside) == (width == 100)
        await enter(pilot, app, "/copy")
        assert app.clipboard == "Lily ran away."


async def test_one_of_two_answers_may_fail(tmp_path: Path) -> None:
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = lab()
        await enter(pilot, app, "/hook zero blocks.9.hook_z")
        await enter(pilot, app, "/ab Lily")
        a, b = [command.request for command in app.commands if isinstance(command, Generate)]
        app.pane.receive_events([GenerationDone(b, "failed", 0, 0.0, "no hook point is called blocks.9.hook_z")])
        app.pane.receive_events([Token(a, " ran."), CoreDied(1)])
        await pilot.pause()
        shown = " ".join(screen_text(app).replace("│", " ").split())
        assert "no hook point is called blocks.9" in shown and "the answer ends here" in shown
        assert app.pane.answers.requests == ()
