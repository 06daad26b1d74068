"""Ablations as a person sets them up, watches them and looks at them again, with a core that a test plays."""

from pathlib import Path

import pytest
from textual.widgets import Button, Input, OptionList

from lmcore.experiments.ablation.result import RESULT, CurvePoint, FinishedRun, result_of
from lmcore.protocol.messages import (
    Ablate,
    AblationCell,
    AblationEnded,
    AblationStands,
    Agree,
    ConsentWanted,
    Load,
    Progress,
    Rejected,
    StopAblation,
)
from tests.tui.ablation_events import BEGAN, MUON, NORM, SEEDS, finished, keep, planned, result, run_name, training
from tests.tui.fake_core import CODE, FakeCore
from tests.tui.test_app import (
    NARROW,
    Lab,
    a_folder_of_its_own,  # noqa: F401
    notices,
    open_lab,
    text_of,
    until,
)
from tui.app import LabApp
from tui.dialogs import ConfirmDialog, ConsentDialog
from tui.screens.ablation.form import AblationForm
from tui.screens.ablation.listing import AblationsScreen
from tui.screens.ablation.view import AblationScreen, Grid


async def open_form(pilot: Lab, app: LabApp) -> AblationForm:
    await pilot.press("b")
    await until(pilot, lambda: isinstance(app.screen, AblationsScreen))
    await pilot.press("n")
    await until(pilot, lambda: isinstance(app.screen, AblationForm) and app.focused is not None)
    assert isinstance(app.screen, AblationForm)
    return app.screen


async def write(pilot: Lab, text: str) -> None:
    for character in text:
        await pilot.press({"=": "equals_sign", ".": "full_stop", "_": "underscore"}.get(character, character))


async def start(pilot: Lab, app: LabApp, core: FakeCore) -> AblationScreen:
    """Set up the ablation of `ablation_events` and let the core begin with it."""
    form = await open_form(pilot, app)
    for change in (MUON, NORM):
        form.query_one("#change", Input).value = change
        await pilot.press("enter")
    form.query_one("#seeds", Input).value = "3"
    form.query_one("#steps", Input).value = "400"
    form.query_one("#seeds", Input).focus()
    await pilot.press("enter")
    await until(pilot, lambda: core.sent(Ablate) and isinstance(app.screen, AblationScreen))
    core.push(BEGAN)
    await until(pilot, lambda: "seed 3" in text_of(app))
    assert isinstance(app.screen, AblationScreen)
    return app.screen


async def test_with_no_ablations_the_list_says_how_to_set_one_up() -> None:
    async with open_lab() as (pilot, app, _):
        await pilot.press("b")
        await until(pilot, lambda: "No ablations yet. n sets one up" in text_of(app))
        await pilot.press("enter", "g")
        assert isinstance(app.screen, AblationsScreen)
        await pilot.press("escape")
        assert app.screen is app.home


async def test_a_change_is_judged_as_one_types_and_becomes_an_arm() -> None:
    async with open_lab() as (pilot, app, core):
        form = await open_form(pilot, app)
        await write(pilot, "optimizer")
        await until(pilot, lambda: "training.optimizer=" in text_of(app))
        await pilot.press("enter")
        assert form.query_one("#change", Input).value == "training.optimizer="
        await until(pilot, lambda: "adamw · muon" in text_of(app))
        await write(pilot, "adamw")
        await until(pilot, lambda: "nothing to compare" in text_of(app))
        await pilot.press("enter")
        assert not form.changes
        await pilot.press(*["backspace"] * 5)
        await pilot.press("down")
        await until(pilot, lambda: "one change: enter adds it" in text_of(app))
        await pilot.press("enter")
        assert form.changes == [MUON] and form.query_one("#change", Input).value == ""
        await until(pilot, lambda: "2 arms × 5 seeds = 10 runs" in text_of(app))
        form.query_one("#seeds", Input).value = "1"
        await until(pilot, lambda: "At least two seeds" in text_of(app))
        form.query_one("#yes", Button).press()
        await pilot.pause()
        assert app.screen is form and not core.sent(Ablate)
        form.query_one("#arms", OptionList).focus()
        await pilot.press("down", "d")
        await until(pilot, lambda: not form.changes and "none yet" in text_of(app))


async def test_a_wrong_configuration_is_no_baseline() -> None:
    async with open_lab() as (pilot, app, _):
        assert app.home.config is not None
        app.home.config.change_text("model: {d_model: 7, n_heads: 2}\n")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, AblationsScreen))
        await pilot.press("n")
        await until(pilot, lambda: any("No ablation of a configuration that is wrong" in text for text in notices(app)))
        assert isinstance(app.screen, AblationsScreen)


