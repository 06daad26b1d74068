"""Changed hooks, brought to the run that is open or to the text of the configuration."""

import contextlib

from lmcore.config import ConfigError, HookConfig, TrainingConfig, differences
from lmcore.config.hook_list import set_hooks_in_text
from tui.desk.desk import Desk
from tui.desk.effects import ChangeText, Send, Tell, Way
from tui.lab.hook_changes import hook_commands
from tui.lab.state import LOOKING_BACK


def change_hooks(desk: Desk, hooks: tuple[HookConfig, ...]) -> Way:
    """Let the hooks be these: of the run that is open, or else in the text of the configuration."""
    sheet = desk.sheet
    if sheet is None:
        return
    if desk.lab.moment is not None:
        yield Tell(LOOKING_BACK, "warning")
    elif desk.lab.has_open_run:
        running = sheet.open_run_config
        yield Send(hook_commands(running.hooks if running is not None else (), hooks))
    else:
        try:
            yield ChangeText(set_hooks_in_text(sheet.text, hooks))
        except ConfigError as error:
            yield Tell(f"Not changed: {error}", "warning")


def follow_run(desk: Desk, before: TrainingConfig | None, after: TrainingConfig | None) -> Way:
    """Write changed hooks of the run into the configuration, too, where it said what the run did so far: otherwise the
    next `apply` would take them back."""
    sheet = desk.sheet
    if sheet is None or sheet.config is None or before is None or after is None or before.hooks == after.hooks:
        return
    if all(difference.key.startswith("other.") for difference in differences(before, sheet.config)):
        with contextlib.suppress(ConfigError):
            yield ChangeText(set_hooks_in_text(sheet.text, after.hooks))
