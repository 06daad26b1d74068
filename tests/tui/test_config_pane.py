"""The configuration pane as a person uses it: fields, text, files, undo, and the run that is going."""

from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from lmcore.config import template
from lmcore.protocol.messages import Command, SetValue, StateChanged
from tests.tui.fake_core import READY, change_of, metrics_rows, run_info
from tests.tui.test_app import until
from tui.dialogs import ConfirmDialog, OpenFileDialog, SaveAsDialog
from tui.lab.state import LabState, advance_state
from tui.messages import NewRun, Notice, SendCommand
from tui.panes.config import ConfigPane
from tui.panes.config.form import FieldList
from tui.panes.config.yaml_text import YamlText

TEXT = template()
SIZE = (60, 34)


class Bench(App[None]):
    """An app with nothing but the pane; keeps what the pane tells."""

    CSS = "ConfigPane { border: round $primary; height: 1fr; }"

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.pane = ConfigPane(path)
        self.commands: list[Command] = []
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.pane
        yield Input(id="elsewhere")

    def on_mount(self) -> None:
        self.pane.focus()

    def on_send_command(self, message: SendCommand) -> None:
        self.commands.append(message.command)

    def on_notice(self, message: Notice) -> None:
        self.told.append(message)

    def on_new_run(self, message: NewRun) -> None:
        self.told.append(message)

    @property
    def notices(self) -> list[str]:
        return [message.text for message in self.told if isinstance(message, Notice)]


def config_file(folder: Path, text: str = TEXT) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def screen_text(app: App[None]) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def running_lab(text: str = TEXT, state: str = "running") -> LabState:
    started = StateChanged(state, step=3, max_steps=4000, run=run_info(config_text=text))  # type: ignore[arg-type]
    return advance_state(LabState(), [READY, started, metrics_rows([1, 2, 3])])


async def go_to(pilot: Pilot[None], app: Bench, key: str) -> None:
    app.pane.go_to(key)
    await pilot.pause()
    row = app.pane.query_one(FieldList).row
    assert row is not None and row.key == key


async def test_an_edit_in_the_form_changes_exactly_its_characters(tmp_path: Path) -> None:
    text = "# mine\nmodel:\n  d_model: 128   # width\n\ntraining: {learning_rate: 1e-3, max_steps: 500}\n"
    app = Bench(config_file(tmp_path, text))
    async with app.run_test(size=SIZE) as pilot:
        await go_to(pilot, app, "training.learning_rate")
        await pilot.press("enter")
        assert app.focused is not None and app.focused.id == "field-editor"
        await pilot.press(*"3e-4", "enter")
        await pilot.pause()
        assert app.pane.text == text.replace("1e-3", "3e-4")
        shown = screen_text(app)
        assert "● was 1e-3" in shown and "1 change" in shown and "training●" in shown
        await go_to(pilot, app, "model.d_model")
        await pilot.press("enter", *"256", "down")
        await pilot.pause()
        assert app.pane.text == text.replace("1e-3", "3e-4").replace("128", "256")
        assert app.pane.query_one(FieldList).has_focus and app.pane.query_one(FieldList).cursor == 1
        await pilot.press("u", "u")
        assert app.pane.text == text and not app.pane.is_changed
        await pilot.press("ctrl+y")
        assert app.pane.text == text.replace("1e-3", "3e-4")
        await go_to(pilot, app, "training.learning_rate")
        await pilot.press("x")
        assert app.pane.text == text


async def test_fewer_steps_than_the_warm_up_shorten_it_in_one_edit(tmp_path: Path) -> None:
    text = "training: {max_steps: 500, warmup_steps: 100}\n"
    app = Bench(config_file(tmp_path, text))
    async with app.run_test(size=SIZE) as pilot:
        await go_to(pilot, app, "training.max_steps")
        await pilot.press("enter", *"50", "enter")
        await pilot.pause()
        assert app.pane.text == "training: {max_steps: 50, warmup_steps: 10}\n"
        assert ["training.warmup_steps is 10 instead of 100" in notice for notice in app.notices] == [True]
        await pilot.press("u")
        assert app.pane.text == text


