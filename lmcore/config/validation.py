"""From plain data to the typed configuration, with a sentence for each thing that does not fit the schema."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from lmcore.config.fields import choices_of, takes_own
from lmcore.config.other_names import said_elsewhere
from lmcore.config.problems import MOST_PROBLEMS
from lmcore.config.scalars import to_yaml_value
from lmcore.config.schema import SECTIONS, HookConfig, TrainingConfig, section_type

Path = tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """A sentence about what does not fit, and the path it is about; `others` are further paths that take part."""

    path: Path
    message: str
    at_key: bool = False  # the key itself is wrong, not its value
    others: tuple[Path, ...] = ()


def validate(data: Any) -> tuple[TrainingConfig | None, tuple[Finding, ...]]:
    """The typed configuration of plain data (dicts, lists, scalars), or None and what does not fit. Never raises."""
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        message = f"a configuration is made of sections such as 'model:', but this is {_said(data)}"
        return None, (Finding((), message),)
    data = {str(name): _prepared(str(name), value) for name, value in data.items()}
    try:
        return TrainingConfig.model_validate(data), ()
    except ValidationError as error:
        return None, tuple(_finding(item, data) for item in error.errors(include_url=False)[:MOST_PROBLEMS])


def known_names(path: Path) -> tuple[str, ...]:
    """The names that may stand in the mapping at a path, in the schema's order."""
    if not path:
        return tuple(TrainingConfig.model_fields)
    if len(path) == 1 and path[0] in SECTIONS:
        return tuple(section_type(path[0]).model_fields)
    if len(path) == 2 and path[0] == "hooks":
        return tuple(field.alias or name for name, field in HookConfig.model_fields.items())
    return ()


def unknown_key(path: Path) -> str:
    """The sentence about a key that the schema does not have, with the nearest that it has."""
    *section, name = path
    if path in [(home,) for home in SECTIONS]:
        return f"{name} is a section: say which of its keys, such as {name}.{known_names(path)[0]}"
    where = f"{'.'.join(section)} has no key" if section else "there is no section"
    homes = [home for home in SECTIONS if name in section_type(home).model_fields]
    if homes:
        return f"{where} {name!r}; it belongs in {' and in '.join(homes)}"
    if said := said_elsewhere(name):
        return f"{where} {name!r}; {said}"
    nearest = difflib.get_close_matches(name, known_names(tuple(section)), n=1, cutoff=0.6)
    everywhere = [f"{home}.{field}" for home in SECTIONS for field in section_type(home).model_fields]
    nearest = nearest or difflib.get_close_matches(".".join(path), everywhere, n=1, cutoff=0.75)
    known = known_names(tuple(section))
    if nearest:
        return f"{where} {name!r}; did you mean {nearest[0]!r}?"
    if section and section[0] not in (*SECTIONS, "hooks"):
        return unknown_key((section[0],))
    return f"{where} {name!r}" + (f"; it has {', '.join(known)}" if len(known) < 12 else "")


def _prepared(name: str, value: Any) -> Any:
    """A section as the schema expects it: nothing below a heading is an empty section, 1e3 is a whole number."""
    if name == "hooks":
        return () if value is None else value
    if name not in SECTIONS or not (value is None or isinstance(value, Mapping)):
        return value
    fields = section_type(name).model_fields
    return {key: _whole(fields.get(str(key)), inner) for key, inner in (value or {}).items()}


def _whole(field: FieldInfo | None, value: Any) -> Any:
    if field is None or not isinstance(value, float) or float in _kinds(field):
        return value
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    """The types that a field takes: (int, NoneType) for `int | None`."""
    annotation = field.annotation
    return (annotation,) if get_origin(annotation) is Literal else get_args(annotation) or (annotation,)


def _finding(item: Mapping[str, Any], data: Mapping[str, Any]) -> Finding:
    kind, context = item["type"], item.get("ctx", {})
    path = tuple(str(part) for part in item["loc"])
    if kind == "disagreement":
        fields = [tuple(field.split(".")) for field in context["fields"]]
        return Finding(fields[0], str(context["message"]), others=tuple(fields[1:]))
    if kind == "extra_forbidden":
        return Finding(path, unknown_key(path), at_key=True)
    value = _value_at(data, path)
    key = ".".join(path)
    return Finding(path, f"{key} {_should(kind, context, path, value)}, not {_said(value)}{_hint(kind, path, value)}")


def _should(kind: str, context: Mapping[str, Any], path: Path, value: Any) -> str:
    """What a value should be, for pydantic's kind of error."""
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        return f"must be {bounds_of(_field_at(path))}"
    if kind == "literal_error":
        return f"must be one of {', '.join(_choices(path))}"
    if kind == "string_pattern_mismatch":
        field = _field_at(path)
        if field is not None and takes_own(field):
            return f"must be one of {', '.join(_choices(path))}, or one's own in a file beside it, as FILE.py:NAME"
        return "must be one of auto, cpu, cuda, cuda:N, mps"
    expected = {
        "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_type": "must be a number",
        "finite_number": "must be a finite number",
        "bool_type": "must be true or false",
        "string_type": "must be a text",
        "string_too_short": "must not be empty",
        "string_too_long": f"must have at most {context.get('max_length')} characters",
        "model_type": "must be a mapping of keys and values",
        "model_attributes_type": "must be a mapping of keys and values",
        "dict_type": "must be a mapping of keys and values",
        "tuple_type": "must be a list",
    }
    sentence = expected.get(kind, f"does not fit the schema ({kind})")
    return sentence + " or null" if kind in ("int_type", "int_from_float") and _takes_null(path) else sentence


def _hint(kind: str, path: Path, value: Any) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return f"; in quotes it is one: '{to_yaml_value(value)}'"
    if kind in ("literal_error", "string_pattern_mismatch") and isinstance(value, str):
        nearest = difflib.get_close_matches(value.lower(), _choices(path), n=1, cutoff=0.6)
        return f"; did you mean {nearest[0]}?" if nearest else ""
    return ""


def _field_at(path: Path) -> FieldInfo | None:
    """The schema's field at a path, also inside of a hook."""
    if len(path) == 2 and path[0] in SECTIONS:
        return section_type(path[0]).model_fields.get(path[1])
    if len(path) == 3 and path[0] == "hooks":
        return HookConfig.model_fields.get(path[2])
    return None


def _choices(path: Path) -> tuple[str, ...]:
    field = _field_at(path)
    return choices_of(field) if field else ()


def _takes_null(path: Path) -> bool:
    field = _field_at(path)
    return field is not None and type(None) in _kinds(field)


def bounds_of(field: FieldInfo | None) -> str:
    """The bounds of a number in words, such as "greater than 0 and at most 10"; "" where it has none."""
    words = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
    found = [
        f"{words[name]} {to_yaml_value(_shortest(getattr(bound, name)))}"
        for bound in (field.metadata if field is not None else ())
        for name in words
        if getattr(bound, name, None) is not None
    ]
    return " and ".join(found)


def _shortest(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _value_at(data: Any, path: Path) -> Any:
    for name in path:
        if isinstance(data, Mapping):
            data = data.get(name)
        elif isinstance(data, Sequence) and not isinstance(data, str) and name.isdecimal() and int(name) < len(data):
            data = data[int(name)]
        else:
            return None
    return data


def _said(value: Any) -> str:
    """A value as it is named in a sentence."""
    if value is None:
        return "empty"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    if isinstance(value, str):
        return f"the text {value[:40]!r}" + ("…" if len(value) > 40 else "")
    said = to_yaml_value(value)
    return said if len(said) <= 40 else said[:40] + "…"
