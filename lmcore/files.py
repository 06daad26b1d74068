"""The one door to the files of a run: how they are opened, created, appended to, shortened, replaced and removed.

A run may come from a stranger. No link is followed, nothing but a regular file is opened, none that has another name
elsewhere is written into, sizes are bounded before anything is read, and a temporary file has a name that nobody can
foresee. Where a path leads before it reaches the run (the runs folder may be a link) is not asked. Every function may
raise OSError; `NotPlain` where the file is not one.
"""

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # a system without it has no other processes' locks to respect
    fcntl = None  # type: ignore[assignment]

LARGEST_TEXT = 16 << 20
"""Bytes of the largest file of a run that is read whole as one text (a table in JSON, a page, code)."""

LEFT_OVER = 3600.0
"""Seconds after which a temporary file is one that a killed process left behind."""

Stamp = tuple[int, int, int]
"""When a file was last written, in ns, its size, and its number: where one differs, it was written or replaced."""

TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.partial")
"""The name of a temporary file."""

A_LINK = "it is a link; files of a run are plain files. Remove it, or put the file itself in its place"
A_LINKED_FOLDER = "it is a link; folders of a run are plain folders. Remove it, or put the folder itself in its place"
A_HARD_LINK = (
    "it has another name elsewhere (a hard link), and what is written here would stand there. Put a copy in its place"
)

_ALWAYS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)


class NotPlain(OSError):
    """A link, a pipe, a device, a folder or a far too large file in the place of a file of a run; strerror says it."""


# Files


def open_regular(path: Path) -> BufferedReader:
    """Open a file to read it."""
    return os.fdopen(_open(path, os.O_RDONLY), "rb")


def open_to_change(path: Path) -> BinaryIO:
    """Open a file that is there to read, overwrite or shorten it."""
    return os.fdopen(_open(path, os.O_RDWR), "r+b")


def open_to_append(path: Path) -> int:
    """Open a file, new or not, to write at its end; returns the file descriptor."""
    return _open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def open_to_write(path: Path) -> BinaryIO:
    """Open a file, new or emptied, to write it."""
    descriptor = _open(path, os.O_WRONLY | os.O_CREAT)
    os.ftruncate(descriptor, 0)
    return os.fdopen(descriptor, "wb")


