"""Changed hooks, brought to the run that is open or to the text of the configuration."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lmcore.config import ConfigError, HookConfig, TrainingConfig, differences
from lmcore.config.hook_list import set_hooks_in_text
from tui.lab.hook_changes import hook_commands
from tui.lab.state import LOOKING_BACK

if TYPE_CHECKING:
    from tui.app import LabApp


def change_hooks(app: LabApp, hooks: tuple[HookConfig, ...]) -> None:
    """Let the hooks be these: of the run that is open, or else in the text of the configuration."""
    config = app.home.config
    if config is None:
        return
    if app.lab.moment is not None:
        app.tell(LOOKING_BACK, "warning")
        return
    if app.lab.has_open_run:
        running = config.open_run_config
        app.send(*hook_commands(running.hooks if running is not None else (), hooks))
        return
    try:
        config.change_text(set_hooks_in_text(config.text, hooks))
    except ConfigError as error:
        app.tell(f"Not changed: {error}", "warning")


def follow_run(app: LabApp, before: TrainingConfig | None, after: TrainingConfig | None) -> None:
    """Write changed hooks of the run into the configuration, too, where it said what the run did so far: otherwise the
    next `apply` would take them back."""
    pane = app.home.config
    if pane is None or before is None or after is None or before.hooks == after.hooks:
        return
    wanted = pane.reading.config
    if wanted is None or any(not difference.key.startswith("other.") for difference in differences(before, wanted)):
        return
    with contextlib.suppress(ConfigError):
        pane.change_text(set_hooks_in_text(pane.text, after.hooks))
