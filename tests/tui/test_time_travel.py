"""Going back in the lab: the list of moments, panes that follow, the way back, and forks."""

from pathlib import Path

import pytest
from textual.widgets import Input, Static

from lmcore.protocol.messages import (
    Evaluation,
    Fork,
    HookStatistics,
    LayerStatistics,
    ListMoments,
    Load,
    MomentList,
    MomentRecord,
    Rejected,
    Resume,
    Rewind,
    SetValue,
    StateChanged,
    Step,
    Stop,
    ValueChanged,
)
from tests.tui.fake_core import HOOKS, FakeCore, hook_rows, layer_rows, metrics_rows, run_info
from tests.tui.test_app import Lab, a_folder_of_its_own, notices, open_lab, text_of, train, until  # noqa: F401
from tests.tui.test_plain_text import NASTY
from tests.tui.test_runs_screen import make_run
from tui.app import LabApp
from tui.dialogs.fork import ForkDialog, problem_with, says
from tui.lab.history import History
from tui.lab.state import LOOKING_BACK, LabState, advance_state
from tui.messages import ForkRun, ShowMoments
from tui.screens.moments import MomentRow, MomentsScreen, rows_of
from tui.widgets.footer_line import FooterLine
from tui.widgets.status_line import StatusLine

RATE_THEN, RATE_NOW = "2e-3", "5e-4"
CONFIG = "training: {learning_rate: 5e-4}\nother: {name: baseline}\n" + HOOKS
CONFIG_THEN = CONFIG.replace(RATE_NOW, RATE_THEN).replace("enabled: false", "enabled: true")


