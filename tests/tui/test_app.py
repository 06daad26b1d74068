"""The lab as a person uses it, with a core that a test plays."""

import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lmcore.protocol.messages import (
    CoreDied,
    Evaluation,
    Failed,
    Finished,
    Heartbeat,
    Inspect,
    Inspection,
    LayerStatistics,
    Load,
    LogLine,
    Pause,
    Progress,
    Rejected,
    Resume,
    Start,
    StateChanged,
    Step,
    Stop,
    ValueChanged,
)
from tests.tui.fake_core import READY, FakeCore, layer_rows, metrics_rows, run_info
from tests.tui.test_plain_text import NASTY
from tui.app import LabApp
from tui.bindings import PLACES, TABLE
from tui.desk.departure import last_words
from tui.messages import NewRun, OverlayRun, ResumeRun, SendCommand
from tui.panes.layers import LayersPane
from tui.panes.layers.parameters import ParametersDialog
from tui.screens.help import HelpScreen
from tui.terminal import ENDINGS
from tui.themes import THEMES
from tui.widgets.footer_line import FooterLine
from tui.widgets.plot import Plot
from tui.widgets.status_line import StatusLine

WIDE, NARROW, TINY = (160, 48), (80, 24), (59, 17)

Lab = Pilot[None]


@pytest.fixture(autouse=True)
def a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and histories of these tests go to a folder that is thrown away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@asynccontextmanager
async def open_lab(
    size: tuple[int, int] = WIDE, ready: bool = True, config: Path | None = None
) -> AsyncIterator[tuple[Lab, LabApp, FakeCore]]:
    """The lab with its panes mounted and, if `ready`, a core that has loaded."""
    app = LabApp(config, FakeCore)
    core = app.core
    assert isinstance(core, FakeCore)
    async with app.run_test(size=size) as pilot:
        while app.home.repl is None or app.focused is None:
            await pilot.pause(0.01)
        if ready:
            core.get_ready()
        await pilot.pause()
        yield pilot, app, core


async def until(pilot: Lab, holds: object) -> None:
    """Wait until `holds()` is true."""
    end = time.monotonic() + 60
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come to hold within a minute"
        await pilot.pause(0.01)


async def train(pilot: Lab, core: FakeCore, steps: int = 100, **info: object) -> None:
    """Let a run train, and wait until it is on the screen."""
    app = pilot.app
    assert isinstance(app, LabApp)
    core.push(StateChanged("preparing"), StateChanged("running", 0, 4000, run_info(**info)))  # type: ignore[arg-type]
    core.push(metrics_rows(range(1, steps + 1)), LayerStatistics(steps, layer_rows()), Heartbeat(steps, 2**28))
    await until(pilot, lambda: app.lab.step == steps)
    app.show_state()
    await pilot.pause()


