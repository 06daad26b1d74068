"""Hooks that act on answers only: `/hook zero blocks.1.attn.hook_z heads=[2]`, and how such a line goes on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.config import ConfigError, parse_yaml_value, to_yaml_value
from lmcore.errors import LabError
from lmcore.protocol.messages import HookDescription
from tui.panes.repl.completion import Completion

_ARGUMENT = re.compile(r"(?:^|\s)([A-Za-z_]\w*)=")
_USAGE = "/hook FUNCTION PLACE NAME=VALUE …, as in /hook zero blocks.1.attn.hook_z heads=[2]"


class HookLineError(LabError):
    """A `/hook` line that declares no hook; the text says what would be right."""


@dataclass(frozen=True)
class AnswerHook:
    """One hook as it was typed, and as a declaration in YAML."""

    typed: str
    declaration: str

    @property
    def use(self) -> str:
        """The function's name."""
        return self.typed.partition(" ")[0]


def parse_hook(typed: str, described: HookDescription | None = None) -> AnswerHook:
    """The hook that a line after `/hook` declares. HookLineError; names are checked where they are known."""
    first = _ARGUMENT.search(typed)
    words, rest = (typed[: first.start()], typed[first.start() :]) if first else (typed, "")
    use, _, at = words.strip().partition(" ")
    at = at.strip()
    if not use or not at or " " in at:
        raise HookLineError(f"Say what and where: {_USAGE}.")
    entries = {entry.name: entry for entry in described.entries if entry.kind == "forward"} if described else {}
    if entries and use not in entries and ":" not in use:
        raise HookLineError(f"There is no forward hook {use}; there are: {', '.join(entries)}.")
    arguments: dict[str, object] = {}
    found = list(_ARGUMENT.finditer(rest))
    for index, match in enumerate(found):
        end = found[index + 1].start() if index + 1 < len(found) else len(rest)
        name, value = match.group(1), rest[match.end() : end].strip()
        if use in entries and name not in [argument.name for argument in entries[use].arguments]:
            known = ", ".join(argument.name for argument in entries[use].arguments) or "none"
            raise HookLineError(f"{use} has no argument {name}; its arguments: {known}.")
        try:
            arguments[name] = parse_yaml_value(value)
        except ConfigError as error:
            raise HookLineError(f"{name}={value}: {error.problems[0].message}") from error
    declared: dict[str, object] = {"kind": "forward", "use": use, "at": at}
    if arguments:
        declared["with"] = arguments
    return AnswerHook(" ".join(typed.split()), to_yaml_value(declared))


def label(hooks: Sequence[AnswerHook]) -> str:
    """The hooks in the line of settings: the one, or how many."""
    if not hooks:
        return ""
    return f"hook {hooks[0].use}" if len(hooks) == 1 else f"{len(hooks)} hooks"


def listed(hooks: Sequence[AnswerHook]) -> str:
    """The hooks one below the other, or how to begin."""
    if not hooks:
        return f"No hooks act on answers. {_USAGE}."
    lines = [f"  {number}. {hook.typed}" for number, hook in enumerate(hooks, 1)]
    return "\n".join(["Acting on answers, in this order, and on nothing else:", *lines, "/hook off takes them away."])


def hook_completions(argument: str, described: HookDescription | None) -> list[Completion]:
    """How the words after `/hook ` may go on: a function, a place, an argument."""
    entries = [entry for entry in described.entries if entry.kind == "forward"] if described else []
    words = argument.split(" ")
    if len(words) == 1:
        off = [Completion("/hook off", "off", "Take all hooks of answers away.")] if "off".startswith(words[0]) else []
        fitting = [entry for entry in entries if entry.name.startswith(words[0])]
        return [*off, *(Completion(f"/hook {entry.name} ", entry.name, entry.summary) for entry in fitting)]
    use, typed = words[0], words[-1]
    if described is not None and len(words) == 2:
        return [
            Completion(f"/hook {use} {name} ", name, shape)
            for name, shape in described.points
            if typed.lower() in name.lower()
        ]
    entry = next((entry for entry in entries if entry.name == use), None)
    if entry is None or "=" in typed:
        return []
    before = " ".join(words[:-1])
    return [
        Completion(f"/hook {before} {one.name}=", f"{one.name}=", f"{one.type}, {_default(one.default)}")
        for one in entry.arguments
        if one.name.startswith(typed) and f" {one.name}=" not in f" {before}"
    ]


def _default(default: str | None) -> str:
    return "must be given" if default is None else f"else {default}"
