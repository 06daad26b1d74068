"""Where lmlab keeps what belongs to a person and to no run: cached tokens, consents, prompts that were asked, logs."""

import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

import platformdirs

Kept = Literal["cache", "data", "state", "log"]


def at_home(path: str | Path) -> Path:
    """A path with the home folder for ~ at its beginning, which stays where there is no such home."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - that of Path raises there


def is_file(path: str | Path) -> bool:
    """Whether a path leads to a file; of one that no file can have, being too long or odd, it does not."""
    return os.path.isfile(path)  # noqa: PTH113 - that of Path raises there


def is_folder(path: str | Path) -> bool:
    """Whether a path leads to a folder, in the same way."""
    return os.path.isdir(path)  # noqa: PTH112


def shown_path(path: Path) -> str:
    """A path relative to the working folder where it lies inside it."""
    try:
        return str(Path(os.path.realpath(path)).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def user_folder(kept: Kept) -> Path:
    """The folder that LMLAB_CACHE, LMLAB_DATA or LMLAB_STATE names, else the system's own for lmlab.

    Where that is not there and cannot be made (no home, or one that cannot be written), a temporary one.
    """
    return _chosen(kept)[0]


def temporary_note() -> str:
    """What a person should know where their folders cannot be had; "" where they can."""
    chosen = {"cached texts are": _chosen("cache"), "which code may run is": _chosen("data")}
    kept = [f"{what} kept in {folder}" for what, (folder, is_temporary) in chosen.items() if is_temporary]
    if not kept:
        return ""
    return (
        f"No home folder can be written: {' and '.join(kept)}, for as long as temporary files stay. LMLAB_CACHE and "
        "LMLAB_DATA name other folders."
    )


def _chosen(kept: Kept) -> tuple[Path, bool]:
    """A folder, and whether it is a temporary one."""
    if named := os.environ.get(f"LMLAB_{kept.upper()}", ""):
        return at_home(named), False
    with suppress(OSError, ValueError, RuntimeError):  # the last where nobody knows a home
        folder = Path(getattr(platformdirs, f"user_{kept}_dir")("lmlab", appauthor=False))
        if folder.is_absolute():  # with earlier versions it begins with ~ there
            folder.mkdir(parents=True, exist_ok=True)
            return folder, False
    with suppress(OSError):
        return _temporary() / kept, True
    return Path(f"lmlab-{kept}").absolute(), True  # nothing can be written; who tries will say so


def _temporary() -> Path:
    """A folder of this user's alone: consents are read from it, so nobody else may have made it, or write there."""
    if hasattr(os, "getuid"):
        folder = Path(tempfile.gettempdir()) / f"lmlab-{os.getuid()}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        facts = folder.lstat()
        if stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o077:
            return folder
    return _of_this_process()


@cache
def _of_this_process() -> Path:
    return Path(tempfile.mkdtemp(prefix="lmlab-"))