@pytest.fixture(autouse=True)
def asks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of moments asks again only when a test has it ask."""
    monkeypatch.setattr("tui.screens.moments.ASK_AGAIN", 3600.0)


def layers(step: int) -> LayerStatistics:
    """Norms that tell their step."""
    return LayerStatistics(step, layer_rows(update_ratio=step / 1e5))


def moment(step: int = 40) -> MomentRecord:
    """An earlier moment with values, norms and hooks of its own."""
    from lmcore.protocol.messages import LayerStatistics

    return MomentRecord(step, "memory", CONFIG_THEN, LayerStatistics(step, layers(step).rows), hook_rows(step))


async def train_with_hooks(pilot: Lab, core: FakeCore) -> None:
    """A run with hooks at step 100, paused."""
    await train(pilot, core, config_text=CONFIG)
    core.push(HookStatistics(100, hook_rows(1240)), layers(100), StateChanged("paused", 100, 4000, run(), begun=True))
    await pilot.pause()


def run() -> object:
    """The run that is open."""
    return run_info(config_text=CONFIG)


def look(core: FakeCore, step: int = 40, reason: str = "") -> None:
    """Let the core say that one looks at an earlier step."""
    core.push(StateChanged("paused", 100, 4000, run(), reason, begun=True, moment=moment(step)))  # type: ignore[arg-type]


def test_the_state_says_what_one_looks_at() -> None:
    state = advance_state(LabState(), [StateChanged("paused", 100, 4000, run_info(), begun=True, moment=moment())])
    assert (state.step, state.seen_step, state.shows_run) == (100, 40, True)
    assert state.has_begun  # whatever step a fork begins at
    state = advance_state(state, [StateChanged("running", 100, 4000, run_info())])
    assert (state.moment, state.seen_step) == (None, 100)


async def test_every_pane_follows_to_the_moment_and_back() -> None:
    async with open_lab() as (pilot, app, core):
        await train_with_hooks(pilot, core)
        await pilot.press("1")
        assert "at step 100" in text_of(app) and "looking back" not in text_of(app)
        look(core, 40, "Training is paused while you look back.")
        await until(pilot, lambda: "looking back" in text_of(app))
        shown = text_of(app)
        assert "◂ looking back at step 40 of 100 / 4,000" in str(app.screen.query_one(StatusLine).render())
        assert "n goes to the present" in shown and "◂ you look here" in shown
        assert "2 Loss ── at step 40  train 1.33" in shown  # not the latest
        assert "3 Layers ── update ratio · at step 40" in shown and "4.0e-4" in shown
        assert "baseline at step 40" in shown  # whom the REPL asks
        assert "n now" in str(app.screen.query_one(FooterLine).render())
        assert any("paused while you look back" in notice for notice in notices(app))
        config = app.home.config
        assert config is not None and config.running is not None
        assert config.running.training.learning_rate == 2e-3
        await pilot.press("5")
        await until(pilot, lambda: "5 Hooks ── 3 of 3 on · at step 40" in text_of(app))

        core.push(StateChanged("paused", 100, 4000, run(), begun=True))
        await until(pilot, lambda: "looking back" not in text_of(app))
        shown = text_of(app)
        assert "5 Hooks ── 2 of 3 on" in shown and "you look here" not in shown
        assert config.running.training.learning_rate == 5e-4
        await pilot.press("3")
        await until(pilot, lambda: "3 Layers ── update ratio · at step 100" in text_of(app))
        assert "n now" not in str(app.screen.query_one(FooterLine).render())


async def test_a_moment_before_the_first_norms_says_so() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        early = MomentRecord(3, "beginning", "", None, ())
        core.push(StateChanged("paused", 100, 4000, run_info(), moment=early))
        await until(pilot, lambda: "No norms were measured up to step 3." in text_of(app))
        core.push(StateChanged("paused", 100, 4000, run_info()))
        await until(pilot, lambda: app.lab.moment is None)
        await until(pilot, lambda: "at step 100" in text_of(app))
        assert "No norms were measured" not in text_of(app)


@pytest.mark.parametrize("size", [(160, 48), (80, 24)])
async def test_the_list_of_moments_leads_to_one(size: tuple[int, int]) -> None:
    async with open_lab(size) as (pilot, app, core):
        await train(pilot, core)
        core.push(Evaluation(50, {"loss/val": 1.234}), ValueChanged(97, "training.learning_rate", "1e-3", "5e-4"))
        await pilot.pause()
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, MomentsScreen))
        asked = core.sent(ListMoments)[-1]
        assert asked.run == ""
        moments = ((0, "beginning"), (50, "checkpoint"), (96, "memory"), (98, "memory"), (99, "memory"))
        core.push(MomentList(asked.request, 100, moments))  # type: ignore[arg-type]
        await until(pilot, lambda: "the present" in text_of(app))
        shown = text_of(app)
        for part in ("the beginning", "checkpoint", "memory", "1.23", "learning_rate 5e-4", "enter look"):
            assert part in shown
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "4 steps before the present" in text_of(app))
        assert "Training is paused while you look" in text_of(app)
        count = len(core.sent(ListMoments))
        assert isinstance(app.screen, MomentsScreen)
        app.screen._ask_again()  # nothing moves under the cursor
        await pilot.pause()
        assert len(core.sent(ListMoments)) == count
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.home)
        assert core.sent(Rewind) == [Rewind(96, nearest=True)]


async def test_the_list_follows_a_run_that_trains_while_one_stands_on_the_present() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, MomentsScreen))
        assert isinstance(app.screen, MomentsScreen) and len(core.sent(ListMoments)) == 1
        app.screen._ask_again()
        await until(pilot, lambda: len(core.sent(ListMoments)) == 2)
        core.push(MomentList(core.sent(ListMoments)[-1].request, 120, ((0, "beginning"), (119, "memory"))))
        await until(pilot, lambda: "119" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.home)
        assert core.sent(Rewind) == [Rewind()]


async def test_without_a_run_or_a_core_there_is_a_sentence() -> None:
    async with open_lab(ready=False) as (pilot, app, core):
        await pilot.press("m")
        await until(pilot, lambda: any("not ready yet" in notice for notice in notices(app)))
        core.get_ready()
        await until(pilot, lambda: app.lab.core == "ready")
        await pilot.press("m", "n")
        await until(pilot, lambda: len(notices(app)) >= 3)
        assert any("no run to go back in yet" in notice for notice in notices(app))
        assert any("look at the present already" in notice for notice in notices(app))
        assert not core.sent(ListMoments) and not core.sent(Rewind)


async def test_keys_while_one_looks_back() -> None:
    async with open_lab() as (pilot, app, core):
        await train_with_hooks(pilot, core)
        look(core)
        await until(pilot, lambda: app.lab.moment is not None)
        await pilot.press("4", "n", "ctrl+n")  # n is typed into the prompt
        assert core.sent(Rewind) == [Rewind()]
        await pilot.press("f6", "f5")
        assert core.sent(Step) == [Step(1)] and core.sent(Resume) == [Resume()]
        app.home.focus_pane("hooks")
        await pilot.press("space")
        await until(pilot, lambda: LOOKING_BACK in notices(app))
        config = app.home.config
        assert config is not None
        config.set_value("evaluation.interval", "7")
        await pilot.press("1", "a")
        await until(pilot, lambda: notices(app).count(LOOKING_BACK) == 2)
        assert not core.sent(SetValue)


async def test_the_cursor_of_the_loss_leads_to_its_step() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("2", "enter")
        await until(pilot, lambda: any("Put the cursor on a step first" in notice for notice in notices(app)))
        await pilot.press("c", "left", "left", "left")
        await until(pilot, lambda: "enter looks at the model there" in text_of(app))
        await pilot.press("enter")
        (command,) = core.sent(Rewind)
        assert command.nearest and command.step is not None and 90 <= command.step < 100


async def test_a_fork_takes_one_change_that_is_checked_as_one_types() -> None:
    async with open_lab() as (pilot, app, core):
        await train_with_hooks(pilot, core)
        app.post_message(ForkRun(Path(run_info().folder), 40, "base[/]line"))
        await until(pilot, lambda: isinstance(app.screen, ForkDialog))
        await until(pilot, lambda: "of base[/]line," in text_of(app) and "stopped and saved" in text_of(app))
        line = app.screen.query_one(Input)
        line.value = "training.learning_rat=1"
        await until(pilot, lambda: "did you mean" in str(app.screen.query_one("#verdict", Static).render()))
        await pilot.press("enter")
        assert isinstance(app.screen, ForkDialog) and not core.sent(Fork)
        line.value = "training.learning_rate=3e-3"
        await until(pilot, lambda: "0.0005 → 0.003" in str(app.screen.query_one("#verdict", Static).render()))
        assert "▲" not in str(app.screen.query_one("#verdict", Static).render())  # nothing is wrong with it
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.home)
        (command,) = core.sent(Fork)
        assert (command.at, command.changes) == ("40", (("training.learning_rate", "3e-3"),))
        assert command.run == str(Path(run_info().folder).resolve())
        assert not core.sent(Stop)  # the core saves and stops the parent itself


async def test_a_fork_without_a_change_and_one_given_up() -> None:
    async with open_lab() as (pilot, app, core):
        await train_with_hooks(pilot, core)
        await pilot.press("m")
        await until(pilot, lambda: len(core.sent(ListMoments)) == 1)
        core.push(MomentList(core.sent(ListMoments)[-1].request, 100, ((99, "memory"),)))
        await until(pilot, lambda: "99" in text_of(app))
        await pilot.press("down", "f")
        await until(pilot, lambda: isinstance(app.screen, ForkDialog))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.home)
        assert not core.sent(Fork)
        app.post_message(ForkRun(Path(run_info().folder), 99, "baseline"))
        await until(pilot, lambda: isinstance(app.screen, ForkDialog))
        await pilot.press("enter")
        await until(pilot, lambda: len(core.sent(Fork)) == 1)
        assert core.sent(Fork)[0].changes == ()


@pytest.mark.parametrize("size", [(160, 48), (80, 24)])
async def test_a_fork_may_take_the_weights_alone(size: tuple[int, int]) -> None:
    async with open_lab(size) as (pilot, app, core):
        await train_with_hooks(pilot, core)
        app.post_message(ForkRun(Path(run_info().folder), 40, "baseline"))
        await until(pilot, lambda: isinstance(app.screen, ForkDialog))
        await until(pilot, lambda: "Weights only" in text_of(app) and "begins at step 0" in text_of(app))
        await pilot.press(*"training.max_steps=50", "tab", "tab", "enter")
        await until(pilot, lambda: len(core.sent(Fork)) == 1)
        (command,) = core.sent(Fork)
        assert (command.at, command.changes, command.from_weights) == ("40", (("training.max_steps", "50"),), True)


async def test_another_run_is_opened_or_forked_at_one_of_its_checkpoints(tmp_path: Path) -> None:
    other = make_run(tmp_path, "20260103-muon-ab12", NASTY)
    async with open_lab() as (pilot, app, core):
        await train_with_hooks(pilot, core)
        for key in ("enter", "f"):
            app.post_message(ShowMoments(other))
            await until(pilot, lambda: isinstance(app.screen, MomentsScreen))
            await until(pilot, lambda: len(core.sent(ListMoments)) % 2 == 0)  # again, once its curves are read
            asked = core.sent(ListMoments)[-1]
            assert asked.run == str(other)
            core.push(MomentList(asked.request, None, ((0, "beginning"), (120, "checkpoint"))))
            await until(pilot, lambda: "1.25" in text_of(app))
            await pilot.press(key)
            if key == "enter":
                await until(pilot, lambda: len(core.sent(Load)) == 1)
        assert core.sent(Load) == [Load(str(other), "120")]
        assert core.sent(Stop) == [Stop()]
        await until(pilot, lambda: isinstance(app.screen, ForkDialog))
        await pilot.press("enter")
        await until(pilot, lambda: len(core.sent(Fork)) == 1)
        assert core.sent(Fork) == [Fork(str(other), "120")]


async def test_the_list_of_runs_leads_to_the_checkpoints_of_one(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", "20260103-muon-ab12", "muon")
    async with open_lab() as (pilot, app, core):
        await pilot.press("r")
        await until(pilot, lambda: "muon" in text_of(app))
        await pilot.press("m")
        await until(pilot, lambda: "Checkpoints of 20260103-muon-ab12" in text_of(app))
        assert {asked.run for asked in core.sent(ListMoments)} == {str(run)}


async def test_what_the_core_refuses_stands_in_the_list() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("m")
        await until(pilot, lambda: core.sent(ListMoments))
        core.push(Rejected("ListMoments", f"That cannot be: {NASTY}", core.sent(ListMoments)[-1].request))
        await until(pilot, lambda: "That cannot be" in text_of(app))
        assert isinstance(app, LabApp) and "\x1b" not in text_of(app)


def test_a_line_tells_what_was_changed_before_the_next() -> None:
    history = History()
    history.append(metrics_rows(range(1, 21)).rows)
    history.put(10, {"loss/val": 3.5})
    changes = [
        ValueChanged(10, "training.learning_rate", "1e-3", "3e-3"),
        ValueChanged(15, "training.weight_decay", "0.1", "0"),
    ]
    rows = rows_of(MomentList(1, 20, ((0, "beginning"), (10, "checkpoint"), (18, "memory"))), history, changes)
    assert [(row.step, row.changes) for row in rows] == [
        (20, ()),
        (18, ()),
        (10, ("learning_rate 3e-3", "weight_decay 0")),
        (0, ()),
    ]
    assert rows[2].losses == (pytest.approx(4 / 1.5), 3.5) and rows[3].losses == (None, None)
    assert [cell.plain for cell in MomentRow(3, "memory", None, 1.5, ()).cells(True)] == ["◂", "3", "memory", "–",
                                                                                         "1.50", ""]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("", ""),
        ("training.learning_rate=3e-3", ""),
        ("hooks.0.enabled=false", ""),
        ("learning_rate", "Write it as key=value"),
        ("=3", "Write it as key=value"),
        ("training.learning_rate=fast", "learning_rate"),
        ("training.warmup_steps=999999", "warmup_steps"),
        ("nothing.at.all=1", "nothing"),
    ],
)
def test_a_change_is_judged_in_a_sentence(change: str, problem: str) -> None:
    found = problem_with(CONFIG, change)
    assert problem in found and bool(found) == bool(problem)


def test_a_change_says_what_it_comes_to() -> None:
    assert says(CONFIG, "training.learning_rate=3e-3") == "training.learning_rate: 0.0005 → 0.003"
    assert says(CONFIG, "training.learning_rate=5e-4") == "training.learning_rate is 0.0005 already."
    assert "warmup_steps is 2 instead of 100" in says(CONFIG, "training.max_steps=50")
