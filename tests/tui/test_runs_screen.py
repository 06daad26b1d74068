"""The list of runs: read beside the screen, filtered as one types, and nothing deleted without a yes."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from lmcore.experiments.lock import RunLock
from lmcore.experiments.runs import RunSummary
from tui.messages import Notice, OverlayRun, ResumeRun
from tui.screens.dialogs import ConfirmDialog, RenameDialog
from tui.screens.runs import RunsScreen, age, cells

SIZE = (110, 32)


class Bench(App[None]):
    """An app that shows the list and keeps what it tells."""

    def __init__(self, folder: Path, open_run: Path | None = None) -> None:
        super().__init__()
        self.list = RunsScreen(folder, open_run=open_run)
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield Static("home")

    def on_mount(self) -> None:
        self.push_screen(self.list)

    def on_resume_run(self, message: ResumeRun) -> None:
        self.told.append(message)

    def on_overlay_run(self, message: OverlayRun) -> None:
        self.told.append(message)

    def on_notice(self, message: Notice) -> None:
        self.told.append(message)


def make_run(folder: Path, name: str, title: str, status: str = "finished", minutes: int = 5) -> Path:
    run = folder / name
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text("model:\n")
    created = (datetime.now().astimezone() - timedelta(minutes=minutes)).isoformat()
    values = {
        "title": title,
        "status": status,
        "created": created,
        "config_hash": "ab12",
        "max_steps": 400,
        "floor": 0.3,
    }
    (run / "run.json").write_text(json.dumps(values))
    row = {"step": 120, "tokens": 1, "seconds": 1.0, "loss/train": 1.25, "loss/val": 1.5}
    (run / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    return run


def make_runs(folder: Path) -> list[Path]:
    runs = [
        make_run(folder, "20260103-muon-ab12", "muon", minutes=1),
        make_run(folder, "20260102-baseline-ab12", "baseline", "running", minutes=200),
        make_run(folder, "20260101-odd-ab12", "[/ [b + \x1b[2J 森", "stopped", minutes=9000),
    ]
    damaged = folder / "20260100-damaged"
    (damaged / "checkpoints").mkdir(parents=True)
    (damaged / "run.json").write_text('{"ti')
    return [*runs, damaged]


def screen_text(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def settle(pilot: Pilot[None], app: Bench) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


async def test_runs_are_listed_with_what_is_known_of_them(tmp_path: Path) -> None:
    make_runs(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        shown = screen_text(app)
        assert "✔ finished" in shown and "◐ interrupted" in shown and "■ stopped" in shown and "▲ damaged" in shown
        assert "120 / 400" in shown and "1.250" in shown and "1.500" in shown and "0.300" in shown
        assert "[/ [b + ␛[2J 森" in shown and "\x1b" not in shown and "1 min ago" in shown and "6 days ago" in shown
        await pilot.press("end")
        await pilot.pause()
        assert "it is not valid JSON" in " ".join(screen_text(app).replace("│", " ").split())


async def test_an_empty_folder_says_how_to_begin(tmp_path: Path) -> None:
    app = Bench(tmp_path / "nothing")
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        assert "F5 in the lab starts the first" in screen_text(app)
        await pilot.press("enter", "r", "o", "n", "d")
        assert app.screen is app.list and not app.told
        await pilot.press("escape")
        assert app.screen is not app.list


async def test_runs_are_found_as_one_types_and_opened_or_resumed(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    for key, train in (("enter", False), ("r", True)):
        app = Bench(tmp_path)
        async with app.run_test(size=SIZE) as pilot:
            await settle(pilot, app)
            await pilot.press("slash", *"base", "enter", key)
            await pilot.pause()
            (told,) = app.told
            assert isinstance(told, ResumeRun) and (told.folder, told.train) == (runs[1], train)
            assert app.screen is not app.list


async def test_a_filter_that_fits_nothing_and_escape(tmp_path: Path) -> None:
    make_runs(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await pilot.press("slash", *"[/x")
        assert app.list.matching == [] and "No run has these words" in screen_text(app)
        await pilot.press("escape")
        assert len(app.list.matching) == 4 and app.list.query_one(DataTable).has_focus


async def test_an_overlay_goes_on_and_off(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await pilot.press("down", "o")
        assert "◆" in screen_text(app) and app.list.run_here is not None and app.list.run_here.folder == runs[1]
        await pilot.press("o")
        await pilot.pause()
        assert [(m.folder, m.on) for m in app.told if isinstance(m, OverlayRun)] == [(runs[1], True), (runs[1], False)]


async def test_deleting_needs_a_yes_and_spares_what_is_in_use(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    app = Bench(tmp_path, open_run=runs[0])
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await pilot.press("d")
        assert app.screen is app.list and "is open in the lab" in screen_text(app)
        await pilot.press("down", "d")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("enter")
        assert runs[1].exists()
        lock = RunLock(runs[1])
        lock.acquire()
        try:
            await pilot.press("d", "y")
            await settle(pilot, app)
            assert runs[1].exists() and isinstance(app.told[-1], Notice) and "stop it first" in app.told[-1].text
        finally:
            lock.release()
        await pilot.press("d", "y")
        await settle(pilot, app)
        assert not runs[1].exists() and len(app.list.runs) == 3 and runs[0].exists()


async def test_a_run_gets_another_title(tmp_path: Path) -> None:
    runs = make_runs(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await pilot.press("n")
        await pilot.pause()
        assert isinstance(app.screen, RenameDialog)
        app.screen.query_one(Input).value = "better [/"
        await pilot.press("enter")
        await settle(pilot, app)
        assert json.loads((runs[0] / "run.json").read_text())["title"] == "better [/" and "better [/" in screen_text(
            app
        )


def test_ages_read_well() -> None:
    now = datetime(2026, 1, 10, 12)
    ages = [age((now - timedelta(seconds=s)).isoformat(), now) for s in (5, 90, 7200, 36 * 3600, 5 * 86400, -50)]
    assert ages == ["5 s ago", "2 min ago", "2 h ago", "36 h ago", "5 days ago", "0 s ago"]
    assert age("yesterday", now) == "–"


def test_a_row_says_when_nothing_is_known() -> None:
    run = RunSummary("n", "t", Path("n"), "stopped", 0, 0, "", None, None, None, "")
    assert [cell.plain for cell in cells(run, False)] == [" ", "t", "■ stopped", "0", "–", "–", "–", "–"]
