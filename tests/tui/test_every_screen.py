"""No size of the terminal ends the lab, and no text does or commands anything, whatever screen or dialog is open."""

import pytest

from lmcore.plain_text import is_plain
from tests.tui.every_screen import leave_runs, screens, train
from tests.tui.test_app import a_folder_of_its_own as a_folder_of_its_own
from tests.tui.test_app import open_lab, text_of

SIZES = ((59, 18), (40, 12), (20, 6), (5, 24), (2, 2), (1, 1))
HOSTILE = "x[b]y[/b]z[/ \x1b[2J\x9b31m\x1b]0;t\x07\u202e\x00\r\n\ud800\udcff👩\u200d🚀漢\u200b[@click=app.quit]q[/]"
HOSTILE += "w" * 500


async def test_every_screen_shows_any_text_as_text_at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    let_through: list[str] = []  # what a screen has not made visible

    def note(text: str) -> str:
        if not is_plain(text):
            let_through.append(text)
        return text

    monkeypatch.setattr("tui.plain_text._harmless", note)
    folders = leave_runs(HOSTILE)
    async with open_lab() as (pilot, app, core):
        core.push(*train(HOSTILE))
        await pilot.pause()
        assert "x[b]y[/b]z" in text_of(app)
        sizes = list(SIZES)
        for name, make in screens(app, HOSTILE, folders).items():
            app.push_screen(make())
            for size in sizes:
                await pilot.resize_terminal(*size)
                assert size != SIZES[0] or ("xyz" not in text_of(app) and not let_through), name
            app.pop_screen()
            sizes.reverse()  # the next is opened where this one was closed
        await pilot.pause()