def text_of(app: LabApp) -> str:
    """What is on the screen."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def notices(app: LabApp) -> list[str]:
    return [notification.message for notification in app._notifications]


def shown_panes(app: LabApp) -> list[str | None]:
    return [pane.id for pane in app.home.panes if pane.display]


async def test_the_first_screen_shows_the_configuration_while_the_core_loads() -> None:
    async with open_lab(ready=False) as (_, app, core):
        shown = text_of(app)
        assert "loading the core" in shown and "d_model" in shown and "Press F5 to start training" in shown
        assert core.started == 1 and app.home.config is not None and app.home.config.path is not None
        assert app.home.config.path.stem == "baseline"


async def test_f5_starts_pauses_and_resumes() -> None:
    async with open_lab() as (pilot, app, core):
        await pilot.press("f5")
        (start,) = core.sent(Start)
        assert "learning_rate" in start.config_text and start.name == "baseline" and not start.paused
        core.push(StateChanged("preparing"), Progress("writing tales", 0.4))
        await until(pilot, lambda: "writing tales" in text_of(app) and "40 %" in text_of(app))
        await pilot.press("f5")
        assert len(core.commands) == 1 and "prepared" in notices(app)[-1]
        await train(pilot, core)
        await until(pilot, lambda: "● running" in text_of(app) and "F5 pause" in text_of(app))
        await pilot.press("f5")
        assert isinstance(core.commands[-1], Pause)
        core.push(StateChanged("paused", 100, 4000, run_info()))
        await until(pilot, lambda: "F5 resume" in text_of(app) and "paused" in text_of(app))
        await pilot.press("f5")
        assert isinstance(core.commands[-1], Resume)


async def test_ctrl_z_suspends_but_takes_an_edit_back_in_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    suspended: list[str] = []
    monkeypatch.setattr(LabApp, "action_suspend_process", lambda app: suspended.append(app.home.active))
    async with open_lab() as (pilot, app, _):
        pane = app.home.config
        assert pane is not None
        before = pane.text
        await pilot.press("ctrl+z", "4", "ctrl+z", "f1", "ctrl+z", "escape")
        app.home.focus_pane("config")
        await pilot.press("f3", "x", "ctrl+z")
        assert suspended == ["config", "repl", "repl"] and pane.text == before
        drawn: list[object] = []
        with monkeypatch.context() as patch:
            patch.setattr(app, "refresh", lambda **how: drawn.append(how))
            app.app_resume_signal.publish(app)  # back in front, where the terminal is empty
            await pilot.pause()
        assert {"layout": True} in drawn


async def test_f5_trains_the_file_as_it_is_now_or_says_that_it_does_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("model: {d_model: 64}\n")
    async with open_lab(config=path) as (pilot, app, core):
        pane = app.home.config
        assert pane is not None
        path.write_text("model: {d_model: 128}\n")
        await pilot.press("f5")
        assert "d_model: 128" in core.sent(Start)[-1].config_text
        core.push(StateChanged("idle"))
        pane.set_value("model.d_model", "256")
        path.write_text("model: {d_model: 512}\n")
        await pilot.press("f5")
        assert "d_model: 256" in core.sent(Start)[-1].config_text and "changed on disk" in notices(app)[-1]


async def test_f5_while_the_core_loads_is_remembered() -> None:
    async with open_lab(ready=False) as (pilot, app, core):
        await pilot.press("f5")
        await until(pilot, lambda: "starts as soon as it is ready" in text_of(app))
        assert not core.commands
        core.get_ready()
        await until(pilot, lambda: core.sent(Start))


async def test_f5_twice_while_the_core_loads_changes_its_mind() -> None:
    async with open_lab(ready=False) as (pilot, app, core):
        await pilot.press("f5", "f5")
        core.get_ready()
        await pilot.pause()
        assert not core.sent(Start) and not app.desk.waits_to_start


async def test_f5_with_a_broken_configuration_says_what_is_wrong_and_goes_there() -> None:
    async with open_lab() as (pilot, app, core):
        assert app.home.config is not None
        app.home.config.set_value("model.n_heads", "7")
        await pilot.press("2", "f5")
        await until(pilot, lambda: app.home.active == "config")
        assert not core.commands and "n_heads" in notices(app)[-1] and notices(app)[-1].startswith("Not started. Line")


async def test_f6_makes_a_step_and_f8_stops() -> None:
    async with open_lab() as (pilot, app, core):
        await pilot.press("f6")
        assert [type(command) for command in core.commands] == [Start, Step] and core.sent(Start)[0].paused
        core.push(StateChanged("preparing"), StateChanged("paused", 0, 4000, run_info()))
        await pilot.pause()
        await pilot.press("f6")
        assert core.commands[-1] == Step(1)
        core.push(StateChanged("running", 0, 4000, run_info()))
        await until(pilot, lambda: app.lab.state == "running")
        await pilot.press("f6")
        assert core.commands[-2:] == [Step(1), Step(1)] and not notices(app)
        core.push(StateChanged("paused", 2, 4000, run_info()))
        await until(pilot, lambda: app.lab.state == "paused")
        await pilot.press("f5")
        await train(pilot, core)
        await pilot.press("f6")
        assert core.commands[-1] == Resume() and "pause it first" in notices(app)[-1]
        await pilot.press("f8")
        assert core.commands[-1] == Stop()
        core.push(Finished("run", "stopped", 100), StateChanged("finished", 100, 4000, run_info()))
        await until(pilot, lambda: "■ stopped" in text_of(app))
        assert "stopped and saved at step 100" in notices(app)[-1]
        await pilot.press("f8")
        assert "no run to stop" in notices(app)[-1]


@pytest.mark.parametrize(("size", "panes"), [(WIDE, 4), ((120, 36), 4), ((119, 40), 1), (NARROW, 1)])
async def test_layouts(size: tuple[int, int], panes: int) -> None:
    async with open_lab(size) as (pilot, app, core):
        visible = [pane for pane in app.home.panes if pane.display and pane.size.area]
        assert len(visible) == panes
        await train(pilot, core)
        for key, place in zip("12345", ("config", "loss", "layers", "repl", "hooks"), strict=True):
            app.set_focus(app.home.loss)
            await pilot.press(key)
            await until(pilot, lambda place=place: app.home.active == place)
            pane = app.home.pane(place)  # type: ignore[arg-type]
            assert pane.display and pane.has_focus_within and PLACES[place] in text_of(app)  # type: ignore[index]


async def test_resizing_changes_the_layout_while_it_runs() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.resize_terminal(*TINY)
        await until(pilot, lambda: "needs at least 60 × 18" in text_of(app))
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: "[1 Config]" in text_of(app))
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: shown_panes(app) == ["config", "loss", "layers", "repl"])
        assert "3 Layers" in text_of(app)


async def test_zoom_shows_one_pane_and_all_again() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("2", "z")
        assert shown_panes(app) == ["loss"] and app.home.loss.size.width > 150
        await pilot.press("3")
        assert shown_panes(app) == ["layers"]
        await until(pilot, lambda: "0 attn" in text_of(app))
        await pilot.press("escape")
        assert shown_panes(app) == ["config", "loss", "layers", "repl"]


async def test_letters_and_digits_reach_a_line_that_is_being_typed() -> None:
    async with open_lab() as (pilot, app, _):
        await pilot.press("4")
        await pilot.press("1", "z", "q", "question_mark", "r", "t")
        assert app.home.active == "repl" and app.home.shows_all and app.screen is app.home
        assert app.focused is not None and getattr(app.focused, "value", "") == "1zq?rt"
        await until(pilot, lambda: "F4 zoom" in text_of(app))
        await pilot.press("f4")
        assert not app.home.shows_all
        await pilot.press("f2", "f2")
        assert app.home.active == "config"


async def test_footer_help_and_palette_tell_the_same_table() -> None:
    async with open_lab() as (pilot, app, _):
        await pilot.press("2")
        footer = str(app.screen.query_one(FooterLine).render())
        for entry in TABLE:
            if entry.in_footer and entry.place in ("everywhere", "loss") and entry.action not in ("start", "now"):
                assert entry.label in footer
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        shown = "".join(str(static.render()) for static in app.screen.query("Static"))
        assert all(entry.help in shown for entry in TABLE)
        await pilot.press("escape")
        await pilot.press("ctrl+p")
        await pilot.press(*"smaller part", "enter", "enter")
        await until(pilot, lambda: app.screen is app.home)
        assert app.home.active == "loss"


def test_the_keys_of_one_place_do_not_collide() -> None:
    for place in PLACES:
        keys = [key for entry in TABLE if entry.place == place for key in entry.keys]
        assert len(keys) == len(set(keys))


async def test_the_loss_pane_draws_reads_zooms_and_chooses_metrics() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core, 300)
        core.push(
            Evaluation(300, {"loss/val": 0.4, "perplexity/val": 1.5}), ValueChanged(200, "training.beta1", "0", "1")
        )
        await until(pilot, lambda: "val 0.400" in text_of(app) and "beta1 1" in text_of(app))
        shown = text_of(app)
        assert "floor 0.297" in shown and "◆" in shown and "smoothed 0.95" in shown and "┄ floor" in shown
        await pilot.press("2", "c", "left")
        await until(pilot, lambda: "step 29" in text_of(app))
        await pilot.press("escape", "plus", "plus", "left")
        left, right = app.home.loss.choice.view.window(0, 300)
        assert 0 < left < right < 300
        await pilot.press("0", "x", "y")
        await until(pilot, lambda: "tokens" in text_of(app) and "linear" in text_of(app))
        assert app.home.loss.choice.axis == "tokens" and not app.home.loss.choice.log_y
        await pilot.press("slash", *"perpz", "enter")
        await until(pilot, lambda: "No metric has this in its name" in text_of(app))
        await pilot.press("backspace", "enter")
        await until(pilot, lambda: "perplexity/val 1.50" in text_of(app))
        assert app.home.loss.has_focus


async def test_the_mouse_reads_zooms_and_pans_the_plot() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core, 300)
        plot = app.home.loss.query_one(Plot)
        await pilot.hover(plot, offset=(40, 5))
        await until(pilot, lambda: "smoothed" in text_of(app) and "step 1" in text_of(app))
        app.home.loss.on_plot_zoomed(Plot.Zoomed(150.0, 0.5))
        assert app.home.loss.choice.view.window(0, 300) == (75, 225)
        app.home.loss.on_plot_dragged(Plot.Dragged(0.1))
        assert app.home.loss.choice.view.window(0, 300) == (90, 240)


async def test_another_run_is_drawn_behind(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "other-run"
    folder.mkdir(parents=True)
    rows = [f'{{"step": {s}, "tokens": {s}, "seconds": {s}, "loss/train": 2.0}}\n' for s in range(1, 50)]
    (folder / "metrics.jsonl").write_text("".join(rows))
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        app.post_message(OverlayRun(folder, True))
        await until(pilot, lambda: "a other-run" in text_of(app))
        assert [other.name for other in app.home.loss.records.others] == ["other-run"]
        app.post_message(OverlayRun(folder, False))
        await until(pilot, lambda: "a other-run" not in text_of(app))


async def test_a_drawing_that_comes_while_the_app_closes_is_left_out() -> None:
    async with open_lab() as (_, app, _core):
        await app.home.query_one(StatusLine).remove()
        assert not app.home.is_whole
        app.show_state()


async def test_a_run_that_goes_on_shows_what_it_did_before(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    rows = [f'{{"step": {s}, "tokens": {s}, "seconds": {s}, "loss/train": 2.0}}\n' for s in range(1, 60)]
    (folder / "metrics.jsonl").write_text("".join(rows))
    async with open_lab() as (pilot, app, core):
        core.push(StateChanged("preparing"), StateChanged("paused", 50, 4000, run_info(folder=str(folder))))
        core.push(metrics_rows(range(51, 55)))
        await until(pilot, lambda: app.home.loss.records.history.last_step == 54)
        assert len(app.home.loss.records.history.series["loss/train"]) == 54


async def test_layers_mark_explain_and_open_parameters() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        pane = app.home.query_one(LayersPane)
        core.push(LayerStatistics(120, layer_rows(update_ratio=0.5)))
        await until(pilot, lambda: "▲" in text_of(app))
        await pilot.press("3", "down", "down")
        await until(pilot, lambda: "0 mlp: An update moves" in text_of(app))
        assert pane.cursor == 2
        await pilot.press("enter")
        (inspect,) = core.sent(Inspect)
        assert (inspect.what, inspect.target) == ("parameters", "blocks.0.mlp")
        core.push(Inspection(inspect.request, ("name", "norm"), (("W_in [/ \x1b", 1.25), ("W_out", None))))
        await until(pilot, lambda: isinstance(app.screen, ParametersDialog))
        await until(pilot, lambda: "W_in [/ ␛" in text_of(app) and "1.25" in text_of(app))
        await pilot.press("escape")
        assert app.screen is app.home


async def test_refusals_failures_and_reasons_are_told_as_plain_text() -> None:
    async with open_lab() as (pilot, app, core):
        for nasty in NASTY:
            core.push(Rejected("Stop", nasty), Failed(nasty, "trace"), LogLine(nasty))
            core.push(StateChanged("paused", 0, 2, run_info(title=nasty, name=nasty, folder="runs/x"), reason=nasty))
            await pilot.pause()
            assert "\x1b[2J" not in text_of(app) and "\ud800" not in text_of(app)
        assert len(notices(app)) >= len(NASTY)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.home)
        await pilot.press("l")
        await until(pilot, lambda: app.screen is not app.home and "[b +" in text_of(app))


async def test_what_a_run_warns_of_is_told_while_it_is_prepared_and_trains() -> None:
    async with open_lab() as (pilot, app, core):
        core.push(LogLine("Before a run.", "warning"))
        await pilot.pause()
        core.push(StateChanged("preparing"))
        core.push(LogLine("left out 1 file [b]", "warning"))
        await pilot.pause()
        core.push(StateChanged("running", 0, 2, run_info()))
        await pilot.pause()
        core.push(LogLine("Steps take [/b] long.", "warning"), LogLine("No more than a line."))
        await pilot.pause()
        assert notices(app) == ["left out 1 file [b]", "Steps take [/b] long."]


async def test_a_core_that_died_can_be_restarted_from_the_last_checkpoint() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        core.push(CoreDied(-9, ("its last words",), "runs/x"))
        await until(pilot, lambda: "its last words" in text_of(app))
        assert "the core is gone" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: core.restarts == 1)
        core.get_ready()
        await until(pilot, lambda: core.sent(Load))
        assert core.sent(Load)[0].run == "runs/x"
        core.push(StateChanged("preparing"), StateChanged("paused", 50, 4000, run_info()))
        await until(pilot, lambda: core.sent(Resume))


async def test_a_core_that_says_nothing_is_told_of_until_it_does() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        app.look_whether_it_answers()
        core.push(Heartbeat(101, 2**28))
        await until(pilot, lambda: app.lab.step == 101)
        for _ in range(3):
            assert not app.lab.is_silent
            app.look_whether_it_answers()
        await pilot.pause()
        assert "the core does not answer   step 101" in text_of(app) and "said nothing for 15 s" in notices(app)[-1]
        core.push(StateChanged("running", 102, 4000, run_info()))
        await until(pilot, lambda: "● running" in text_of(app))


async def test_quitting_asks_while_a_run_goes() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("2", "q")
        await until(pilot, lambda: "is going" in text_of(app))
        await pilot.press("escape")
        assert app.screen is app.home and not core.is_shut_down
        await pilot.press("ctrl+q")
        await until(pilot, lambda: "is going" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: core.is_shut_down)


async def test_a_run_that_cannot_be_saved_is_not_left_without_a_word() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        core.push(StateChanged("paused", 100, 4000, run_info(), reason="The disk is full."))
        await until(pilot, lambda: "paused: The disk is full." in text_of(app))
        assert any("disk is full" in line.text for line in app.lab.log)
        core.problem = "Cannot write metrics.jsonl: the disk is full."
        await pilot.press("2", "q")
        await until(pilot, lambda: "cannot be saved: Cannot write metrics.jsonl" in text_of(app))
        await pilot.press("escape")
        assert app.screen is app.home and not core.is_shut_down and last_words(app.desk, app.return_code) == (0, "")
        await pilot.press("q")
        await until(pilot, lambda: "Try again" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Try again" in text_of(app))
        await pilot.press("y")
        await until(pilot, lambda: app._exit)
        status, words = last_words(app.desk, app.return_code)
        assert status == 1 and "could not be saved" in words and "lmcore resume" not in words  # its folder is gone
        Path(run_info().folder).mkdir(parents=True)
        assert last_words(app.desk, app.return_code)[1].endswith(f"with: lmcore resume {run_info().name}")


async def test_a_signal_saves_and_quits_without_a_question() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        Path(run_info().folder).mkdir(parents=True)
        assert signal.SIGINT in ENDINGS
        app.end_by_signal(signal.SIGHUP)
        app.end_by_signal(signal.SIGHUP)
        await until(pilot, lambda: app._exit and core.is_shut_down)
        status, words = last_words(app.desk, app.return_code)
        assert status == 129 and words.startswith("Ended by SIGHUP.") and "is saved at step 100. Go on" in words


async def test_ctrl_c_says_what_quits() -> None:
    async with open_lab() as (pilot, app, _):
        for place in ("2", "4"):
            await pilot.press("f2" if place == "4" else place, "ctrl+c")
        assert any("^q quits" in notice for notice in notices(app))


async def test_an_error_on_a_thread_is_told_and_not_forgotten() -> None:
    async with open_lab() as (pilot, app, _):
        app.thread_broke(RuntimeError("[/b] oh"))
        await until(pilot, lambda: any("RuntimeError: [/b] oh" in notice for notice in notices(app)))
        assert last_words(app.desk, app.return_code)[0] == 1


async def test_a_lab_that_broke_says_how_the_run_goes_on() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        Path(run_info().folder).mkdir(parents=True)
        app._return_code = 1  # as after an error that should not be
        assert last_words(app.desk, app.return_code) == (
            0,
            f"The run goes on from its last checkpoint with: lmcore resume {run_info().name}",
        )


async def test_quitting_without_a_run_just_quits() -> None:
    async with open_lab() as (pilot, app, core):
        await pilot.press("2", "q")
        await until(pilot, lambda: core.is_shut_down)
        assert app.screen is app.home


async def test_unsaved_changes_are_not_lost_by_quitting() -> None:
    async with open_lab() as (pilot, app, core):
        assert app.home.config is not None
        app.home.config.set_value("training.max_steps", "7")
        await pilot.press("2", "q")
        await until(pilot, lambda: "not saved" in text_of(app))
        await pilot.press("n")
        assert app.screen is app.home and not core.is_shut_down


async def test_a_new_run_ends_the_one_that_goes_only_after_a_question() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        app.post_message(NewRun("other:\n  name: anew\n"))
        await until(pilot, lambda: "Stop it and start anew" in text_of(app))
        assert not core.commands
        await pilot.press("y")
        await until(pilot, lambda: len(core.commands) == 2)
        assert isinstance(core.commands[0], Stop) and isinstance(core.commands[1], Start)


async def test_a_new_run_that_was_agreed_to_is_not_asked_for_again() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        app.post_message(NewRun("other:\n  name: anew\n", agreed=True))
        await until(pilot, lambda: len(core.commands) == 2)
        assert isinstance(core.commands[0], Stop) and isinstance(core.commands[1], Start)


async def test_opening_a_run_loads_it_and_trains_on_if_asked(tmp_path: Path) -> None:
    async with open_lab() as (pilot, app, core):
        app.post_message(ResumeRun(tmp_path, "last", train=True))
        await until(pilot, lambda: core.sent(Load))
        assert core.sent(Load) == [Load(str(tmp_path.resolve()), "last")] and not core.sent(Stop)
        core.push(StateChanged("preparing"), StateChanged("paused", 50, 100, run_info()))
        await until(pilot, lambda: core.sent(Resume))


async def test_commands_of_panes_reach_the_core_and_its_absence_is_told() -> None:
    async with open_lab() as (pilot, app, core):
        app.home.loss.post_message(SendCommand(Pause()))
        await until(pilot, lambda: core.commands == [Pause()])

        def refuse(command: object) -> None:
            raise RuntimeError("The core is not running; start it again first.")

        core.send = refuse  # type: ignore[method-assign]
        await pilot.press("2", "f5")
        assert "not running" in notices(app)[-1]


async def test_themes_change_and_all_of_them_draw() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("2")
        names = [app.theme]
        for _ in THEMES:
            await pilot.press("t")
            await pilot.pause()
            names.append(app.theme)
            assert "2 Loss" in text_of(app)
        assert set(names) == {theme.name for theme in THEMES} and names[0] == names[-1]


async def test_telemetry_is_drawn_when_due_and_hidden_panes_wait() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("3", "z")
        loss_state = app.home.loss.lab
        app.budget.interval = 3600.0
        app.budget.drawn()
        core.push(metrics_rows(range(101, 120)))
        await until(pilot, lambda: app.lab.step == 119)
        await pilot.pause()
        assert app.home.query_one(LayersPane).lab.step == 100
        core.push(StateChanged("paused", 119, 4000, run_info()))
        await until(pilot, lambda: app.home.query_one(LayersPane).lab.step == 119)
        assert app.home.loss.lab is loss_state
        await pilot.press("z")
        assert app.home.loss.lab.step == 119


async def test_a_status_that_says_the_same_is_not_drawn_again() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        line = app.home.query_one(StatusLine)
        drawn: list[int] = []
        line.refresh = lambda *_, **__: drawn.append(1)  # type: ignore[method-assign, assignment]
        app.show_state()
        assert not drawn
        core.push(READY)
        await until(pilot, lambda: drawn)
