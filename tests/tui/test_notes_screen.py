"""Notes of a run, written in the lab."""

from pathlib import Path

import pytest
from textual.widgets import TextArea

from lmcore.experiments.runs.notes import append_note, read_notes, write_notes
from tests.experiments.runs.made_runs import make_run
from tests.tui.test_app import a_folder_of_its_own as a_folder_of_its_own
from tests.tui.test_app import notices, open_lab, text_of, train, until
from tests.tui.test_plain_text import NASTY
from tui.screens.notes import NotesScreen
from tui.screens.runs import RunsScreen

RUN = Path("runs/20260102-030405-baseline-1a2b3c4d")


@pytest.mark.parametrize("size", [(160, 48), (80, 24)])
async def test_notes_of_the_open_run_are_saved_on_leaving(size: tuple[int, int]) -> None:
    folder = make_run(Path("runs"), RUN.name)
    async with open_lab(size) as (pilot, app, core):
        await pilot.press("3", "e")
        assert "No run is open" in notices(app)[-1]
        await train(pilot, core)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, NotesScreen))
        await pilot.pause()
        assert "Notes of baseline" in text_of(app) and "what to try next" in text_of(app)
        await pilot.press(*"a peak", "enter", *"at 40")
        await pilot.pause()
        assert "not saved yet" in text_of(app) and not read_notes(folder)
        append_note(folder, "seen elsewhere")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert read_notes(folder) == "a peak\nat 40\nseen elsewhere\n"
        await until(pilot, lambda: "its text is kept below yours" in notices(app)[-1])
        append_note(folder, "added elsewhere")
        await pilot.press(*"!", "escape")
        await until(pilot, lambda: app.screen is app.home)
        assert read_notes(folder) == "a peak\nat 40\nseen elsewhere\n!\nadded elsewhere\n"


async def test_another_way_out_saves_too() -> None:
    folder = make_run(Path("runs"), RUN.name)
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("3", "e")
        await until(pilot, lambda: isinstance(app.screen, NotesScreen))
        await pilot.press(*"kept")
        app.action_pane("loss")
        await until(pilot, lambda: (folder / "notes.md").exists())
        assert read_notes(folder) == "kept\n"


async def test_notes_that_cannot_be_read_are_left_alone() -> None:
    folder = make_run(Path("runs"), RUN.name)
    (folder / "notes.md").write_bytes(b"\xff")
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("3", "e")
        await until(pilot, lambda: isinstance(app.screen, NotesScreen))
        await pilot.pause()
        assert "not text" in text_of(app)
        await pilot.press("x", "ctrl+s", "escape")
        await until(pilot, lambda: app.screen is app.home)
    assert (folder / "notes.md").read_bytes() == b"\xff"


async def test_notes_that_cannot_be_saved_are_told_and_left_with_a_second_escape() -> None:
    folder = make_run(Path("runs"), RUN.name)
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("3", "e")
        await until(pilot, lambda: isinstance(app.screen, NotesScreen))
        await pilot.press("x")
        folder.rename(folder.with_name("gone"))
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, NotesScreen) and "Escape closes without saving" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.home)


async def test_any_text_is_shown_as_text_and_stays_as_it_is_when_nothing_is_changed() -> None:
    folder = make_run(Path("runs"), RUN.name)
    write_notes(folder, "\n".join(NASTY))
    before = (folder / "notes.md").read_bytes()
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        await pilot.press("3", "e")
        await until(pilot, lambda: isinstance(app.screen, NotesScreen))
        await pilot.pause()
        assert "\x1b[2J" not in app.screen.query_one(TextArea).text
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.home)
    assert (folder / "notes.md").read_bytes() == before


async def test_notes_of_any_run_are_opened_from_the_list() -> None:
    folder = make_run(Path("runs"), RUN.name)
    async with open_lab() as (pilot, app, _):
        await pilot.press("3", "r")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.run_here is not None)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, NotesScreen))
        await pilot.press(*"seen", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    assert read_notes(folder) == "seen\n"
