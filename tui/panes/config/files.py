"""Configuration files on disk: read with a sentence when they cannot be, written whole or not at all."""

import os
import tempfile
from pathlib import Path

from lmcore.config import ConfigError, read_config_text, template
from lmcore.config.locate import LOCAL
from lmcore.errors import LabError


class SaveError(LabError):
    """A configuration could not be saved; the text says why."""


def first_text(path: Path | None) -> tuple[str, str]:
    """The text to begin with, the template if need be, and a sentence when the file could not be read."""
    if path is None:
        return template(), ""
    try:
        return read_config_text(path), ""
    except ConfigError as error:
        return template(), str(error)


def save(path: Path, text: str) -> None:
    """Write a file by way of a temporary one beside it, so that it is never half-written. Raises SaveError.

    The folder for configurations, ./configs, is made where there is none.
    """
    temporary: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        if path.parent == LOCAL:
            target.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=target.parent, prefix=f".{target.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        temporary.chmod(mode)
        temporary.replace(target)
    except (OSError, ValueError) as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SaveError(f"{path} cannot be saved: {reason}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