async def test_the_grid_and_the_table_fill_and_the_end_is_told() -> None:
    async with open_lab() as (pilot, app, core):
        await start(pilot, app, core)
        (asked,) = core.sent(Ablate)
        assert asked.changes == (MUON, NORM) and asked.seeds == 3 and "learning_rate" in asked.config_text
        assert asked.overrides == (("training.max_steps", "400"),) and asked.base.endswith("baseline.yaml")
        core.push(training("baseline", 1, 168), finished(MUON, 1, reused=True))
        await until(pilot, lambda: "42 %" in text_of(app) and "1.7000 ♺" in text_of(app))
        missing = tuple((arm, seed) for arm in ("baseline", MUON, NORM) for seed in (2, 3))
        core.push(finished("baseline", 1), AblationStands(result("running", missing)))
        await until(pilot, lambda: "-0.2000 so far" in text_of(app) and "1 of 3 seeds so far" in text_of(app))
        assert "looking often" in text_of(app)
        assert not any("better" in line for line in text_of(app).splitlines() if MUON in line)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.home)
        app.show_state()
        await until(pilot, lambda: "ablation 2/9" in text_of(app))
        core.push(*(finished(arm, seed) for arm in BEGAN.arms for seed in SEEDS))
        core.push(AblationStands(result()), AblationEnded("tiny-ab12", "finished"))
        await until(pilot, lambda: any("is finished" in text and f"{MUON} better" in text for text in notices(app)))
        await until(pilot, lambda: "ablation" not in text_of(app).splitlines()[-1])
        await pilot.press("b")
        await until(
            pilot, lambda: "no difference that this experiment could see" in text_of(app) or "0.8" in text_of(app)
        )
        assert "better" in text_of(app) and "finished · 9 of 9 runs" in text_of(app)


async def test_a_cell_opens_as_a_run_and_one_that_trains_says_so() -> None:
    async with open_lab() as (pilot, app, core):
        screen = await start(pilot, app, core)
        core.push(finished("baseline", 1), training("baseline", 2, 10))
        await until(pilot, lambda: "1.9000" in text_of(app))
        await pilot.press("right", "enter")
        await until(pilot, lambda: any("is training; it opens when it is finished" in text for text in notices(app)))
        await pilot.press("o")
        await until(pilot, lambda: run_name("baseline", 2) in screen.overlaid)
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("has not begun" in text for text in notices(app)))
        assert app.screen is screen and not core.sent(Load)
        await pilot.press("up", "left", "enter")
        await until(pilot, lambda: core.sent(Load))
        assert Path(core.sent(Load)[0].run).name == run_name("baseline", 1)
        await until(pilot, lambda: app.screen is app.home and app.home.active == "loss")


async def test_stopping_saves_and_the_same_goes_on(tmp_path: Path) -> None:
    async with open_lab() as (pilot, app, core):
        await start(pilot, app, core)
        await pilot.press("s")
        await until(pilot, lambda: core.sent(StopAblation))
        folder = keep(tmp_path / "runs", "tiny-ab12", result("interrupted", missing=((NORM, 3),)))
        assert folder == tmp_path / BEGAN.folder
        stopped = AblationCell("baseline", 1, "stopped", 0, 400, run=run_name("baseline", 1))
        core.push(stopped, AblationEnded("tiny-ab12", "stopped"))
        await until(pilot, lambda: "‖ saved" in text_of(app) and "g go on" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: any("nothing to stop" in text for text in notices(app)))
        await pilot.press("g")
        await until(pilot, lambda: len(core.sent(Ablate)) == 2)
        again = core.sent(Ablate)[1]
        assert again.changes == (MUON, NORM) and again.seeds == 3 and again.name == "tiny-ab12"
        core.push(Progress("writing tales", 0.4))
        await until(pilot, lambda: "preparing: writing tales 40 %" in text_of(app))


async def test_a_refusal_brings_the_form_back_with_what_was_filled_in() -> None:
    async with open_lab() as (pilot, app, core):
        form = await open_form(pilot, app)
        form.query_one("#change", Input).value = "dataset.tales_seed=9"
        form.query_one("#yes", Button).press()
        await until(pilot, lambda: core.sent(Ablate))
        core.push(Rejected("Ablate", "tales_seed=9 changes the text and cannot be compared."))
        await until(pilot, lambda: isinstance(app.screen, AblationForm) and "cannot be compared" in text_of(app))
        assert isinstance(app.screen, AblationForm) and app.screen.changes == ["dataset.tales_seed=9"]


