"""The rows of the form: one for each field of a section, with what there is to say about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from lmcore.config import SECTIONS, choices_of, coupled_group, field_of, get_from_config, is_live, to_yaml_value
from lmcore.config.schema import TrainingConfig, section_type
from tui.panes.config.reading import HOOKS, Reading, Value, same

Kind = Literal["choice", "switch", "number", "text"]

FORM_SECTIONS = (*SECTIONS[:-1], HOOKS, SECTIONS[-1])


@dataclass(frozen=True)
class Shape:
    """How a field is edited: its kind, its choices where there are some, and whether it may be null."""

    kind: Kind
    choices: tuple[str, ...] = ()
    is_optional: bool = False


@dataclass(frozen=True)
class Row:
    """One line of the form."""

    key: str
    name: str
    shape: Shape
    value: str  # as written in the text, or the default
    is_given: bool
    description: str
    is_live: bool
    was: str | None = None  # the file's value, where it differs
    runs: str | None = None  # the running run's value, where it differs
    problem: str = ""
    group: str = ""  # of fields that are one change together


@cache
def shape_of(key: str) -> Shape:
    """How the field of a key is edited, from its type in the schema."""
    field = field_of(key)
    annotation: object = field.annotation
    parts = get_args(annotation)
    is_optional = type(None) in parts
    if is_optional:
        annotation = next(part for part in parts if part is not type(None))
    if choices := choices_of(field):
        return Shape("choice", choices, is_optional)
    if annotation is bool:
        return Shape("switch", ("false", "true"), is_optional)
    return Shape("text" if annotation is str else "number", (), is_optional)


def section_rows(
    section: str, reading: Reading, saved: Reading, running: TrainingConfig | None, *, with_section: bool = False
) -> tuple[Row, ...]:
    """The rows of one section."""
    if section == HOOKS:
        return _hook_rows(reading, saved)
    problems = {problem.key: problem.message for problem in reversed(reading.problems)}
    rows = []
    for name in section_type(section).model_fields:
        key = f"{section}.{name}"
        rows.append(_row(key, key if with_section else name, reading.values[key], saved, running, problems))
    return tuple(rows)


def _row(
    key: str,
    name: str,
    value: Value,
    saved: Reading,
    running: TrainingConfig | None,
    problems: Mapping[str, str],
) -> Row:
    field = field_of(key)
    was = saved.values[key]
    runs = None if running is None else get_from_config(running, key)
    return Row(
        key=key,
        name=name,
        shape=shape_of(key),
        value=value.written,
        is_given=value.is_given,
        description=field.description or "",
        is_live=is_live(field),
        was=None if same(value.value, was.value) else was.written,
        runs=None if running is None or same(value.value, runs) else to_yaml_value(runs),
        problem=problems.get(key, ""),
        group=coupled_group(field),
    )


def _hook_rows(reading: Reading, saved: Reading) -> tuple[Row, ...]:
    was = {hook.name: hook.enabled for hook in saved.hooks}
    problems = {problem.key: problem.message for problem in reversed(reading.problems)}
    rows = []
    for hook in reading.hooks:
        own = f"{HOOKS}.{hook.index}."
        key = f"{own}enabled"
        differs = was.get(hook.name, hook.enabled) != hook.enabled
        rows.append(
            Row(
                key=key,
                name=hook.name,
                shape=Shape("switch", ("false", "true")),
                value=to_yaml_value(hook.enabled),
                is_given=True,
                description=hook.summary or "An intervention; its parts are in the text.",
                is_live=True,
                was=to_yaml_value(was[hook.name]) if differs else None,
                problem=next((text for at, text in problems.items() if f"{at}.".startswith(own)), ""),
            )
        )
    return tuple(rows)


def matching_rows(typed: str, reading: Reading, saved: Reading, running: TrainingConfig | None) -> tuple[Row, ...]:
    """The rows of all sections whose key or description contains every word that was typed."""
    words = typed.lower().split()
    rows = [
        row
        for section in FORM_SECTIONS
        for row in section_rows(section, reading, saved, running, with_section=True)
        if all(word in row.key.lower() or word in row.name.lower() for word in words)
    ]
    if rows or not words:
        return tuple(rows)
    return tuple(
        row
        for section in FORM_SECTIONS
        for row in section_rows(section, reading, saved, running, with_section=True)
        if all(word in row.description.lower() for word in words)
    )
