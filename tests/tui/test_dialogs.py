"""Dialogs answer to keys and mouse, escape cancels, the safe answer comes first, and outside text stays text."""

from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Input

from lmcore.protocol.messages import CoreDied
from tui.dialogs import (
    ConfirmDialog,
    CoreDiedDialog,
    OpenFileDialog,
    QuitDialog,
    RenameDialog,
    SaveAsDialog,
    as_config_path,
)
from tui.dialogs.core_died import ending
from tui.panes.config.files import SaveError, save


class Asker(App[None]):
    """Shows one dialog and keeps its answers."""

    def __init__(self, dialog: Screen[object]) -> None:
        super().__init__()
        self.dialog = dialog
        self.answers: list[object] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.answers.append)


async def answer(dialog: Screen[object], *keys: str) -> object:
    """What a dialog is dismissed with after some keys."""
    app = Asker(dialog)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
    assert len(app.answers) == 1
    return app.answers[0]


def texts(pilot: Pilot[None]) -> str:
    """All text on the screen."""
    lines = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(("enter",), False), (("right", "enter"), True), (("y",), True), (("n",), False), (("escape",), None)],
)
async def test_confirm_is_safe_at_first_and_cancelled_by_escape(keys: tuple[str, ...], expected: bool | None) -> None:
    assert await answer(ConfirmDialog("Delete", "Delete it?"), *keys) is expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(("enter",), "stay"), (("tab", "enter"), "save"), (("s",), "save"), (("escape",), None)],
)
async def test_quit_stays_unless_told_otherwise(keys: tuple[str, ...], expected: str | None) -> None:
    assert await answer(QuitDialog("baseline", 10, 100), *keys) == expected


async def test_a_button_can_be_clicked() -> None:
    app = Asker(QuitDialog("baseline", 10, 100))
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.click("#save")
        await pilot.pause()
    assert app.answers == ["save"]


def test_endings_name_exit_codes_and_signals() -> None:
    assert "exit code 3" in ending(3)
    assert "signal 9 (SIGKILL" in ending(-9)
    assert "SIGSEGV" in ending(-11)
    assert "signal 250" in ending(-250)
    assert "not known" in ending(None)


async def test_a_dead_core_is_explained_with_its_last_lines_as_they_are() -> None:
    app = Asker(CoreDiedDialog(CoreDied(-11, ("[/ [b +", "\x1b[2Jgone"), run="20260102-baseline")))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        shown = texts(pilot)
        assert "SIGSEGV" in shown and "[/ [b +" in shown and "␛[2Jgone" in shown and "\x1b" not in shown
        assert "Restart from the last checkpoint" in shown
        await pilot.press("enter")
    assert app.answers == ["restart"]


async def test_open_file_filters_as_one_types_and_takes_any_path(tmp_path: Path) -> None:
    paths = [tmp_path / "baseline.yaml", tmp_path / "small-model.yaml", tmp_path / "large-model.yaml"]
    other = tmp_path / "mine.yaml"
    other.write_text("model:\n")
    assert await answer(OpenFileDialog(paths, paths[1]), "enter") == paths[1]
    assert await answer(OpenFileDialog(paths, paths[0]), "down", "down", "enter") == paths[2]
    assert await answer(OpenFileDialog(paths, paths[0]), *"small", "enter") == paths[1]
    app = Asker(OpenFileDialog(paths))
    async with app.run_test() as pilot:
        await pilot.pause()
        app.screen.query_one(Input).value = str(tmp_path / "nothing [/")
        await pilot.pause()
        assert "there is no file" in texts(pilot)
        await pilot.press("enter")
        assert app.answers == []
        app.screen.query_one(Input).value = str(other)
        await pilot.press("enter")
        await pilot.pause()
    assert app.answers == [other]


async def test_save_as_says_what_would_happen(tmp_path: Path) -> None:
    there = tmp_path / "there.yaml"
    there.write_text("model:\n")
    app = Asker(SaveAsDialog(there))
    async with app.run_test(size=(160, 30)) as pilot:
        await pilot.pause()
        assert "will be replaced" in texts(pilot)
        line = app.screen.query_one(Input)
        for bad, sentence in ((str(tmp_path), "is a folder"), (str(tmp_path / "no" / "x.yaml"), "does not exist")):
            line.value = bad
            await pilot.pause()
            assert sentence in texts(pilot)
            await pilot.press("enter")
            assert app.answers == []
        line.value = str(tmp_path / "new")
        await pilot.pause()
        app.screen.query_one("#yes", Button).press()
        await pilot.pause()
    assert app.answers == [str(tmp_path / "new")]
    assert as_config_path(str(tmp_path / "new")) == tmp_path / "new.yaml"


@pytest.mark.parametrize("name", ["", ".", "/", "a" * 300, "a" * 9000, "a\0b", "\ud800"])
async def test_a_name_that_no_file_can_have_ends_nothing(name: str) -> None:
    for dialog in (SaveAsDialog(Path("x")), OpenFileDialog([])):
        app = Asker(dialog)
        async with app.run_test() as pilot:
            await pilot.pause()
            app.screen.query_one(Input).value = name
            await pilot.press("enter", "escape")
        assert app.answers in ([None], [name])
    if len(name) > 1:
        with pytest.raises(SaveError, match="cannot be saved"):
            save(as_config_path(name), "")


async def test_rename_takes_a_name_and_refuses_an_empty_one() -> None:
    assert await answer(RenameDialog("20260102-baseline", "baseline"), "2", "enter") == "baseline2"
    assert await answer(RenameDialog("20260102-baseline", "\x1b[2J"), "enter") == "␛[2J"
    app = Asker(RenameDialog("20260102-baseline", ""))
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("enter", "escape")
        await pilot.pause()
    assert app.answers == [None]