async def test_choices_and_switches_turn_with_the_arrows_and_enter(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await go_to(pilot, app, "training.schedule")
        await pilot.press("right")
        assert "schedule: linear" in app.pane.text
        await pilot.press("left", "left")
        assert "schedule: warmup_stable_decay" in app.pane.text
        await go_to(pilot, app, "model.bias")
        await pilot.press("enter")
        assert "bias: true" in app.pane.text
        assert app.pane.reading.config is not None and app.pane.reading.config.model.bias


async def test_a_wrong_value_is_shown_while_it_is_typed_with_line_and_column(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path, "model:\n  n_heads: 4\n"))
    async with app.run_test(size=SIZE) as pilot:
        await go_to(pilot, app, "model.n_heads")
        await pilot.press("enter", "3")
        await pilot.pause()
        assert "▲ 2:12" in screen_text(app) and "multiple of" in screen_text(app)
        assert app.pane.text == "model:\n  n_heads: 4\n"
        await pilot.press("escape")
        assert app.pane.text == "model:\n  n_heads: 4\n" and app.pane.query_one(FieldList).has_focus
        await pilot.press("enter", *"[b +", "enter")
        await pilot.pause()
        assert app.pane.problems[0].line == 2
        shown = screen_text(app)
        assert "▲ 2:12" in shown and "model●▲" in shown and "[b +" in shown


async def test_what_is_wrong_is_said_once_that_of_the_field_first(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path, "model: {d_model: 0, n_layers: 0}\ntraining: {batch_size: 0}\n"))
    async with app.run_test(size=SIZE) as pilot:
        for key in ("model.d_model", "training.batch_size"):
            await go_to(pilot, app, key)
            shown = screen_text(app)
            assert [shown.count(f"{key} must be"), shown.count("and 1 more")] == [1, 1]
        await pilot.press("enter", "4")
        await pilot.pause()
        assert "batch_size must be" not in screen_text(app) and "and 1 more" not in screen_text(app)
        app.pane.lab = running_lab()
        await pilot.press("escape")
        await pilot.pause()
        assert screen_text(app).count("batch_size must be") == 1


async def test_a_hook_that_does_not_exist_is_said_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "my_hooks.py").write_text("raise SystemExit  # it is read, and does not run\n")
    text = "hooks:\n  - {name: a, use: zeroo, at: '*hook_z'}\n  - {name: b, use: my_hooks.py:f, at: '*hook_z'}\n"
    app = Bench(config_file(tmp_path, text))
    async with app.run_test(size=SIZE) as pilot:
        await go_to(pilot, app, "hooks.0.enabled")
        assert [problem.line for problem in app.pane.problems] == [2, 3]
        shown = screen_text(app)
        assert "▲ 2:20 there is no forward hook 'zeroo'" in shown and "hooks▲" in shown
        app.pane.change_text(text.replace("zeroo", "zero").replace("my_hooks.py:f", "mean"))
        await pilot.pause()
        assert not app.pane.problems and "▲" not in screen_text(app)


async def test_the_text_is_highlighted_as_yaml_and_tab_leaves_it(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await go_to(pilot, app, "training.learning_rate")
        await pilot.press("y")
        await pilot.pause()
        editor = app.pane.query_one(YamlText)
        assert editor.has_focus and editor.language == "yaml" and editor.is_syntax_aware
        line = editor.cursor_location[0]
        assert "learning_rate" in editor.document.get_line(line)
        kinds = {kind for _, _, kind in editor._highlights[line]}
        assert "yaml.field" in kinds and "number" in kinds
        shown = [segment for y in range(editor.size.height) for segment in editor.render_line(y)]
        colours = {segment.style.color for segment in shown if segment.style and segment.text.strip().isalpha()}
        assert len(colours) > 1
        before = editor.text
        await pilot.press("tab")
        assert editor.text == before and app.focused is not None and app.focused.id == "elsewhere"
        editor.focus()
        await pilot.press("escape")
        assert not app.pane.shows_text and app.pane.query_one(FieldList).has_focus


async def test_typed_text_is_checked_and_the_form_follows(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path, "model:\n  d_model: 128\n"))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("f3")
        editor = app.pane.query_one(YamlText)
        editor.move_cursor(editor.document.end)
        await pilot.press(*"  n_headz: 2")
        await until(pilot, lambda: app.pane.problems)
        assert "▲ 3:3" in screen_text(app) and "n_heads" in screen_text(app)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: app.pane.problems == ())
        editor.text = "model: [unclosed"
        await pilot.press("f3")
        await until(pilot, lambda: "not readable as YAML" in screen_text(app))
        assert app.pane.problems


