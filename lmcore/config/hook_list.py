"""Changing the list of hooks inside of YAML text: a hook that stays keeps its own lines, comments and all."""

from collections.abc import Sequence as Listed
from typing import Any

from lmcore.config.edit import set_in_text
from lmcore.config.overrides import parse_yaml_value
from lmcore.config.problems import ConfigError
from lmcore.config.scalars import to_yaml_value
from lmcore.config.schema import HookConfig
from lmcore.config.template import hook_lines
from lmcore.config.text import parse_config
from lmcore.config.tree import Entry, Mapping, Sequence, read_tree


def hooks_text(hooks: Listed[HookConfig]) -> str:
    """A list of hooks as YAML text on one line: of each its kind, and what it says beyond the defaults."""
    return to_yaml_value([_said(hook) for hook in hooks])


def set_hooks_in_text(text: str, hooks: Listed[HookConfig]) -> str:
    """The text with this list of hooks; what is written of a hook that stays, or only moves, is kept as it is.

    Raises ConfigError if the text is no valid configuration.
    """
    for make in (_with_values, _with_list):
        if parse_config(text).hooks == tuple(hooks):
            return text
        text = make(text, hooks)
    if not _says(text, hooks):  # the list is written in a way of its own: write it anew
        text = set_in_text(text, "hooks", hooks_text(hooks))
    return text


def _says(text: str, hooks: Listed[HookConfig]) -> bool:
    try:
        return parse_config(text).hooks == tuple(hooks)
    except ConfigError:
        return False


def _with_values(text: str, hooks: Listed[HookConfig]) -> str:
    """The text with the new values of those hooks that are there already, by their names."""
    before = parse_config(text).hooks
    places = {hook.name: index for index, hook in enumerate(before)}
    lost = [index for index, hook in enumerate(before) if hook.name not in {other.name for other in hooks}]
    found = [hook.name for hook in hooks if hook.name not in places]
    if len(lost) == len(found) == 1:
        places[found[0]] = lost[0]  # it was given another name
    for hook in hooks:
        if hook.name in places:
            index = places[hook.name]
            old, new = before[index].model_dump(by_alias=True), hook.model_dump(by_alias=True)
            for field in new:
                if old[field] != new[field]:
                    text = set_in_text(text, f"hooks.{index}.{field}", to_yaml_value(new[field]))
    return text


def _with_list(text: str, hooks: Listed[HookConfig]) -> str:
    """The text with hooks added, removed and put into another order."""
    if not hooks or _entry(text) is None:
        text = set_in_text(text, "hooks", "[]")
    entry = _entry(text)
    if entry is None or not hooks:
        return text
    before = list(parse_config(text).hooks)
    end = _line_end(text, entry.value.end)
    if isinstance(entry.value, Sequence) and not entry.value.flow:
        start = _line_end(text, entry.key.end)
        head, pieces = text[:start], _pieces(text, entry.value, start)
    else:
        colon = text.index(":", entry.key.end) + 1
        head, pieces = text[:colon] + text[max(colon, entry.value.end) : end], []
    indent = _indent(pieces[0]) if pieces else 2
    written = [head if head.endswith("\n") else f"{head}\n"]
    for hook in hooks:
        if pieces and hook in before:
            place = before.index(hook)
            before.pop(place)
            written.append(pieces.pop(place))
        else:
            written += [f"{' ' * indent}{line[2:]}\n" for line in hook_lines((hook,))[1:]]
    return "".join(written) + text[end:]


def _entry(text: str) -> Entry | None:
    tree, _ = read_tree(text)
    entries = tree.entries if isinstance(tree, Mapping) and not tree.flow else ()
    return next((entry for entry in entries if entry.name == "hooks"), None)


def _pieces(text: str, listed: Sequence, start: int) -> list[str]:
    """The lines of each item, with the comments above it."""
    pieces = []
    for item in listed.items:
        end = _line_end(text, item.end)
        piece = text[start:end]
        pieces.append(piece if piece.endswith("\n") else f"{piece}\n")
        start = end
    return pieces


def _indent(piece: str) -> int:
    """How far the dash of an item stands from the margin."""
    first = next((line for line in piece.splitlines() if line.lstrip().startswith("-")), "  -")
    return len(first) - len(first.lstrip())


def _line_end(text: str, place: int) -> int:
    """Where the line below the one that holds a character begins."""
    end = text.find("\n", place)
    return len(text) if end < 0 else end + 1


def _said(hook: HookConfig) -> dict[str, Any]:
    given = hook.model_dump(by_alias=True, exclude_defaults=True)
    return {key: value for key, value in hook.model_dump(by_alias=True).items() if key in given or key == "kind"}


def hooks_difference(old: str, new: str) -> str:
    """How two lists of hooks, as YAML text, differ in words: hook noise added, half removed."""
    try:
        before, after = ({str(hook.get("name")): hook for hook in parse_yaml_value(text) or []} for text in (old, new))
    except (ConfigError, AttributeError, TypeError):
        return "hooks changed"
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    altered = [name for name in after if name in before and after[name] != before[name]]
    found = [(added, "added"), (removed, "removed"), (altered, "changed")]
    words = [f"{', '.join(names)} {verb}" for names, verb in found if names]
    return f"hook {', '.join(words)}" if words else "hooks reordered"
