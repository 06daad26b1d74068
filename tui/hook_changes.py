"""From the hooks that are to those that should be: commands for a run that goes on, or a configuration's text."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lmcore.config import ConfigError, HookConfig, TrainingConfig, differences, to_yaml_value
from lmcore.config.hook_list import hooks_text, set_hooks_in_text
from lmcore.process.messages import Command, SetValue, ToggleHook
from tui.lab_state import LOOKING_BACK

if TYPE_CHECKING:
    from tui.app import LabApp

_LIVE = ("at", "with", "from_step", "until_step")
"""What of one hook may be set by itself, besides its switch."""


def hook_commands(old: Sequence[HookConfig], new: Sequence[HookConfig]) -> tuple[Command, ...]:
    """The commands that bring a run from the hooks `old` to `new`: switches, one value of a hook, or the whole list."""
    whole = SetValue("hooks", hooks_text(new))
    if [hook.name for hook in old] != [hook.name for hook in new]:
        return (whole,)
    commands: list[Command] = []
    for before, after in zip(old, new, strict=True):
        values = before.model_dump(by_alias=True), after.model_dump(by_alias=True)
        differing = [name for name in values[0] if values[0][name] != values[1][name]]
        if differing and not after.name:
            return (whole,)
        if differing == ["enabled"]:
            commands.append(ToggleHook(after.name, after.enabled))
        elif len(differing) == 1 and differing[0] in _LIVE:
            commands.append(SetValue(f"hooks.{after.name}.{differing[0]}", to_yaml_value(values[1][differing[0]])))
        elif differing:
            return (whole,)
    return tuple(commands)


def moved(hooks: Sequence[HookConfig], index: int, by: int) -> tuple[HookConfig, ...]:
    """The hooks with one of them a place earlier or later; as they are at the ends."""
    target = index + by
    if not (0 <= index < len(hooks) and 0 <= target < len(hooks)):
        return tuple(hooks)
    listed = list(hooks)
    listed.insert(target, listed.pop(index))
    return tuple(listed)


def free_name(wanted: str, taken: Sequence[str]) -> str:
    """A name that no other hook has: the wanted one, or with a number behind it."""
    number, name = 2, wanted
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


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
