"""From the hooks that are to those that should be: the commands that bring a run there. Knows nothing of Textual."""

from collections.abc import Sequence

from lmcore.config import HookConfig, to_yaml_value
from lmcore.config.hook_list import hooks_text
from lmcore.experiments.runs.live import LIVE_OF_HOOK
from lmcore.protocol.messages import Command, SetValue


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
        if len(differing) == 1 and differing[0] in LIVE_OF_HOOK:
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
