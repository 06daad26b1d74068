"""No size of the terminal ends the lab, whatever screen or dialog is open in it."""

from tests.tui.every_screen import leave_runs, screens, train
from tests.tui.test_app import a_folder_of_its_own as a_folder_of_its_own
from tests.tui.test_app import open_lab

SIZES = ((59, 18), (40, 12), (20, 6), (5, 24), (2, 2), (1, 1))


async def test_every_screen_is_opened_resized_and_closed_at_any_size() -> None:
    text = "a text"
    folders = leave_runs(text)
    async with open_lab(SIZES[0]) as (pilot, app, core):
        core.push(*train(text))
        sizes = list(SIZES)
        for make in screens(app, text, folders).values():
            app.push_screen(make())
            for size in sizes:
                await pilot.resize_terminal(*size)
            app.pop_screen()
            sizes.reverse()  # the next is opened where this one was closed
        await pilot.pause()
