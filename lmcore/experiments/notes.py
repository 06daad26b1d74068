"""notes.md: what a person writes about a run, as plain text. It takes no part in what the run is. Needs no torch."""

from pathlib import Path

from lmcore.experiments.folder import NOTES, RunError, plainly
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


def write_notes(folder: Path, text: str) -> None:
    """Take the place of a run's notes; without anything in them the file goes. RunError."""
    text = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    size = len(text.encode("utf-8", "replace"))
    if size > MOST_BYTES:
        raise RunError(f"Notes have at most {MOST_BYTES:,} bytes; these have {size:,}.")
    path = folder / NOTES
    with plainly("write", path), alone(folder):
        if text:
            write_whole(path, text.encode("utf-8", "replace").decode("utf-8") + "\n")
        else:
            remove_file(path)


def append_note(folder: Path, text: str) -> None:
    """Add lines below a run's notes. RunError."""
    before = read_notes(folder)
    write_notes(folder, f"{before.rstrip()}\n{text}" if before.strip() else text)
