"""Fields of the schema: how one is declared, and what there is to know about it besides its type and bounds."""

from typing import Any, Literal, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

OWN_NAME = r"[A-Za-z_][A-Za-z0-9_-]*\.py:[A-Za-z_][A-Za-z0-9_]*"
"""FILE.py:NAME, something of one's own in a file beside the configuration."""


def setting(
    default: Any, description: str, *, live: bool = False, learned: bool = True, coupled: str = "", **bounds: Any
) -> Any:
    """A field of the schema. `live`: may change while a run is going. `learned`: takes part in what the model learns,
    and so in the config hash. `coupled`: the name of a group whose fields may change together and still are one change,
    since one of them alone often makes no sense."""
    extra: dict[str, Any] = {"live": live, "learned": learned, **({"coupled": coupled} if coupled else {})}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


def choice_or_own(default: str, choices: list[str], description: str) -> Any:
    """A field that names one of the built-in choices, or one's own as FILE.py:NAME."""
    extra: dict[str, Any] = {"live": False, "learned": True, "choices": choices}
    pattern = f"^({'|'.join(choices)}|{OWN_NAME})$"
    return Field(default, description=description, json_schema_extra=extra, pattern=pattern, max_length=1000)


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """The names that a field offers: all there are, or, where one's own may stand too, the built-in ones."""
    kinds = [field.annotation, *get_args(field.annotation)]
    named = [name for kind in kinds if get_origin(kind) is Literal for name in get_args(kind)]
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    offered = extra.get("choices")
    return tuple(map(str, named or (offered if isinstance(offered, list) else [])))


def takes_own(field: FieldInfo) -> bool:
    """Whether a field may name something of one's own, as FILE.py:NAME, beside its choices."""
    return isinstance(field.json_schema_extra, dict) and "choices" in field.json_schema_extra


def is_live(field: FieldInfo) -> bool:
    """Whether a field can be changed while a run is going."""
    return isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("live") is True


def is_learned(field: FieldInfo) -> bool:
    """Whether a field affects what is learned (and so belongs to the config hash)."""
    return not (isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("learned") is False)


def coupled_group(field: FieldInfo) -> str:
    """The group of fields that a field may change together with; "" where it stands alone."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    return str(extra.get("coupled", ""))
