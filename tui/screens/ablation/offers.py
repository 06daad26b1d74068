"""What is offered while a change is being typed: keys of the schema, then the values that a key may have."""

from dataclasses import dataclass

from lmcore.config import field_of, is_learned
from tui.panes.config.reading import HOOKS, Reading
from tui.panes.config.rows import Row, matching_rows

MOST = 200


@dataclass(frozen=True)
class Offer:
    """One line below the change: what it would make of the text, and what to know of it."""

    text: str
    about: str


def offers(typed: str, reading: Reading) -> list[Offer]:
    """The keys that have what was typed in their names; after the equals sign the choices of the key."""
    key, equals, value = (part.strip() for part in typed.partition("="))
    if not equals:
        return [Offer(f"{row.key}=", _about(row)) for row in _rows(key, reading)[:MOST]]
    row = row_of(typed, reading)
    if row is None:
        return []
    choices = [choice for choice in row.shape.choices if choice != row.value.strip("\"'")]
    fitting = [choice for choice in choices if value.lower() in choice.lower() and choice != value]
    return [Offer(f"{key}={choice}", "") for choice in fitting]


def row_of(typed: str, reading: Reading) -> Row | None:
    """The field that a change names; None if there is none of that name (yet)."""
    key = typed.partition("=")[0].strip()
    return next((row for row in _rows(key, reading) if row.key == key), None) if key else None


def _rows(words: str, reading: Reading) -> list[Row]:
    """Fields that the model learns differently from: others make no arm."""
    rows = matching_rows(words, reading, reading, None)
    return [row for row in rows if row.key.startswith(f"{HOOKS}.") or is_learned(field_of(row.key))]


def _about(row: Row) -> str:
    return f"{row.value}   {' · '.join(row.shape.choices)}".rstrip() if row.shape.choices else row.value
