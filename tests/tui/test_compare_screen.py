"""The comparison of runs as a person uses it."""

import json
import math
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.experiments.comparison.made import Row, judged_rows, make_run, step_rows
from tests.tui.test_app import notices, open_lab, train, until
from tests.tui.test_runs_screen import screen_text
from tui.messages import Notice
from tui.screens.compare import CompareScreen
from tui.themes import DARK
from tui.widgets.plot import Plot

WIDE, NARROW = (160, 48), (80, 24)


class Bench(App[None]):
    """An app that shows a comparison and keeps what it tells."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__()
        self.compared = CompareScreen(folders)
        self.told: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return DARK.variables

    def on_mount(self) -> None:
        self.push_screen(self.compared)

    def on_notice(self, message: Notice) -> None:
        self.told.append(message.text)


def rows_of(offset: float) -> list[Row]:
    losses = [3.0 / math.sqrt(step) + offset for step in range(1, 41)]
    return [*step_rows(losses), *judged_rows({step: losses[step - 1] for step in (10, 20, 30, 40)})]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two settings with two seeds each."""
    made = []
    for number, (setting, seed) in enumerate([("cool", 1), ("hot", 1), ("cool", 2), ("hot", 2)]):
        rate = "1e-3" if setting == "cool" else "5e-3"
        offset = (0.5 if setting == "hot" else 0.0) + 0.01 * seed * (1 + number % 2)
        folder = make_run(
            tmp_path,
            f"{number}-{setting}",
            rows_of(offset),
            seed=seed,
            title=f"{setting} [/ \x1b[2J",
            config=f"training: {{learning_rate: {rate}}}\nother: {{seed: {seed}}}\n",
            config_hash=setting,
            samples=[(10, f"{setting} day"), (20, f"{setting} night [/ \x1b[2J 森")],
        )
        made.append(folder)
    return made


def words_of(app: App[None]) -> str:
    """The facts, however they are wrapped."""
    return " ".join(str(app.screen.query_one("#facts Static", Static).render()).split())


async def settle(pilot: Pilot[None]) -> None:
    for _ in range(3):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def test_everything_stands_on_one_screen(runs: list[Path]) -> None:
    app = Bench(runs)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        shown = screen_text(app)
        assert "a c cool [/ ␛[2J seeds 1 2" in shown and "\x1b" not in shown
        assert "loss/val by step · log" in shown and "b d − a c" in shown and "95 % band of seed noise" in shown
        assert "At step 40, loss/val of b d is 0.5" in shown and "outside of seed noise" in shown
        assert "training.learning_rate  learned" in shown and "validation loss" in shown
        assert "step 20, 2 of 2" in shown and "One cool night [/ ␛[2J 森" in shown
        assert "as a c" in shown and shown.count("░") > 5


async def test_another_axis_scale_and_metric(runs: list[Path]) -> None:
    app = Bench(runs)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("x", "y")
        await settle(pilot)
        assert "loss/val by tokens · linear" in screen_text(app) and "After 400 tokens" in screen_text(app)
        await pilot.press("x", "slash", *"train")
        assert app.screen.query_one(Input).has_focus
        await pilot.press("enter")
        await settle(pilot)
        shown = screen_text(app)
        assert "loss/train, smoothed 0.95 by time · linear" in shown and "After 20.0 s of training, loss/train" in shown
        await pilot.press("slash", "escape")
        assert app.screen is app.compared and app.compared.query_one("#curves").has_focus


async def test_the_late_part_and_another_first_run(runs: list[Path]) -> None:
    app = Bench(runs[:2])
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("plus", "plus")
        await settle(pilot)
        plot = app.compared.query(Plot)[1]
        assert plot.x_at(plot.size.width - plot.plot_width) == pytest.approx(30, abs=1)
        await pilot.press("0", "f")
        await settle(pilot)
        assert app.compared.folders == (runs[1], runs[0])
        assert "loss/val of b is 0.5" in words_of(app) and "below that of a" in words_of(app)


async def test_a_cursor_reads_every_run_and_the_difference(runs: list[Path]) -> None:
    app = Bench(runs)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("c")
        await pilot.pause()
        assert "step 40" in screen_text(app) and "b d − a c +0.5" in screen_text(app)
        await pilot.press("shift+left", "shift+left", "shift+left", "shift+left", "left")
        await pilot.pause()
        assert "step 40" not in screen_text(app).split("3 Samples")[0].split("At step 40")[0]
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is app.compared and "seeds 1 2" in screen_text(app)


async def test_samples_of_an_earlier_step(runs: list[Path]) -> None:
    app = Bench(runs)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("left")
        await pilot.pause()
        assert "step 10, 1 of 2" in screen_text(app) and "One hot day" in screen_text(app)
        await pilot.press("left", "right", "right", "right")
        await pilot.pause()
        assert "step 20, 2 of 2" in screen_text(app)


async def test_in_a_small_terminal_one_part_is_shown_at_a_time(runs: list[Path]) -> None:
    app = Bench(runs)
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert "[1 Curves]" in screen_text(app) and "validation loss" not in screen_text(app)
        assert "r read" in screen_text(app)  # the last of the keys
        await pilot.press("tab")
        await settle(pilot)
        assert "[2 Facts]" in screen_text(app) and "validation loss" in screen_text(app)
        await pilot.press("end")
        await settle(pilot)
        assert "differ from step 1 on" in screen_text(app)
        await pilot.press("3")
        await settle(pilot)
        assert "One hot night" in screen_text(app)
        await pilot.press("1", "escape")
        assert app.screen is not app.compared


async def test_a_run_that_goes_on_is_read_again(runs: list[Path]) -> None:
    app = Bench(runs[:2])
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "says nothing about seed noise" in screen_text(app)
        for folder in runs[:2]:
            with (folder / "metrics.jsonl").open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in judged_rows({50: 0.25}))
        await pilot.press("r")
        await settle(pilot)
        assert "At step 50, loss/val of b is the same as that of a." in " ".join(
            screen_text(app).replace("│", " ").split()
        )


async def test_what_cannot_be_compared_is_told(runs: list[Path], tmp_path: Path) -> None:
    app = Bench([runs[0], tmp_path / "nothing"])
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert app.screen is not app.compared and app.told and "is not a run" in app.told[0]


async def test_runs_without_anything_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [make_run(Path(), name, []) for name in "ab"]  # a long name would leave no room for what is wrong
    (folders[0] / "run.json").write_text("{")
    app = Bench(folders)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        shown = words_of(app)
        assert "have no logged step in common" in shown and "run.json is damaged" in shown
        assert "No run has samples" in screen_text(app)
        await pilot.press("x", "y", "slash", "escape", "left", "tab", "r")
        await settle(pilot)
        assert app.screen is app.compared and len(app.compared.query(Plot)) == 2


async def test_from_the_loss_pane_the_open_run_is_compared_with_those_over_it(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_lab() as (pilot, app, core):
        await train(pilot, core, folder=str(runs[0]))
        await pilot.press("2", "v")
        await until(pilot, lambda: any("needs two runs" in notice for notice in notices(app)))
        app.home.loss.overlay(runs[1], True)
        await until(pilot, lambda: bool(app.home.loss.records.others))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.shown is not None)
        assert isinstance(app.screen, CompareScreen) and app.screen.folders == (runs[0], runs[1])
        await pilot.press("escape")
        assert app.screen is app.home
