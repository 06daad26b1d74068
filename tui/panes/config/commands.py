"""What the keys of the configuration pane do with files, with its two views, and with the run that is going."""

from pathlib import Path
from typing import TYPE_CHECKING

from lmcore.config import ConfigError, is_packaged, list_configs, read_config_text
from lmcore.config.locate import LOCAL
from tui.dialogs import ConfirmDialog, OpenFileDialog, SaveAsDialog, as_config_path
from tui.lab.state import LOOKING_BACK
from tui.messages import NewRun, Notice, SendCommand
from tui.panes.config.application import Plan, describe, plan
from tui.panes.config.files import SaveError, save
from tui.panes.config.form import FieldList
from tui.panes.config.on_disk import same_lines
from tui.panes.config.reading import key_at
from tui.panes.config.yaml_text import YamlText

if TYPE_CHECKING:
    from tui.panes.config.pane import ConfigPane


def toggle_text(pane: "ConfigPane") -> None:
    """Change between the form and the text; the cursor stays on the same field."""
    text, form = pane.query_one(YamlText), pane.query_one(FieldList)
    if pane.shows_text:
        key = key_at(pane.reading, text.offset_of_cursor)
        pane.remove_class("-text")
        if key is not None and (form.row is None or key != form.row.key):
            pane.go_to(key)
    else:
        text.start_highlighting()
        pane.add_class("-text")
        value = pane.reading.values.get(form.row.key) if form.row is not None else None
        if value is not None and value.offset >= 0:
            text.go_to(value.offset)
        elif pane.reading.problems:
            first = pane.reading.problems[0]
            text.move_cursor((first.line - 1, first.column - 1), center=True)
    pane.focus()


async def apply_to_run(pane: "ConfigPane") -> None:
    """Change what can change in the run that is going, and offer a new run for the rest."""
    pane.follow_file()
    if pane.problems:
        pane.post_message(Notice("Not applied: mend what is wrong with the configuration first.", "warning"))
        return
    running, wanted = pane.open_run_config, pane.reading.config
    if running is None or wanted is None:
        pane.post_message(Notice("No run is going. F5 starts one with this configuration."))
        return
    if pane.lab.moment is not None:
        pane.post_message(Notice(LOOKING_BACK, "warning"))
        return
    found = plan(running, wanted)
    for command in found.commands:
        pane.post_message(SendCommand(command))
    if found.needs_new_run:
        if await _confirmed(pane, _new_run_instead(found)):
            pane.post_message(NewRun(pane.text, agreed=True))
    elif not found.commands:
        pane.post_message(Notice("The run already has this configuration."))


def _new_run_instead(found: Plan) -> ConfirmDialog:
    lines = [f"  {describe(difference)}" for difference in found.needs_new_run[:8]]
    if len(found.needs_new_run) > 8:
        lines.append(f"  and {len(found.needs_new_run) - 8} more")
    applied = f"Changed now: {len(found.commands)}. " if found.commands else ""
    return ConfirmDialog(
        "Apply",
        f"{applied}A run cannot change this while it goes on:\n\n" + "\n".join(lines),
        yes="Start a new run",
        no="Not now",
        note="A new run takes the whole configuration; the present one is stopped and saved, and can be resumed.",
    )


async def save_text(pane: "ConfigPane") -> None:
    """Save the text in its file; asks where it is wrong, where it has none of its own, where that has changed."""
    path = pane.path
    if path is None or is_packaged(path):
        await save_text_as(pane)
    elif await _may_be_wrong(pane) and (_is_as_read(pane, path) or await _may_replace(pane, path)):
        _write(pane, path)


async def save_text_as(pane: "ConfigPane") -> None:
    """Ask for a path and save the text there."""
    if await _may_be_wrong(pane):
        path = pane.path
        dialog = SaveAsDialog(LOCAL / path.name if path and is_packaged(path) else path)
        answer = await pane.app.push_screen_wait(dialog)
        if answer is not None:
            _write(pane, as_config_path(answer))


async def open_file(pane: "ConfigPane") -> None:
    """Ask for another file and show it; asks first when the present text is not saved."""
    path = await pane.app.push_screen_wait(OpenFileDialog(list_configs(), pane.path))
    question = f"The changes of {pane.path or 'this configuration'} are not saved."
    dialog = ConfirmDialog("Open", question, yes="Drop them", no="Stay")
    if path is not None and (not pane.is_changed or await _confirmed(pane, dialog)):
        pane.load(path)


async def _may_be_wrong(pane: "ConfigPane") -> bool:
    """Whether the text is right, or to be saved though it is wrong."""
    if not pane.problems:
        return True
    first = pane.problems[0]
    text = (
        f"The configuration is wrong as it is, and nothing can be trained with it.\nLine {first.line}: {first.message}"
    )
    return await _confirmed(pane, ConfirmDialog("Save", text, yes="Save it as it is", no="Not now"))


def _is_as_read(pane: "ConfigPane", path: Path) -> bool:
    """Whether the file still says what was read from it or saved in it, or is gone."""
    try:
        return same_lines(read_config_text(path), pane.saved_text)
    except ConfigError:
        return True


async def _may_replace(pane: "ConfigPane", path: Path) -> bool:
    question = f"{path} was changed by someone else since it was opened."
    return await _confirmed(pane, ConfirmDialog("Save", question, yes="Replace it", no="Keep it"))


async def _confirmed(pane: "ConfigPane", dialog: ConfirmDialog) -> bool:
    answer: bool | None = await pane.app.push_screen_wait(dialog)
    return bool(answer)


def revert(pane: "ConfigPane") -> None:
    """Give the field under the cursor the value that the file has."""
    row = pane.query_one(FieldList).row
    if row is not None and row.was is not None:
        pane.set_value(row.key, row.was)


def _write(pane: "ConfigPane", path: Path) -> None:
    try:
        save(path, pane.text)
    except SaveError as error:
        pane.post_message(Notice(f"{error}. It can be saved under another name (w).", "error"))
        return
    pane.mark_saved(path)
    pane.post_message(Notice(f"Saved {path}"))
