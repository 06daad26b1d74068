"""The lines of a hook's form: what each is called, what stands in it, and what may. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lmcore.config import ConfigError, HookConfig, TrainingConfig, parse_yaml_value, to_yaml_value, with_value
from lmcore.errors import LabError
from lmcore.protocol.messages import HookDescription, HookEntry
from tui.panes.hooks.catalogue import KINDS
from tui.panes.hooks.places import matched
from tui.panes.hooks.types import fits

NUMBER = "a number"
"""The words for an argument that may be a schedule, too."""


class FieldError(LabError):
    """A line of the form cannot stand; the text says why. `field` is its key."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True)
class Field:
    """One line of the form. Those of arguments have keys of their own: one may be called `kind`, too."""

    key: str
    name: str
    value: str
    empty: str  # what an empty line means
    help: str


def entry_of(hook: HookConfig, described: HookDescription) -> HookEntry | None:
    """The catalogue's entry for what a hook uses; None for one's own that is not known yet."""
    return next((entry for entry in described.entries if (entry.kind, entry.name) == (hook.kind, hook.use)), None)


def fields_of(hook: HookConfig, entry: HookEntry | None) -> tuple[Field, ...]:
    """The lines for a hook: its name and place, an argument each, and its window."""
    needs_place = hook.kind in ("forward", "backward")
    found = [Field("name", "name", hook.name, "", "How it is called in the lab and in the journal.")]
    if entry is None:
        found.append(Field("kind", "kind", hook.kind, "", f"Where it reaches in: {', '.join(KINDS)}."))
        found.append(Field("use", "use", hook.use, "FILE.py:NAME", "A function in a file beside the configuration."))
    what = {"forward": "Hook points", "update": "Parameters"}.get(hook.kind, "Hook points or parameters")
    where = f"{what}; * stands for anything. ↑↓ pick one below."
    found.append(Field("at", "at", hook.at or "", "where" if needs_place else "everywhere", where))
    if entry is None:
        given = to_yaml_value(hook.with_) if hook.with_ else ""
        found.append(Field("with", "with", given, "no arguments", "Its arguments, as in {factor: 0.5}."))
    else:
        for argument in entry.arguments:
            value = to_yaml_value(hook.with_[argument.name]) if argument.name in hook.with_ else ""
            schedule = ", or a schedule {from: 1, to: 0, steps: 500}" if argument.type == NUMBER else ""
            empty = "needed" if argument.default is None else argument.default
            takes = f"{argument.type[:1].upper()}{argument.type[1:]}{schedule}."
            found.append(Field(f"with-{argument.name}", argument.name, value, empty, takes))
    window = to_yaml_value(hook.from_step), to_yaml_value(hook.until_step)
    first, last = ("" if text == "null" else text for text in window)
    found.append(Field("from_step", "from_step", first, "from the start", "The first step at which it acts."))
    found.append(Field("until_step", "until_step", last, "to the end", "The first step at which it no longer acts."))
    return tuple(found)


def hook_from(
    first: HookConfig, typed: Mapping[str, str], described: HookDescription, taken: Sequence[str]
) -> HookConfig:
    """The hook that a filled-in form means. FieldError with a sentence about the first line that cannot stand."""
    entry = entry_of(first, described)
    name, at = typed["name"].strip(), typed["at"].strip()
    kind, use = typed.get("kind", first.kind).strip(), typed.get("use", first.use).strip()
    if not name:
        raise FieldError("name", "the hook needs a name")
    if name in taken:
        raise FieldError("name", f"another hook is called {name}")
    if not use:
        raise FieldError("use", "say what it uses, as in my_hooks.py:function")
    if not at and kind in ("forward", "backward"):
        raise FieldError("at", "say where it acts; the list below has the places")
    if at and not matched(at, kind, described):
        raise FieldError("at", f"no place is called {at}")
    values: dict[str, object] = {}
    if entry is None:
        given = _read("with", typed["with"]) if typed["with"].strip() else {}
        if not isinstance(given, dict):
            raise FieldError("with", "the arguments are written as in {factor: 0.5}")
        values = given
    else:
        for argument in entry.arguments:
            key = f"with-{argument.name}"
            text = typed[key].strip()
            if text:
                values[argument.name] = value = _read(key, text)
                if not fits(value, argument.type):
                    raise FieldError(key, f"{argument.name} must be {argument.type}, not {text}")
            elif argument.default is None:
                raise FieldError(key, f"{argument.name} is needed: {argument.type}")
    data: dict[str, object] = {
        "name": name,
        "kind": kind,
        "use": use,
        "at": at or None,
        "with": values,
        "enabled": first.enabled,
    }
    for step in ("from_step", "until_step"):
        data[step] = _read(step, typed[step]) if typed[step].strip() else None
    try:
        return with_value(TrainingConfig(), "hooks", [data]).hooks[0]
    except ConfigError as error:
        problem = error.problems[0]
        field = problem.key.rpartition(".")[2] if problem.key else "name"
        raise FieldError(field, problem.message.removeprefix("hooks.0.")) from error


def _read(field: str, text: str) -> object:
    try:
        return parse_yaml_value(text)
    except ConfigError as error:
        raise FieldError(field, f"{field.removeprefix('with-')}: {error.problems[0].message}") from error
