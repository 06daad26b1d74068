"""A new run that makes several changes at once: the lab asks why, and shows for ever that it was so."""

from pathlib import Path

import pytest

from lmcore.config import set_in_text, template
from lmcore.protocol.messages import Fork, ReasonWanted, Rejected, Start, StateChanged, Step
from tests.tui.fake_core import run_info
from tests.tui.test_app import a_folder_of_its_own as a_folder_of_its_own
from tests.tui.test_app import notices, open_lab, text_of, until
from tui.dialogs import ReasonDialog

CHANGES = ("model.norm layernorm → rmsnorm", "training.optimizer adamw → muon")
WANTED = ReasonWanted("Start", "its baseline [/b]", CHANGES)


@pytest.mark.parametrize("size", [(160, 48), (80, 24)])
async def test_a_reason_starts_the_run_after_all(size: tuple[int, int]) -> None:
    async with open_lab(size) as (pilot, app, core):
        await pilot.press("f5")
        start = core.sent(Start)[-1]
        core.push(WANTED)
        await until(pilot, lambda: isinstance(app.screen, ReasonDialog))
        await pilot.pause()
        shown = text_of(app)
        assert "its baseline [/b]" in shown and "• training.optimizer adamw → muon" in shown and "Start it so" in shown
        await pilot.press("enter")  # nothing is not a reason
        assert isinstance(app.screen, ReasonDialog)
        await pilot.press(*"speed", "enter")
        await until(pilot, lambda: len(core.sent(Start)) == 2)
        assert core.sent(Start)[-1].confounded == "speed"
        assert core.sent(Start)[-1].config_text == start.config_text


async def test_without_a_reason_nothing_starts() -> None:
    async with open_lab() as (pilot, app, core):
        await pilot.press("f6")
        core.push(WANTED, Rejected("Step", "There is no run yet."))
        await until(pilot, lambda: isinstance(app.screen, ReasonDialog))
        await pilot.press("escape")
        await until(pilot, lambda: bool(notices(app)))
        assert notices(app) == ["Not started: more than one change against its baseline [/b]."]
        assert [type(command) for command in core.commands] == [Start, Step]


async def test_the_first_step_and_a_fork_wait_for_the_reason_too() -> None:
    async with open_lab() as (pilot, app, core):
        await pilot.press("f6")
        core.push(WANTED, Rejected("Step", "There is no run yet."))
        await until(pilot, lambda: isinstance(app.screen, ReasonDialog))
        await pilot.press("x", "enter")
        await until(pilot, lambda: [type(command) for command in core.commands[2:]] == [Start, Step])
        app.send(Fork("parent", "5", (("model.norm", "rmsnorm"),)))
        core.push(ReasonWanted("Fork", "its parent", CHANGES))
        await until(pilot, lambda: isinstance(app.screen, ReasonDialog))
        await pilot.press("y", "enter")
        await until(pilot, lambda: len(core.sent(Fork)) == 2)
        assert core.sent(Fork)[-1] == Fork("parent", "5", (("model.norm", "rmsnorm"),), confounded="y")


async def test_a_run_that_is_confounded_says_so_in_the_line_above() -> None:
    async with open_lab() as (pilot, app, core):
        core.push(StateChanged("preparing"), StateChanged("running", 1, 4000, run_info(confounded="speed")))
        await until(pilot, lambda: app.lab.state == "running")
        app.show_state()
        await pilot.pause()
        assert "baseline (confounded)" in text_of(app)


async def test_the_configuration_says_how_it_differs_from_its_baseline() -> None:
    Path("first.yaml").write_text(template())
    async with open_lab() as (pilot, app, _):
        pane = app.home.config
        assert pane is not None
        pane.change_text(set_in_text(template(), "other.baseline", "first.yaml"))
        await pilot.pause()
        assert "against first.yaml: no change: a repetition" in text_of(app)
        pane.set_value("training.schedule", "linear")
        pane.set_value("training.max_steps", "800")
        await pilot.pause()
        assert "against first.yaml: one change, the schedule" in text_of(app)
        pane.set_value("model.norm", "rmsnorm")
        await pilot.pause()
        assert "▲ against first.yaml: 2 changes: model.norm, the schedule" in text_of(app)
        pane.set_value("other.baseline", "nothing")
        await pilot.pause()
        assert "▲ there is no baseline nothing" in text_of(app)
        Path("wrong.yaml").write_text("model: {d_modl: 3}")
        pane.set_value("other.baseline", "wrong.yaml")
        await pilot.pause()
        assert "▲ the configuration of the baseline wrong.yaml is wrong" in text_of(app)