def create(path: Path) -> BinaryIO:
    """Open a new file to write it. FileExistsError where anything has its name, be it a link that leads nowhere."""
    return os.fdopen(_open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")


def read_regular(path: Path, most: int = LARGEST_TEXT) -> bytes:
    """The content of a file of at most so many bytes."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= most:
            return file.read(size)  # not `most`: so much memory would be taken before the first byte is read
    raise NotPlain(errno.EFBIG, f"it has more than {most:,} bytes", str(path))


def kind_of(path: Path) -> int | None:
    """What a name stands for, itself and not where it leads, as `stat` writes it; None where there is nothing."""
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def stamp_of(path: Path) -> Stamp | None:
    """What tells cheaply, without reading, that a file was written or replaced; None where it cannot be looked at."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a power cut, finds the old content or the new, never a part."""
    _check_kind(path)
    data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    temporary = path.with_name(f".{secrets.token_hex(16)}.partial")
    try:
        with create(temporary) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            _remove_left_over(path.parent, os.fstat(file.fileno()).st_mtime)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new(path: Path, content: str | bytes) -> None:
    """Write a file that is not there yet and wait until it is on disk; one that fails is not there. FileExistsError."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    with create(path) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            remove_file(path)
            raise


def replace(path: Path, target: Path) -> None:
    """Move a file to the place of another, or of none, in one operation of the file system."""
    _check_kind(path)
    _check_kind(target)
    path.replace(target)


def shorten(path: Path, size: int) -> None:
    """Cut a file off after so many bytes; one that is shorter stays as it is."""
    with open_to_change(path) as file:
        if os.fstat(file.fileno()).st_size > size:
            file.truncate(size)


def copy_file(source: Path, target: Path, most: int = LARGEST_TEXT) -> None:
    """Copy the content of a file of at most so many bytes to one that is not there yet."""
    with open_regular(source) as original:
        if os.fstat(original.fileno()).st_size > most:
            raise NotPlain(errno.EFBIG, f"it has more than {most:,} bytes", str(source))
        with create(target) as copy:
            shutil.copyfileobj(original, copy)


def remove_file(path: Path) -> None:
    """Remove a file, or a link in its place, if there is one."""
    path.unlink(missing_ok=True)


# Folders


def make_folder(path: Path) -> None:
    """Let a folder of a run be there, as a folder and no link; its parent is there."""
    with suppress(FileExistsError):
        path.mkdir()
    check_folder(path)


def make_path(path: Path) -> None:
    """Let a folder be there that is in no run (the runs folder, the user's data), and those above it."""
    path.mkdir(parents=True, exist_ok=True)


def new_folder(folder: Path, prefix: str) -> Path:
    """Make an empty folder in another, with a name that nobody can foresee."""
    path = folder / f"{prefix}{secrets.token_hex(16)}"
    path.mkdir()
    return path


def check_folder(path: Path) -> None:
    """Refuse what is not a folder itself: a link to one, a file. FileNotFoundError where there is nothing."""
    kind = path.lstat().st_mode
    if stat.S_ISLNK(kind):
        raise NotPlain(errno.ELOOP, A_LINKED_FOLDER, str(path))
    if not stat.S_ISDIR(kind):
        raise NotPlain(errno.ENOTDIR, "it is a file, not a folder", str(path))


def move_folder(path: Path, target: Path) -> None:
    """Give a folder another name, which nothing has."""
    check_folder(path)
    if os.path.lexists(target):  # an empty folder of that name would give way in silence
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    path.rename(target)


def remove_folder(path: Path) -> None:
    """Remove a folder and all within it; links inside are removed, never followed. One in its place is refused."""
    check_folder(path)
    shutil.rmtree(path)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder of small files and folders to a place where nothing is. NotPlain for anything else within it."""
    check_folder(source)
    target.mkdir()
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            copy_folder(Path(entry.path), target / entry.name)
        else:
            copy_file(Path(entry.path), target / entry.name)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's entries are on disk."""
    if not _FOLDER:
        return  # no system without it can open a folder
    descriptor = os.open(folder, os.O_RDONLY | _FOLDER)
    try:
        with suppress(OSError):  # some file systems cannot sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold other processes off a short change of a folder's small files (the lock file, run.json)."""
    descriptor = os.open(folder, os.O_RDONLY | _FOLDER)
    try:
        if fcntl is not None:
            with suppress(OSError):  # a network file system may not lock folders; then the change is only very quick
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int) -> int:
    """Open a regular file by its descriptor. Nothing else is opened, since opening a device may do something."""
    _check_kind(path)
    descriptor = os.open(path, flags | _ALWAYS, 0o666)
    try:
        now = os.fstat(descriptor)
        _refuse(path, now.st_mode)  # somebody may have changed it in between
        if now.st_nlink > 1 and flags & (os.O_WRONLY | os.O_RDWR):
            raise NotPlain(errno.EMLINK, A_HARD_LINK, str(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_kind(path: Path) -> None:
    if (kind := kind_of(path)) is not None:
        _refuse(path, kind)


def _refuse(path: Path, kind: int) -> None:
    if stat.S_ISLNK(kind):
        raise NotPlain(errno.ELOOP, A_LINK, str(path))
    if stat.S_ISDIR(kind):
        raise NotPlain(errno.EISDIR, "it is a folder, not a file", str(path))
    if not stat.S_ISREG(kind):
        raise NotPlain(errno.EINVAL, "it is a device or a pipe, not a file", str(path))


def _remove_left_over(folder: Path, now: float) -> None:
    """Remove temporary files that are older than any write takes, by the file system's own clock."""
    for entry in os.scandir(folder):
        if TEMPORARY.fullmatch(entry.name):
            with suppress(OSError):
                if entry.stat(follow_symlinks=False).st_mtime < now - LEFT_OVER:
                    Path(entry.path).unlink()