async def test_own_code_is_asked_about_before_it_runs() -> None:
    async with open_lab() as (pilot, app, core):
        form = await open_form(pilot, app)
        form.query_one("#change", Input).value = MUON
        form.query_one("#yes", Button).press()
        await until(pilot, lambda: core.sent(Ablate))
        core.push(ConsentWanted("Ablate", (CODE,)))
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        app.screen.dismiss(True)
        await until(pilot, lambda: len(core.sent(Ablate)) == 2)
        assert core.sent(Agree)[0].digests == (CODE.digest,)
        core.push(ConsentWanted("Ablate", (CODE,)))
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AblationForm) and "not agreed to" in text_of(app))


async def test_quitting_while_an_ablation_goes_asks() -> None:
    async with open_lab() as (pilot, app, core):
        await start(pilot, app, core)
        core.push(finished("baseline", 1))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog) and "1 of 9 runs are in" in text_of(app))
        await pilot.press("escape")
        assert not core.is_shut_down
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: core.is_shut_down)


@pytest.mark.parametrize("size", [(160, 48), NARROW])
async def test_earlier_ablations_are_listed_and_open_as_tables(tmp_path: Path, size: tuple[int, int]) -> None:
    runs = tmp_path / "runs"
    keep(runs, "done", result())
    keep(runs, "left", result("running", missing=((NORM, 3),)))
    (keep(runs, "odd [/b", result()) / RESULT).write_text("{")
    async with open_lab(size) as (pilot, app, core):
        await pilot.press("b")
        await until(pilot, lambda: "✔ finished" in text_of(app))
        shown = text_of(app)
        assert "◐ interrupted" in shown and "▲ damaged" in shown and "8 of 9" in shown
        screen = app.screen
        assert isinstance(screen, AblationsScreen)
        names = [one.name for one in screen.found]
        for name, said in (("odd-b", "is damaged"), ("done", "better"), ("left", "g go on")):
            row = names.index(name)
            await pilot.press("home", *["down"] * row, "enter")
            await until(pilot, lambda: isinstance(app.screen, AblationScreen))
            await until(pilot, lambda said=said: said in text_of(app))
            if name != "left":
                await pilot.press("escape")
                await until(pilot, lambda: app.screen is screen)
        assert "-0.2000 so far" in text_of(app)
        grid = app.screen.query_one(Grid)
        await pilot.press("down", "right")
        assert grid.cursor_coordinate == (1, 1) and f"▸ {MUON}" in text_of(app)
        await pilot.press("g")
        await until(pilot, lambda: core.sent(Ablate))
        assert core.sent(Ablate)[0].name == "left"


async def test_a_failed_run_says_why_below() -> None:
    async with open_lab() as (pilot, app, core):
        await start(pilot, app, core)
        why = "Training ended: the loss is not finite [/b"
        core.push(AblationCell("baseline", 1, "failed", 0, 400, run="r", said=why))
        core.push(AblationStands(result("running", failures={("baseline", 1): why})))
        await until(pilot, lambda: f"✖ baseline, seed 1: {why}" in text_of(app))
        assert "✖ failed" in text_of(app)


async def test_one_that_is_stopped_before_it_begins_leaves_nothing_to_look_at() -> None:
    async with open_lab() as (pilot, app, core):
        form = await open_form(pilot, app)
        form.query_one("#change", Input).value = MUON
        form.query_one("#yes", Button).press()
        await until(pilot, lambda: core.sent(Ablate) and "preparing" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: core.sent(StopAblation))
        core.push(AblationEnded("baseline-ab12", "stopped"))
        await until(pilot, lambda: any("had not begun yet" in text for text in notices(app)))
        assert app.screen is app.home


async def test_the_table_follows_the_cursor_through_many_arms(tmp_path: Path) -> None:
    many = [f"training.learning_rate={rate}e-4" for rate in range(11, 31)]
    ablation = planned("many", many)
    loss = {arm.name: 1.9 + 0.01 * number for number, arm in enumerate(ablation.arms)}
    ran = result_of(
        ablation, "finished", lambda arm, seed: FinishedRun("r", (CurvePoint(9, 9, 9.0, loss[arm.name] + seed),))
    )
    keep(tmp_path / "runs", "many", ran)
    async with open_lab(NARROW) as (pilot, app, _):
        await pilot.press("b")
        await until(pilot, lambda: "✔ finished" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "▸ baseline" in text_of(app))
        last = f"▸ {ablation.arms[-1].name}"
        assert last not in text_of(app)
        for _ in range(20):
            await pilot.press("down")
        await until(pilot, lambda: last in text_of(app))
