"""notes.md: what a person writes about a run, as plain text. It takes no part in what the run is. Needs no torch."""

from pathlib import Path

from lmcore.experiments.runs.folder import NOTES, RunError, plainly
from lmcore.files import alone, read_regular, remove_file, write_whole

MOST_BYTES = 1 << 20


def read_notes(folder: Path) -> str:
    """The notes of a run; "" where there are none. RunError if they cannot be read as text."""
    path = folder / NOTES
    with plainly("read", path):
        try:
            return read_regular(path, MOST_BYTES).decode("utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            raise RunError(f"{path} is not text in UTF-8, so it is left as it is.") from error


def write_notes(folder: Path, text: str, known: str | None = None) -> tuple[str, str]:
    """Take the place of a run's notes; what others wrote since they were `known` is kept below.

    Returns the notes as they are now, and what of them others wrote. Without anything in them the file goes. RunError.
    """
    with plainly("write", folder / NOTES), alone(folder):
        present = read_notes(folder) if known is not None else ""
        added = present.removeprefix(known or "") if present != known else ""
        return _write(folder, f"{text.rstrip()}\n{added}" if added.strip() else text), added


def append_note(folder: Path, text: str) -> None:
    """Add lines below a run's notes. RunError."""
    with plainly("write", folder / NOTES), alone(folder):
        before = read_notes(folder)
        _write(folder, f"{before.rstrip()}\n{text}" if before.strip() else text)


def _write(folder: Path, text: str) -> str:
    """Write what `read_notes` gives then, and return it."""
    text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    size = len(text.encode("utf-8", "replace"))
    if size > MOST_BYTES:
        raise RunError(f"Notes have at most {MOST_BYTES:,} bytes; these have {size:,}.")
    if not text:
        remove_file(folder / NOTES)
        return ""
    written = text.encode("utf-8", "replace").decode("utf-8") + "\n"
    write_whole(folder / NOTES, written)
    return written
