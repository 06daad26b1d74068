"""What time it is here."""

from datetime import UTC, datetime


def local_now() -> datetime:
    """Local time with its offset; UTC where the time zone of the environment is none (TZ=UTC+25:99:99)."""
    try:
        return datetime.now().astimezone()
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)


def stamp() -> str:
    """This moment in ISO 8601, to the second."""
    return local_now().isoformat(timespec="seconds")
