"""Single values of a typed configuration: reading one, changing one, and what differs between two."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmcore.config.fields import is_learned, is_live
from lmcore.config.problems import ConfigError, general_problem
from lmcore.config.schema import SECTIONS, HookConfig, TrainingConfig, field_of, section_type
from lmcore.config.validation import unknown_key, validate


@dataclass(frozen=True)
class Difference:
    """A key whose value differs between two configurations."""

    key: str
    old: Any
    new: Any
    live: bool  # may be changed while a run is going
    learned: bool  # changes what the model learns


def get_from_config(config: TrainingConfig, key: str) -> Any:
    """The value at a dotted key (`training.learning_rate`, `hooks`, `hooks.0.enabled`). Raises ConfigError."""
    value: Any = config
    for part in key.split("."):
        if isinstance(value, tuple) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, HookConfig) and part == "with":
            value = value.with_
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        elif part in getattr(type(value), "model_fields", {}):
            value = getattr(value, part)
        else:
            raise ConfigError([general_problem(unknown_key(tuple(key.split("."))), key)])
    return value


def with_value(config: TrainingConfig, key: str, value: Any) -> TrainingConfig:
    """A checked copy of a configuration with the value at a dotted key replaced. Raises ConfigError."""
    get_from_config(config, key)
    data = to_dict(config)
    *path, name = key.split(".")
    home: Any = data
    for part in path:
        home = home[int(part)] if isinstance(home, list) else home[part]
    home[int(name) if isinstance(home, list) else name] = value
    changed, findings = validate(data)
    if changed is None:
        raise ConfigError([general_problem(finding.message, ".".join(finding.path)) for finding in findings])
    return changed


def to_dict(config: TrainingConfig) -> dict[str, Any]:
    """A configuration as plain data: dicts, lists and scalars, with the keys of the file."""
    data = config.model_dump(by_alias=True)
    data["hooks"] = list(data["hooks"])
    return data


def differences(old: TrainingConfig, new: TrainingConfig) -> list[Difference]:
    """The keys whose values differ, in the schema's order."""
    found = []
    for section in TrainingConfig.model_fields:
        if section == "hooks":
            found.extend(_hook_differences(old.hooks, new.hooks))
            continue
        before, after = getattr(old, section), getattr(new, section)
        for name in type(before).model_fields:
            if getattr(before, name) != getattr(after, name):
                field = field_of(f"{section}.{name}")
                pair = getattr(before, name), getattr(after, name)
                found.append(Difference(f"{section}.{name}", *pair, live=is_live(field), learned=is_learned(field)))
    return found


def _hook_differences(old: tuple[HookConfig, ...], new: tuple[HookConfig, ...]) -> list[Difference]:
    """Hooks that were only switched differ one by one; anything else makes the whole list differ."""
    if old == new:
        return []
    if [hook.model_copy(update={"enabled": True}) for hook in old] == [
        hook.model_copy(update={"enabled": True}) for hook in new
    ]:
        return [
            Difference(f"hooks.{i}.enabled", a.enabled, b.enabled, live=True, learned=True)
            for i, (a, b) in enumerate(zip(old, new, strict=True))
            if a.enabled != b.enabled
        ]
    plain = [[hook.model_dump(by_alias=True, exclude_defaults=True) for hook in hooks] for hooks in (old, new)]
    return [Difference("hooks", plain[0], plain[1], live=False, learned=True)]


def leaf_keys() -> tuple[str, ...]:
    """Every dotted key of the schema's sections, in its order (hooks, a list, are left out)."""
    return tuple(f"{section}.{name}" for section in SECTIONS for name in section_type(section).model_fields)
