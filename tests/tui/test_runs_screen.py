"""The list of runs: read beside the screen, filtered as one types, and nothing deleted without a yes."""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pytest import MonkeyPatch
from textual import events
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from lmcore.experiments.runs.listing import RunSummary, list_runs
from lmcore.experiments.runs.lock import RunLock
from tests.experiments.runs.made_runs import RUN
from tui.dialogs import ConfirmDialog, RenameDialog, TagsDialog
from tui.messages import CompareRuns, Notice, OverlayRun, ResumeRun
from tui.screens.runs import RunsScreen, rows, screen, table

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

    def on_compare_runs(self, message: CompareRuns) -> None:
        self.told.append(message)

    def on_notice(self, message: Notice) -> None:
        self.told.append(message)


def make_run(
    folder: Path, name: str, title: str, status: str = "finished", minutes: int = 5, loss: float = 1.5, **entries: Any
) -> Path:
    run = folder / name
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").write_text("model:\n")
    created = (datetime.now().astimezone() - timedelta(minutes=minutes)).isoformat()
    values = {
        **RUN,
        "title": title,
        "status": status,
        "created": created,
        "config_hash": "ab12",
        "max_steps": 400,
        "floor": 0.3,
        **entries,
    }
    (run / "run.json").write_text(json.dumps(values))
    row = {"step": 120, "tokens": 1, "seconds": 1.0, "loss/train": 1.25, "loss/val": loss, "other/score": 10 - loss}
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
    while not app.list.is_read:
        await pilot.pause()
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
        assert "▲ run.json is damaged: it is not valid JSON" in " ".join(screen_text(app).replace("│", " ").split())


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


