"""What a configuration's text says: each field's value, as typed and as written, and what is wrong with it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic_core import PydanticUndefined

from lmcore.config import SECTIONS, Problem, TrainingConfig, check_text, to_yaml_value
from lmcore.config.schema import section_type
from lmcore.config.tree import Mapping, Scalar, Sequence, find, read_tree, to_data

HOOKS = "hooks"
"""The one section that is a list; its rows are switches."""


@dataclass(frozen=True)
class Value:
    """One field: its value, the characters that stand for it in the text, and whether they are there at all."""

    value: object
    written: str
    is_given: bool
    offset: int = -1  # where it begins in the text


@dataclass(frozen=True)
class HookEntry:
    """One hook of the text, as much of it as can be read."""

    index: int
    name: str
    summary: str
    enabled: bool


@dataclass(frozen=True)
class Reading:
    """A text, read as far as it can be. `is_readable` is False when it is no YAML mapping of sections."""

    text: str
    config: TrainingConfig | None
    problems: tuple[Problem, ...]
    values: dict[str, Value]
    hooks: tuple[HookEntry, ...]
    is_readable: bool


@cache
def all_keys() -> tuple[str, ...]:
    """Every dotted key of the schema, in the order of the file."""
    return tuple(f"{section}.{name}" for section in SECTIONS for name in section_type(section).model_fields)


@cache
def _defaults() -> dict[str, Value]:
    found: dict[str, Value] = {}
    for section in SECTIONS:
        for name, field in section_type(section).model_fields.items():
            default = None if field.default is PydanticUndefined else field.default
            found[f"{section}.{name}"] = Value(default, to_yaml_value(default), False)
    return found


def read(text: str, folder: Path | None = None) -> Reading:
    """Read a text; with the folder that its own files lie in, also check the names that code resolves. Never raises."""
    config, problems = check_text(text)
    if config is not None and folder is not None and config.names_code:
        from lmcore.experiments.identity.named_code import code_problems  # slow to import, and seldom needed

        problems = code_problems(text, config, folder)
    tree, syntax_problems = read_tree(text)
    is_readable = not syntax_problems and (tree is None or isinstance(tree, Mapping))
    values = dict(_defaults())
    hooks: tuple[HookEntry, ...] = ()
    if is_readable and isinstance(tree, Mapping):
        for section in SECTIONS:
            entries = tree.get(section)
            for entry in entries.entries if isinstance(entries, Mapping) else ():
                key = f"{section}.{entry.name}"
                if key in values:
                    node = entry.value
                    written = " ".join(text[node.start : node.end].split()) if not isinstance(node, Scalar) else ""
                    written = written or text[node.start : node.end] or "null"
                    values[key] = Value(to_data(node), written, True, node.start)
        hooks = _hooks(tree)
    return Reading(text, config, tuple(problems), values, hooks, is_readable)


def _hooks(tree: Mapping) -> tuple[HookEntry, ...]:
    listed = find(tree, (HOOKS,))
    found = []
    for index, item in enumerate(listed.items if isinstance(listed, Sequence) else ()):
        data = to_data(item)
        if isinstance(data, dict):
            name = str(data.get("name") or f"hook {index + 1}")
            parts = [str(data[part]) for part in ("kind", "use", "at") if data.get(part)]
            found.append(HookEntry(index, name, " ".join(parts), data.get("enabled") is not False))
    return tuple(found)


def same(a: object, b: object) -> bool:
    """Whether two plain values mean the same: 1 and 1.0 do, 1 and true do not."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def changed_keys(reading: Reading, other: Reading) -> tuple[str, ...]:
    """The keys whose values differ between two texts."""
    keys = [key for key in all_keys() if not same(reading.values[key].value, other.values[key].value)]
    return (*keys, HOOKS) if reading.hooks != other.hooks else tuple(keys)


def key_at(reading: Reading, offset: int) -> str | None:
    """The key whose value is nearest above (or at) a character of the text."""
    text = reading.text
    end_of_line = text.find("\n", offset)
    end = len(text) if end_of_line < 0 else end_of_line
    given = [(value.offset, key) for key, value in reading.values.items() if 0 <= value.offset <= end]
    return max(given)[1] if given else None
