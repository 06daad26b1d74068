"""From an edited configuration to the run that is open: what can change now, and what needs a new run."""

from dataclasses import dataclass

from lmcore.config import (
    Difference,
    TrainingConfig,
    differences,
    get_from_config,
    to_yaml_value,
)
from lmcore.protocol.messages import Command, SetValue
from tui.lab.hook_changes import hook_commands

GIVEN_AT_START = ("other.name", "other.runs_folder")
"""What the lab gives a run that it starts where the configuration is silent: no edit of the person's."""


@dataclass(frozen=True)
class Plan:
    """Commands that change the run now, and the differences that need a new run."""

    commands: tuple[Command, ...]
    needs_new_run: tuple[Difference, ...]


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