async def test_what_is_typed_at_once_after_the_stroke_is_for_the_filter_alone(tmp_path: Path) -> None:
    make_runs(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        for key in ("slash", "d", "slash", "y"):  # as they come from a terminal that was held up: without a pause
            app.post_message(events.Key(key, "/" if key == "slash" else key))
        await settle(pilot, app)
        assert app.screen is app.list and app.list.query_one(Input).value == "d/y"


async def test_a_filter_that_fits_nothing_and_escape(tmp_path: Path) -> None:
    make_runs(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await pilot.press("slash", *"[/x")
        assert app.list.matching == [] and "No run has all of this" in screen_text(app)
        await pilot.press("escape")
        assert len(app.list.matching) == 4 and app.list.table.has_focus


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
            assert runs[1].exists() and isinstance(app.told[-1], Notice) and "stop it there first" in app.told[-1].text
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


async def press(pilot: Pilot[None], app: Bench, *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot, app)


def titles(app: Bench) -> list[str]:
    return [run.title for run in app.list.matching]


def make_tagged(folder: Path) -> list[Path]:
    return [
        make_run(folder, "c-third", "third", minutes=1, loss=1.2, tags=["lr"], settings={"training.optimizer": "muon"}),
        make_run(folder, "b-second", "second", minutes=2, loss=1.9, tags=["lr", "big"], settings={}),
        make_run(folder, "a-first", "first", minutes=3, loss=1.4, archived=True),
        make_run(folder, "fork", "fork", minutes=4, loss=1.6, parent={"run": "c-third", "step": 50}),
    ]


async def test_forks_stand_under_their_parents_and_archived_runs_are_hidden(tmp_path: Path) -> None:
    make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        assert titles(app) == ["third", "fork", "second"]
        assert "└ fork" in screen_text(app) and "3 of 4 · newest first · 1 archived hidden" in screen_text(app)
        await press(pilot, app, "down")
        assert "forked from c-third at step 50" in screen_text(app)
        await press(pilot, app, "A")
        assert titles(app) == ["third", "fork", "second", "first"] and app.list.run_here is not None
        assert app.list.run_here.title == "fork" and "archived among them" in screen_text(app)


async def test_a_query_of_tags_metrics_and_settings_filters_as_one_types(tmp_path: Path) -> None:
    make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await press(pilot, app, "slash")
        for text, expected in (
            ("tag:lr", ["third", "second"]),
            ("tag:lr loss/val<1.5", ["third"]),
            ("-tag:lr", ["fork"]),
            ("optimizer=muon", ["third"]),
            ("other/score>8.5", ["third"]),
            ("archived:yes", ["first"]),
        ):
            app.list.frame.line.value = text
            await settle(pilot, app)
            assert titles(app) == expected, text


async def test_a_half_typed_term_filters_nothing_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await press(pilot, app, "slash", *"tag:")
        assert len(titles(app)) == 3 and "… tag: wants a value" in screen_text(app)
        for text, sentence in (
            ("sead:3", "▲ There is no 'sead' to ask for; did you mean seed?"),
            ("loss/vall<1", "▲ No run has the metric loss/vall; did you mean loss/val?"),
            ("tag:xyz", "▲ No run has that tag (tag:xyz); the tags are big, lr."),
            ('title:"[/', ""),
        ):
            app.list.frame.line.value = text
            await settle(pilot, app)
            assert sentence in screen_text(app), text


async def test_runs_are_sorted_by_a_metric_that_is_chosen_by_name_and_turned_round(tmp_path: Path) -> None:
    make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await press(pilot, app, "s")
        offered = app.list.frame.metrics.query_one(OptionList)
        assert offered.option_count == 10  # time, the six that every line has, and three that had to be found
        await press(pilot, app, *"score", "enter")
        assert titles(app) == ["second", "fork", "third"] and app.list.table.has_focus
        shown = screen_text(app)
        assert "other/score ↑" in shown and "8.8000" in shown and "└" not in shown and "flat" in shown
        await press(pilot, app, "S")
        assert titles(app) == ["third", "fork", "second"] and "other/score ↓" in screen_text(app)
        await press(pilot, app, "s", "enter")
        assert "└ fork" in screen_text(app) and "newest first" in screen_text(app)
        await press(pilot, app, "s", "escape", "S")
        assert titles(app) == ["second", "third", "fork"] and "oldest first" in screen_text(app)


async def test_the_cursor_stays_on_its_run(tmp_path: Path) -> None:
    for index in range(60):
        make_run(tmp_path, f"run-{index:02}", f"run {index}", minutes=index, loss=60.0 - index)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await press(pilot, app, *["down"] * 45)
        for keys in (("S",), ("slash", *"run", "enter"), ("escape",), ("s", *"val", "enter")):
            await press(pilot, app, *keys)
            assert app.list.run_here is not None and app.list.run_here.title == "run 45", keys
            assert " run 45 " in screen_text(app)
        await press(pilot, app, "home")
        assert app.list.run_here.title == "run 59" and " run 59 " in screen_text(app)


async def test_tags_are_edited_in_a_line(tmp_path: Path) -> None:
    runs = make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await press(pilot, app, "t")
        assert isinstance(app.screen, TagsDialog) and app.screen.query_one(Input).value == "lr"
        await press(pilot, app, *" Best", "enter")
        assert isinstance(app.screen, TagsDialog) and "is no tag" in screen_text(app)
        app.screen.query_one(Input).value = "best lr"
        await press(pilot, app, "enter")
        assert json.loads((runs[0] / "run.json").read_text())["tags"] == ["best", "lr"]
        assert app.list.run_here is not None and app.list.run_here.tags == ("best", "lr")
        await press(pilot, app, "t")
        app.screen.query_one(Input).value = ""
        await press(pilot, app, "enter")
        assert app.list.run_here.tags == ()


async def test_several_marked_runs_are_tagged_archived_and_deleted_together(tmp_path: Path) -> None:
    runs = make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await press(pilot, app, "space", "down", "space")
        assert [run.title for run in app.list.marked] == ["third", "second"] and "2 marked" in screen_text(app)
        await press(pilot, app, "t")
        assert app.screen.query_one(Input).value == "lr"  # what both have; "big" of the second stays its own
        app.screen.query_one(Input).value = "both"
        await press(pilot, app, "enter")
        assert [run.tags for run in app.list.marked] == [("both",), ("big", "both")]
        await press(pilot, app, "a")
        assert titles(app) == ["fork"]
        await press(pilot, app, "A", "a")
        assert not any(run.archived for run in app.list.marked) and titles(app)[0] == "third"
        await press(pilot, app, "d")
        assert isinstance(app.screen, ConfirmDialog) and "these 2 runs" in screen_text(app)
        assert "c-third" in screen_text(app) and "b-second" in screen_text(app)
        await press(pilot, app, "n")
        assert all(run.exists() for run in runs)
        await press(pilot, app, "d", "y")
        assert [run.exists() for run in runs] == [False, False, True, True]
        assert app.list.marked == [] and sorted(titles(app)) == ["first", "fork"]


async def test_marked_runs_are_compared(tmp_path: Path) -> None:
    runs = make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        await press(pilot, app, "c")
        assert "mark them first" in screen_text(app) and not app.told
        await press(pilot, app, "space", "down", "space", "c")
        (told,) = app.told
        assert isinstance(told, CompareRuns) and told.folders == (runs[1], runs[0])  # with the older one


async def test_what_cannot_be_changed_is_told_and_the_rest_is(tmp_path: Path) -> None:
    runs = make_tagged(tmp_path)
    outside = make_run(tmp_path / "elsewhere", "x", "linked", minutes=0)
    (tmp_path / "z-link").symlink_to(outside, target_is_directory=True)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        assert titles(app)[0] == "linked"
        await press(pilot, app, "space", "space", "d", "y")
        assert outside.exists() and not runs[0].exists() and len(app.told) == 1
        assert isinstance(app.told[0], Notice) and "is a link to" in app.told[0].text


async def test_damaged_runs_stand_in_the_list_and_block_nothing(tmp_path: Path) -> None:
    make_tagged(tmp_path)
    for name in ("pipe", "\x1b[2J\x07odd", "caf\udce9"):
        run = make_run(tmp_path, name, "", minutes=1)
        (run / "run.json").unlink()
        os.mkfifo(run / "run.json")
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        assert screen_text(app).count("▲ damaged") == 3 and "\x1b" not in screen_text(app)
        await press(pilot, app, "end")
        assert "it is a device or a pipe" in " ".join(screen_text(app).replace("│", " ").split())
        await press(pilot, app, "slash", *"status:damaged optimizer=muon", "enter")
        assert titles(app) == []


async def test_runs_that_take_long_to_read_are_shown_as_they_come(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    make_tagged(tmp_path)
    gate, summaries = threading.Event(), list_runs(tmp_path)

    def read(folder: Path) -> Iterator[RunSummary]:
        yield from summaries[:2]
        gate.wait(120)
        yield from summaries[2:]

    monkeypatch.setattr(screen, "read_runs", read)
    monkeypatch.setattr(screen, "FIRST_BATCH_SECONDS", 0.0)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        while not app.list.matching:
            await pilot.pause()
        assert app.list.run_here is not None and app.list.run_here.title == "third"
        await pilot.press("slash", *"sec")
        assert titles(app) == ["second"]
        gate.set()
        await settle(pilot, app)
        assert len(app.list.runs) == 4 and titles(app) == ["second"]


async def test_of_five_hundred_runs_only_the_visible_are_drawn(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    (template,) = list_runs(make_run(tmp_path, "run", "run").parent)
    many = [replace(template, name=f"run-{index:03}", title=f"run {index}") for index in range(500)]
    drawn: list[str] = []

    def count(depth: int, run: RunSummary, *rest: Any) -> list[rows.Span]:
        drawn.append(run.name)
        return rows.row(depth, run, *rest)

    monkeypatch.setattr(screen, "read_runs", lambda folder: iter(many))
    monkeypatch.setattr(table, "row", count)
    app = Bench(tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, app)
        assert len(app.list.matching) == 500
        await pilot.press("slash")
        for key, expected in (("r", 500), ("4", 0), ("backspace", 500), ("space", 500), ("4", 176)):
            drawn.clear()
            await press(pilot, app, key)
            assert len(app.list.matching) == expected and len(drawn) <= 3 * SIZE[1], key
        await press(pilot, app, "enter", "end")
        assert app.list.run_here is not None and f" {app.list.run_here.title} " in screen_text(app)


async def test_every_key_is_named_at_80_columns(tmp_path: Path) -> None:
    make_tagged(tmp_path)
    app = Bench(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, app)
        shown = screen_text(app)
        assert "/ find" in shown
        for key in [key for key in screen.KEYS if key.show]:
            assert f" {key.description} " in shown.replace("│", "  ").replace("·", " ")
        assert "third" in shown and "finished" in shown and "1.200" in shown
