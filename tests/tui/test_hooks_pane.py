"""The hooks pane as a person uses it: before a run it edits the configuration, in a run it sends what changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lmcore.config import parse_config, template
from lmcore.protocol.messages import (
    Agree,
    ConsentWanted,
    DescribeHooks,
    Failed,
    HookStatistics,
    Rejected,
    Resume,
    SetValue,
    Start,
    StateChanged,
    Step,
)
from tests.tui.fake_core import CODE, HOOKS, FakeCore, change_of, hook_description, hook_rows, run_info
from tests.tui.test_app import NARROW, WIDE, notices, shown_panes, text_of, until
from tests.tui.test_type_ahead import burst
from tui.app import LabApp
from tui.dialogs import ConfirmDialog, ConsentDialog, TracebackDialog
from tui.panes.config.yaml_text import YamlText
from tui.panes.hooks import HooksPane
from tui.panes.hooks.catalogue import CatalogueDialog
from tui.panes.hooks.form import HookForm

Lab = Pilot[None]

NO_HOOKS = "hooks: []\n"


@pytest.fixture(autouse=True)
def a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and histories of these tests go to a folder that is thrown away."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@asynccontextmanager
async def open_hooks(
    hooks: str = HOOKS, size: tuple[int, int] = WIDE, running: bool = False
) -> AsyncIterator[tuple[Lab, LabApp, FakeCore, HooksPane]]:
    """The lab with a configuration that declares hooks, the hooks pane in focus."""
    text = template().replace(NO_HOOKS, hooks)
    path = Path("mine.yaml")
    path.write_text(text, encoding="utf-8")
    app = LabApp(path, FakeCore)
    core = app.core
    assert isinstance(core, FakeCore)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.home.repl is not None and app.focused is not None)
        core.get_ready()
        if running:
            core.push(StateChanged("preparing"), StateChanged("running", 1240, 4000, run_info(config_text=text)))
            core.push(HookStatistics(1240, hook_rows()))
        pane = app.home.hooks
        assert pane is not None
        await pilot.press("5")
        await until(pilot, lambda: pane.has_focus and app.lab.core == "ready" and (pane.hooks or hooks == NO_HOOKS))
        if running:
            await until(pilot, lambda: bool(app.lab.hooks))
            app.show_state()
        await pilot.pause()
        yield pilot, app, core, pane


def declared(app: LabApp) -> list[str]:
    assert app.home.config is not None
    return [hook.name for hook in parse_config(app.home.config.text).hooks]


async def test_the_empty_pane_says_what_to_do() -> None:
    async with open_hooks(NO_HOOKS) as (pilot, app, core, _):
        assert "No hooks yet." in text_of(app) and "Press a to add one." in text_of(app)
        await pilot.press("space", "enter", "d")
        assert not core.commands and "a adds one" in notices(app)[-1]


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_hooks_are_shown_with_what_the_run_tells(size: tuple[int, int]) -> None:
    async with open_hooks(size=size, running=True) as (pilot, app, core, _):
        shown = text_of(app)
        assert "5 Hooks ── 2 of 3 on · at step 1,240" in shown
        for part in ("● on", "○ off", "silence-a-head", "forward zero · blocks.1.attn.hook_z · from step 500"):
            assert part in shown
        for number in ("740", "4,960", "0.31", "1.2e-2", "0.50"):
            assert number in shown
        core.push(HookStatistics(1260, hook_rows(1260, 0.2)))
        await until(pilot, lambda: app.lab.hooks_step == 1260)
        app.show_state()
        await until(pilot, lambda: "0.20" in text_of(app) and "▁" in text_of(app))


async def test_layers_and_hooks_share_a_place_where_four_panes_are_shown() -> None:
    async with open_hooks() as (pilot, app, _, pane):
        assert shown_panes(app) == ["config", "loss", "hooks", "repl"] and "─ 3 Layers ─" in text_of(app)
        await pilot.press("3")
        assert shown_panes(app) == ["config", "loss", "layers", "repl"]
        await until(pilot, lambda: "─ 5 Hooks · 2 of 3 on ─" in text_of(app))
        layers = app.home.pane("layers")
        await pilot.click(layers, offset=(layers.size.width - 2, layers.outer_size.height - 1))
        await until(pilot, lambda: pane.has_focus and not layers.display)
        await pilot.press("1")
        assert pane.display and not layers.display


async def test_before_a_run_keys_edit_the_configuration() -> None:
    async with open_hooks() as (pilot, app, core, pane):
        await pilot.press("space")
        await until(pilot, lambda: "○ off   silence-a-head" in text_of(app))
        await pilot.press("ctrl+down")
        await until(pilot, lambda: declared(app) == ["softer", "silence-a-head", "keep-logits-small"])
        assert pane.cursor == 1
        await pilot.press("d")
        await until(pilot, lambda: declared(app) == ["softer", "keep-logits-small"])
        assert not core.commands
        await pilot.press("1", "u", "u", "u")
        await until(pilot, lambda: pane.hooks == parse_config(HOOKS).hooks)


async def test_in_a_run_keys_send_what_changes() -> None:
    async with open_hooks(running=True) as (pilot, app, core, pane):
        await pilot.press("space")
        assert core.commands[-1] == SetValue("hooks.silence-a-head.enabled", "false")
        core.push(change_of(app.lab, "hooks.silence-a-head.enabled", "false"))
        await until(pilot, lambda: "○ off   silence-a-head" in text_of(app))
        await until(pilot, lambda: not pane.of_config[0].enabled)  # type: ignore[index]
        await pilot.press("down", "ctrl+up")
        change = core.commands[-1]
        assert isinstance(change, SetValue) and change.key == "hooks" and pane.cursor == 0
        core.push(change_of(app.lab, "hooks", change.value))
        await until(pilot, lambda: [hook.name for hook in pane.hooks][:2] == ["softer", "silence-a-head"])
        await until(pilot, lambda: declared(app)[:2] == ["softer", "silence-a-head"])
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("y")
        await until(pilot, lambda: core.commands[-1] != change)
        removed = core.commands[-1]
        assert isinstance(removed, SetValue) and "softer" not in removed.value and "silence" in removed.value


async def test_a_configuration_that_differs_from_the_run_is_left_alone() -> None:
    async with open_hooks(running=True) as (pilot, app, core, pane):
        assert app.home.config is not None
        app.home.config.set_value("model.d_model", "64")
        before = app.home.config.text
        core.push(change_of(app.lab, "hooks.softer.enabled", "false"))
        await until(pilot, lambda: not pane.hooks[1].enabled)
        assert app.home.config.text == before


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_hook_is_added_from_the_catalogue(size: tuple[int, int]) -> None:
    async with open_hooks(NO_HOOKS, size) as (pilot, app, core, pane):
        await pilot.press("a")
        (asked,) = core.sent(DescribeHooks)
        assert "d_model" in asked.config_text and Path(asked.config_folder).resolve() == Path.cwd()
        core.push(hook_description(asked.request))
        await until(pilot, lambda: isinstance(app.screen, CatalogueDialog))
        await pilot.press(*"heads", "enter")
        await until(pilot, lambda: isinstance(app.screen, HookForm))
        await pilot.pause()
        assert "Add a hook ── forward zero" in text_of(app) and "24 of 24 places" in text_of(app)
        await pilot.press(*"1.attn z")
        await until(pilot, lambda: "blocks.1.attn.hook_z   [batch, pos, 4, 32]" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "▲ no place is called 1.attn z" in text_of(app))
        await pilot.press("down", "tab", *"[2]", "enter")
        await until(pilot, lambda: declared(app) == ["zero"])
        (hook,) = pane.hooks
        assert (hook.use, hook.at, hook.with_) == ("zero", "blocks.1.attn.hook_z", {"heads": [2]})
        await until(pilot, lambda: pane.has_focus and "● on    zero" in text_of(app))


async def test_arguments_are_edited_in_a_run() -> None:
    async with open_hooks(running=True) as (pilot, app, core, _):
        await pilot.press("down", "enter")
        (asked,) = core.sent(DescribeHooks)
        assert asked.config_text == ""
        core.push(hook_description(asked.request))
        await until(pilot, lambda: isinstance(app.screen, HookForm))
        await pilot.pause()
        assert "at means 4 of" in text_of(app)
        await pilot.press("end", "backspace", "2", "enter")
        await until(pilot, lambda: core.commands[-1] == SetValue("hooks.softer.with", "{factor: 0.2}"))


async def test_a_hook_of_ones_own_is_named_in_the_form() -> None:
    async with open_hooks(NO_HOOKS) as (pilot, app, core, pane):
        await pilot.press("a")
        core.push(hook_description(core.sent(DescribeHooks)[-1].request))
        await until(pilot, lambda: isinstance(app.screen, CatalogueDialog))
        await pilot.press("up", "enter")
        await until(pilot, lambda: isinstance(app.screen, HookForm))
        await pilot.pause()
        await pilot.press(*"my_hooks.py:f", "tab", *"blocks.0.attn.hook_z", "enter")
        await until(pilot, lambda: len(pane.hooks) == 1)
        assert (pane.hooks[0].use, pane.hooks[0].at) == ("my_hooks.py:f", "blocks.0.attn.hook_z")


async def test_a_refused_question_is_told() -> None:
    async with open_hooks() as (pilot, app, core, _):
        await pilot.press("a")
        core.push(Rejected("DescribeHooks", "It cannot be.", core.sent(DescribeHooks)[-1].request))
        await until(pilot, lambda: bool(notices(app)))
        assert notices(app)[-1] == "It cannot be." and app.screen is app.home


async def test_what_is_typed_while_the_core_is_asked_goes_to_the_dialogs() -> None:
    async with open_hooks() as (pilot, app, core, pane):
        burst(app, "azero", "enter", "blocks.0.attn.hook_z", "enter")
        await until(pilot, lambda: isinstance(app.screen, CatalogueDialog) and "zero" in text_of(app))
        assert "Asking the core …" in text_of(app)
        core.push(hook_description(core.sent(DescribeHooks)[-1].request))
        await until(pilot, lambda: len(pane.hooks) == 4)
        assert (pane.hooks[3].use, pane.hooks[3].at) == ("zero", "blocks.0.attn.hook_z") and not app.home.is_zoomed
        burst(app, "up", "enter", "xyz", "escape", "up")  # escape gives up what came after enter
        await until(pilot, lambda: pane.cursor == 1)
        core.push(hook_description(core.sent(DescribeHooks)[-1].request))
        await pilot.pause()
        assert app.screen is app.home


async def test_files_are_shown_and_run_only_after_a_yes() -> None:
    async with open_hooks() as (pilot, app, core, _):
        await pilot.press("1", "f5")
        start = core.sent(Start)[-1]
        core.push(ConsentWanted("Start", (CODE,)))
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog) and "return x" in text_of(app))
        shown = text_of(app)
        assert CODE.path in shown and CODE.digest in shown and "return x * factor" in shown
        await pilot.press("enter")  # No has the focus
        await until(pilot, lambda: "was not agreed to" in (notices(app) or [""])[-1])
        assert core.commands == [start] and Path(start.config_folder) == Path.cwd()
        core.push(ConsentWanted("Start", (CODE,)))
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("y")
        await until(pilot, lambda: core.commands[-2:] == [Agree((CODE.digest,)), start])
        await pilot.pause()
        assert not app.screen.query_one(YamlText).display, (
            "the key that answered also went to the pane below, where y shows the YAML"
        )


async def test_the_first_step_of_a_run_waits_for_the_answer() -> None:
    async with open_hooks() as (pilot, app, core, _):
        await pilot.press("f6")
        core.push(ConsentWanted("Start", (CODE,)), Rejected("Step", "There is no run yet."))
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("y")
        await until(pilot, lambda: [type(command) for command in core.commands[-3:]] == [Agree, Start, Step])
        assert not notices(app)


async def test_an_edited_file_is_asked_about_and_the_run_goes_on_after_a_yes() -> None:
    async with open_hooks(running=True) as (pilot, app, core, _):
        core.push(StateChanged("paused", 3, 4000, app.lab.run), ConsentWanted("Resume", (CODE,)))
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await pilot.press("y")
        await until(pilot, lambda: core.commands[-1:] == [Resume()])
        assert core.commands[-2] == Agree((CODE.digest,))


async def test_an_error_in_ones_own_code_shows_its_traceback() -> None:
    async with open_hooks(running=True) as (pilot, app, core, pane):
        core.push(Failed("The hook soft failed at step 3.", 'File "my_hooks.py", line 6\nZeroDivisionError\n'))
        core.push(StateChanged("paused", 3, 4000, app.lab.run, "The hook soft failed at step 3."))
        await until(pilot, lambda: isinstance(app.screen, TracebackDialog))
        assert not notices(app)  # told once
        assert "ZeroDivisionError" in text_of(app) and "nothing is lost" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: pane.has_focus)