async def test_sections_open_by_brackets_arrows_and_mouse(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("]")
        assert app.pane.section == "training"
        await pilot.press("[", "up")
        assert app.pane.section == "model"
        await pilot.press("end", "down")
        assert app.pane.section == "training" and app.pane.query_one(FieldList).cursor == 0
        await pilot.click("#sections", offset=(1, 0))
        assert app.pane.section == "model"
        await pilot.click("#fields", offset=(4, 2))
        assert app.pane.query_one(FieldList).cursor == 2
        await pilot.click("#fields", offset=(30, 2))
        assert app.focused is not None and app.focused.id == "field-editor"


async def test_a_field_is_found_by_name(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("slash", *"weight_dec", "enter")
        row = app.pane.query_one(FieldList).row
        assert row is not None and row.key == "training.weight_decay"
        await pilot.press("escape")
        assert app.pane.section == "training" and not app.pane.query_one("#filter", Input).display
        row = app.pane.query_one(FieldList).row
        assert row is not None and row.key == "training.weight_decay"


async def test_saving_and_a_file_that_someone_else_changed(tmp_path: Path) -> None:
    path = config_file(tmp_path, "model:\r\n  d_model: 128 # width\r\n")
    app = Bench(path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.set_value("model.d_model", "64")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert path.read_bytes() == b"model:\r\n  d_model: 64 # width\r\n" and not app.pane.is_changed
        path.write_text("other: {}\n")
        app.pane.set_value("model.d_model", "32")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("enter")
        assert path.read_text() == "other: {}\n"
        await pilot.press("ctrl+s")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert "d_model: 32" in path.read_text()
        assert [p.name for p in tmp_path.iterdir()] == ["mine.yaml"]


async def test_a_packaged_file_is_a_starting_point_that_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged, here = tmp_path / "packaged", tmp_path / "here"
    packaged.mkdir(), here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("lmcore.config.locate.packaged_folder", lambda: packaged)
    path = config_file(packaged)
    app = Bench(path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.set_value("model.d_model", "64")
        await pilot.press("ctrl+s")
        await pilot.pause()
        line = app.screen.query_one(Input)
        assert line.value == "configs/mine.yaml" and "folder configs will be made" in screen_text(app)
        line.value = str(path)
        await pilot.press("enter")
        assert isinstance(app.screen, SaveAsDialog) and "stays as it is" in " ".join(screen_text(app).split())
        line.value = "configs/mine.yaml"
        await pilot.press("enter")
        await pilot.pause()
        assert app.pane.path == Path("configs/mine.yaml") and "d_model: 64" in app.pane.path.read_text()
        assert path.read_text() == TEXT and not app.pane.is_changed


async def test_what_is_wrong_is_saved_only_after_a_yes(tmp_path: Path) -> None:
    path = config_file(tmp_path)
    app = Bench(path)
    async with app.run_test(size=SIZE) as pilot:
        app.pane.set_value("model.d_model", '""')
        for key in ("ctrl+s", "w"):
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, ConfirmDialog) and "d_model" in screen_text(app)
            await pilot.press("enter")
            assert path.read_text() == TEXT and app.pane.is_changed
        await pilot.press("ctrl+s")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert 'd_model: ""' in path.read_text()


async def test_a_file_that_is_changed_on_disk_is_read_again_unless_something_is_unsaved(tmp_path: Path) -> None:
    path = config_file(tmp_path, "model:\n  d_model: 128\n")
    app = Bench(path)
    async with app.run_test(size=SIZE) as pilot:
        pane = app.pane
        path.write_text("model:\n  d_model: 64\n")
        pane.follow_file()
        assert pane.text == path.read_text() and not pane.is_changed
        pane.set_value("model.d_model", "32")
        path.write_text("model:\n  d_model: 1024\n")
        pane.follow_file()
        pane.follow_file()
        await pilot.pause()
        assert "d_model: 32" in pane.text and "changed on disk" in screen_text(app)
        assert [("Read" in notice, "^r" in notice) for notice in app.notices] == [(True, False), (False, True)]
        await pilot.press("ctrl+r")
        assert pane.text == path.read_text() and not pane.is_changed
        await pilot.press("u")
        assert "d_model: 32" in pane.text and pane.is_changed
        path.write_bytes(b"\xff")
        pane.follow_file()
        path.unlink()
        pane.follow_file()
        await pilot.pause()
        assert "d_model: 32" in pane.text and "not UTF-8" in app.notices[-1]


async def test_save_as_and_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    app = Bench(None)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(app.screen, SaveAsDialog)
        app.screen.query_one(Input).value = str(tmp_path / "new")
        await pilot.press("enter")
        await pilot.pause()
        assert (tmp_path / "new.yaml").read_text() == TEXT and app.pane.path == tmp_path / "new.yaml"
        (tmp_path / "new.yaml").unlink()
        tmp_path.rmdir()
        app.pane.set_value("model.d_model", "64")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert "cannot be saved" in app.notices[-1] and app.pane.is_changed


async def test_opening_another_file_asks_about_changes_and_survives_bad_files(tmp_path: Path) -> None:
    path = config_file(tmp_path)
    other = tmp_path / "other.yaml"
    other.write_text("model:\n  d_model: 64\n")
    app = Bench(path)
    async with app.run_test(size=(100, 30)) as pilot:
        app.pane.set_value("model.d_model", "256")
        await pilot.press("o")
        await pilot.pause()
        assert isinstance(app.screen, OpenFileDialog)
        app.screen.query_one(Input).value = str(other)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog)
        await pilot.press("y")
        await pilot.pause()
        assert app.pane.path == other and app.pane.text == "model:\n  d_model: 64\n"
        binary = tmp_path / "binary.yaml"
        binary.write_bytes(b"\xff\x00\xfe")
        assert not app.pane.load(binary) and not app.pane.load(tmp_path / "none.yaml")
        await pilot.pause()
        assert len(app.notices) == 2 and app.pane.path == other


async def test_applying_changes_what_can_change_and_offers_a_new_run(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("a")
        assert "No run is going" in app.notices[-1]
        app.pane.lab = running_lab()
        app.pane.set_value("training.learning_rate", "2e-3")
        await go_to(pilot, app, "training.learning_rate")
        assert "◆" in screen_text(app) and "changes while running" in screen_text(app)
        await pilot.press("a")
        await pilot.pause()
        assert app.commands == [SetValue("training.learning_rate", "0.002")]
        changed = change_of(app.pane.lab, "training.learning_rate", "0.002")
        app.pane.lab = advance_state(app.pane.lab, [changed])
        await pilot.pause()
        assert "◆" not in screen_text(app)
        app.pane.set_value("model.d_model", "192")
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(app.screen, ConfirmDialog) and "model.d_model 128 → 192" in screen_text(app)
        await pilot.press("y")
        await pilot.pause()
        assert isinstance(app.told[-1], NewRun) and "d_model: 192" in app.told[-1].config_text
        assert len(app.commands) == 1


async def test_nothing_wrong_is_applied(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        app.pane.lab = running_lab()
        app.pane.set_value("model.d_model", "-1")
        await pilot.press("a")
        await pilot.pause()
        assert not app.commands and "mend" in app.notices[-1]


async def test_the_foot_says_what_the_configuration_would_mean(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert "M parameters" in screen_text(app) and "not measured yet" in screen_text(app)
        app.pane.lab = running_lab()
        await pilot.pause()
        assert "for 4,000 steps" in screen_text(app)


async def test_an_unreadable_first_file_is_told_and_the_template_shown(tmp_path: Path) -> None:
    app = Bench(tmp_path / "none.yaml")
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert app.pane.path is None and app.pane.text == TEXT and "cannot be read" in app.notices[0]


async def test_strange_text_is_shown_as_text(tmp_path: Path) -> None:
    text = 'evaluation:\n  prompt: "[/ [b + \\e[2J 森 🎉 [red]x[/red]"\n'
    app = Bench(config_file(tmp_path, text))
    async with app.run_test(size=(100, 24)) as pilot:
        await go_to(pilot, app, "evaluation.prompt")
        shown = screen_text(app)
        assert "[/ [b +" in shown and "[red]x[/red]" in shown and "\x1b" not in shown
        await pilot.press("enter", "home", "right", "!", "enter")
        await pilot.pause()
        assert app.pane.reading.config is not None
        assert app.pane.reading.config.evaluation.prompt == "![/ [b + \x1b[2J 森 🎉 [red]x[/red]"


async def test_the_form_draws_no_widget_for_each_field(tmp_path: Path) -> None:
    app = Bench(config_file(tmp_path))
    async with app.run_test(size=SIZE):
        assert len(app.pane.query("*")) < 16
