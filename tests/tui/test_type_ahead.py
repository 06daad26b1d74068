"""Keys that come faster than the screen: each does what it would do if the person had waited."""

import asyncio
from collections.abc import Iterable

import pytest
from textual.events import Key, Paste
from textual.keys import _character_to_key

from lmcore.protocol.messages import Generate, Start
from tests.tui.fake_core import FakeCore
from tests.tui.test_app import WIDE, open_lab, train, until
from tests.tui.test_app import a_folder_of_its_own as a_folder_of_its_own
from tui import type_ahead
from tui.app import LabApp
from tui.panes.repl.prompt_line import PromptLine


def burst(app: LabApp, *keys: str) -> None:
    """All at once, as a terminal gives them that was not read for a while: a word is its letters."""
    for key in _single(keys):
        named = len(key) > 1
        app.post_message(Key(key if named else _character_to_key(key), None if named else key))


def _single(keys: Iterable[str]) -> Iterable[str]:
    for key in keys:
        yield from [key] if key in ("enter", "ctrl+u", "escape", "tab", "up", "down", "f5") else key


async def test_a_burst_does_what_slow_keys_do() -> None:
    async with open_lab() as (pilot, app, core):
        await train(pilot, core)
        pane, line, repl = app.home.config, app.home.query_one(PromptLine), app.home.repl
        assert pane is not None and repl is not None
        burst(app, "4/seed 6", "enter", "/seed 7", "enter", "One", "enter", "enter", "two")
        await until(pilot, lambda: core.sent(Generate) and line.value == "two")
        (asked,) = core.sent(Generate)
        assert (asked.prompt, asked.seed) == ("One", 7) and repl.page.plain_text.count("› /seed") == 2

        app.home.focus_pane("config")
        pane.go_to("model.d_model")
        burst(app, "enter", "ctrl+u", "64", "enter", "down", "enter", "ctrl+u", "3", "enter", "2")
        await until(pilot, lambda: app.home.active == "loss")
        assert "d_model: 64" in pane.text and "n_layers: 3" in pane.text
        assert line.value == "two" and core.sent(Generate) == [asked]


async def test_what_is_typed_before_the_panes_are_there_goes_to_them() -> None:
    app = LabApp(None, FakeCore)
    async with app.run_test(size=WIDE) as pilot:
        burst(app, "4", "hello", "tab", "4", " again")
        app.post_message(Paste(", q"))
        await until(pilot, lambda: app.home.repl is not None and app.home.query(PromptLine))
        line = app.home.query_one(PromptLine)
        await until(pilot, lambda: line.value.endswith("q"))
        assert line.value == "hello again, q"


async def test_a_key_that_never_ends_does_not_close_the_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type_ahead, "LONGEST", 0.01)
    async with open_lab() as (_, app, core):
        goes_on = asyncio.Event()
        app.home.call_later(goes_on.wait)
        burst(app, "f5")
        while not core.sent(Start):
            await asyncio.sleep(0.01)
        assert not goes_on.is_set()
        goes_on.set()
