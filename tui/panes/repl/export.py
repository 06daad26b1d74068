"""Taking text out of the REPL: to the clipboard, to a file."""

from pathlib import Path

from textual.app import App

from lmcore.files import write_new


def copy(app: App[object], answer: str) -> str:
    """Copy an answer by the terminal's own means (OSC 52); returns a sentence about it."""
    if not answer:
        return "There is no answer to copy yet."
    app.copy_to_clipboard(answer)
    return f"Copied {len(answer):,} characters, if the terminal allows it; /save FILE writes a file."


def save(path: Path, text: str) -> str:
    """Write the page to a new file; returns a sentence about it. Never writes over a file."""
    try:
        write_new(path, text.rstrip("\n") + "\n")
    except FileExistsError:
        return f"{path} exists already; choose another name."
    except (OSError, UnicodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        return f"{path} cannot be written: {reason}."
    return f"Saved in {path}."
