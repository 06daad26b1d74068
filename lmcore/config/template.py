"""A configuration as commented YAML; the comments are the schema's own descriptions."""

import textwrap
from bisect import bisect

from lmcore.config.problems import ConfigError
from lmcore.config.scalars import to_yaml_value
from lmcore.config.schema import SECTIONS, HookConfig, TrainingConfig, field_of
from lmcore.config.tree import Mapping, read_tree

COMMENT_WIDTH = 72


def template(config: TrainingConfig | None = None) -> str:
    """The whole configuration (by default, the defaults) as YAML, each field below its description."""
    config = config or TrainingConfig()
    return "\n".join("\n".join(section_lines(config, section)) + "\n" for section in TrainingConfig.model_fields)


def comment_lines(key: str, indent: str = "") -> list[str]:
    """The comment that stands above a section or a field: its description, wrapped."""
    field = TrainingConfig.model_fields[key] if "." not in key else field_of(key)
    return textwrap.wrap(
        field.description or "",
        width=COMMENT_WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def section_lines(config: TrainingConfig, section: str, indent: str = "") -> list[str]:
    """A section with all its fields and their comments."""
    lines = comment_lines(section, indent)
    if section == "hooks":
        return lines + hook_lines(config.hooks, indent)
    values = getattr(config, section)
    lines.append(f"{indent}{section}:")
    for name in type(values).model_fields:
        lines.extend(field_lines(f"{section}.{name}", to_yaml_value(getattr(values, name)), indent + "  "))
    return lines


def field_lines(key: str, value: str, indent: str) -> list[str]:
    """A field with its comment; `value` is YAML text."""
    return [*comment_lines(key, indent), f"{indent}{key.split('.')[-1]}: {value}"]


def hook_lines(hooks: tuple[HookConfig, ...], indent: str = "") -> list[str]:
    """The list of hooks, each with what differs from a hook's defaults."""
    if not hooks:
        return [f"{indent}hooks: []"]
    lines = [f"{indent}hooks:"]
    for hook in hooks:
        given = hook.model_dump(by_alias=True, exclude_defaults=True) or {"name": hook.name}
        for number, (name, value) in enumerate(given.items()):
            lines.append(f"{indent}  {'- ' if number == 0 else '  '}{name}: {to_yaml_value(value)}")
    return lines


def refresh_comments(text: str) -> str:
    """The text with the comment directly above each section and field replaced by the schema's description.

    Raises ConfigError if the text is not YAML. Comments elsewhere stay.
    """
    tree, problems = read_tree(text)
    if problems:
        raise ConfigError(problems)
    ends = [index for index, char in enumerate(text) if char == "\n"]
    keys: dict[int, str] = {}
    for section in tree.entries if isinstance(tree, Mapping) and not tree.flow else ():
        keys[bisect(ends, section.key.start)] = section.name
        if section.name in SECTIONS and isinstance(section.value, Mapping) and not section.value.flow:
            keys |= {bisect(ends, e.key.start): f"{section.name}.{e.name}" for e in section.value.entries}
    fresh: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if number in keys and is_key(keys[number]):
            while fresh and fresh[-1].lstrip().startswith("#"):
                fresh.pop()
            fresh += comment_lines(keys[number], line[: len(line) - len(line.lstrip())])
        fresh.append(line)
    return "\n".join(fresh)


def is_key(key: str) -> bool:
    """Whether the schema has a section, or a field, of this name."""
    try:
        return key in TrainingConfig.model_fields or bool(field_of(key))
    except KeyError:
        return False
