"""From what a person types into a field to the YAML that stands for it, and from a choice to the next."""

from lmcore.config import ConfigError, parse_yaml_value, to_yaml_value
from lmcore.plain_text import is_plain
from tui.panes.config.rows import Row


def editable_text(row: Row) -> str:
    """What the inline editor shows at first: text without quotes where it is one plain line, else as written."""
    if row.shape.kind != "text":
        return row.value
    try:
        value = parse_yaml_value(row.value)
    except ConfigError:
        return row.value
    as_it_is = isinstance(value, str) and is_plain(value) and '"' not in value and "\\" not in value
    return value if as_it_is else to_yaml_value(value)


def yaml_of(row: Row, typed: str) -> str:
    """The YAML that a person means: text needs no quotes, but may have them; nothing typed is null where it may be."""
    if row.shape.kind == "text":
        if len(typed) >= 2 and typed[0] == typed[-1] == '"':
            quoted = _readable(typed)
            if quoted is not None:
                return quoted
        return to_yaml_value(typed)
    stripped = typed.strip()
    if not stripped:
        return "null" if row.shape.is_optional else to_yaml_value("")
    return _readable(stripped) or to_yaml_value(stripped)


def _readable(text: str) -> str | None:
    """The text itself if it is one scalar of YAML that holds on one line."""
    try:
        value = parse_yaml_value(text)
    except ConfigError:
        return None
    return text if value is None or isinstance(value, str | int | float | bool) else None


def next_choice(row: Row, by: int) -> str:
    """The YAML of the choice `by` places after the present one, around the end."""
    choices = [*row.shape.choices, *(["null"] if row.shape.is_optional else [])]
    present = row.value.strip("\"'")
    if present not in choices:
        return choices[0]
    return choices[(choices.index(present) + by) % len(choices)]
