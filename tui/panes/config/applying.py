"""Bringing an edited configuration to the run that is going: what can change now, and what needs a new run."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.config import (
    ConfigError,
    Difference,
    TrainingConfig,
    differences,
    get_from_config,
    parse_config,
    parse_yaml_value,
    to_yaml_value,
    with_value,
)
from lmcore.protocol.messages import Command, RunInfo, SetValue, ValueChanged
from tui.lab.hook_changes import hook_commands
from tui.lab.state import LabState

GIVEN_AT_START = ("other.name", "other.runs_folder")
"""What the lab gives a run that it starts where the configuration is silent: no edit of the person's."""


@dataclass(frozen=True)
class Plan:
    """Commands that change the run now, and the differences that need a new run."""

    commands: tuple[Command, ...]
    needs_new_run: tuple[Difference, ...]


def running_config(run: RunInfo | None, changes: Sequence[ValueChanged]) -> TrainingConfig | None:
    """What the open run trains with: its configuration with the changes made since. None if there is none."""
    if run is None:
        return None
    try:
        config = parse_config(run.config_text)
    except ConfigError:
        return None
    for change in changes:
        try:
            config = _after(config, change)
        except (ConfigError, KeyError):
            continue  # a field of another version
    return config


def seen_config(lab: LabState) -> TrainingConfig | None:
    """What the open run trains with; of an earlier moment that one looks at, what it trained with then."""
    if lab.moment is None:
        return running_config(lab.run, lab.changes)
    return parse_config(lab.moment.config_text)


def _after(config: TrainingConfig, change: ValueChanged) -> TrainingConfig:
    """The configuration after a change. A hook goes by its name; its switch says on or off."""
    if not change.key.startswith("hooks."):
        return with_value(config, change.key, parse_yaml_value(change.new))
    whole = change.key.removeprefix("hooks.")
    name, _, part = whole.rpartition(".")
    for index, hook in enumerate(config.hooks):
        if hook.name == whole or (hook.name == name and part == "enabled"):
            return with_value(config, f"hooks.{index}.enabled", change.new in ("on", "true"))
        if hook.name == name:
            return with_value(config, f"hooks.{index}.{part}", parse_yaml_value(change.new))
    return config


def plan(running: TrainingConfig, wanted: TrainingConfig) -> Plan:
    """How to bring the running run to the wanted configuration, as far as it can be."""
    commands: list[Command] = []
    needs_new_run: list[Difference] = []
    for difference in differences(running, wanted):
        if difference.key.startswith("hooks") or _is_given_at_start(difference):
            continue
        if difference.live:
            commands.append(SetValue(difference.key, to_yaml_value(difference.new)))
        else:
            needs_new_run.append(difference)
    if running.hooks != wanted.hooks:
        commands += hook_commands(running.hooks, wanted.hooks)
    return Plan(tuple(commands), tuple(needs_new_run))


def _is_given_at_start(difference: Difference) -> bool:
    key = difference.key
    return key in GIVEN_AT_START and difference.new == get_from_config(TrainingConfig(), key)


def describe(difference: Difference) -> str:
    """A difference in a few words: model.d_model 128 → 192."""
    return f"{difference.key} {to_yaml_value(difference.old)} → {to_yaml_value(difference.new)}"
