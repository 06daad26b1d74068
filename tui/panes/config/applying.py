"""Bringing an edited configuration to the run that is going: what can change now, and what needs a new run."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.config import (
    ConfigError,
    Difference,
    TrainingConfig,
    differences,
    parse_config,
    parse_yaml_value,
    to_yaml_value,
    with_value,
)
from lmcore.process.messages import Command, RunInfo, SetValue, ToggleHook, ValueChanged


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


def _after(config: TrainingConfig, change: ValueChanged) -> TrainingConfig:
    """The configuration after a change; a hook's switch goes by the hook's name and says on or off."""
    name = change.key.removeprefix("hooks.").removesuffix(".enabled")
    for index, hook in enumerate(config.hooks):
        if change.key.startswith("hooks.") and hook.name == name:
            return with_value(config, f"hooks.{index}.enabled", change.new in ("on", "true"))
    return with_value(config, change.key, parse_yaml_value(change.new))


def plan(running: TrainingConfig, wanted: TrainingConfig) -> Plan:
    """How to bring the running run to the wanted configuration, as far as it can be."""
    commands: list[Command] = []
    needs_new_run: list[Difference] = []
    for difference in differences(running, wanted):
        if difference.key.startswith("hooks"):
            continue
        if difference.live:
            commands.append(SetValue(difference.key, to_yaml_value(difference.new)))
        else:
            needs_new_run.append(difference)
    before = {hook.name: hook for hook in running.hooks}
    after = {hook.name: hook for hook in wanted.hooks}
    for name, hook in after.items():
        other = before.get(name)
        if other is not None and other != hook and other.model_copy(update={"enabled": hook.enabled}) == hook:
            commands.append(ToggleHook(name, hook.enabled))
    if [_inert(hook) for hook in running.hooks] != [_inert(hook) for hook in wanted.hooks]:
        needs_new_run.append(Difference("hooks", running.hooks, wanted.hooks, live=False, learned=True))
    return Plan(tuple(commands), tuple(needs_new_run))


def _inert(hook: object) -> object:
    return hook.model_copy(update={"enabled": True})  # type: ignore[attr-defined]


def describe(difference: Difference) -> str:
    """A difference in a few words: model.d_model 128 → 192."""
    if difference.key == "hooks":
        return "hooks: not the same interventions"
    return f"{difference.key} {to_yaml_value(difference.old)} → {to_yaml_value(difference.new)}"
