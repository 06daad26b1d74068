"""JSON lines that only grow: written as whole lines, read although the last one may be cut short."""

import json
import math
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lmcore import files
from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.tables import LARGEST_WHOLE

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How numbers that JSON lacks stand in a file: as these strings."""

MOST_AT_ONCE = 1 << 30
"""Bytes of lines that are read at once: what a run of millions of logged steps has."""

LONGEST = 16 << 20
"""Bytes of the longest line. The end of a file without any line end in so many bytes is damaged."""


def encode_line(row: dict[str, Any]) -> bytes:
    """One row as one line of valid JSON."""
    plain = {key: in_json(value) for key, value in row.items()}
    return (
        json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(", ", ": ")).encode(
            "utf-8", "backslashreplace"
        )
        + b"\n"
    )


def _whole(digits: str) -> int:
    number = int(digits)
    if abs(number) >= LARGEST_WHOLE:
        raise ValueError(digits)
    return number


_decode = json.JSONDecoder(parse_int=_whole).decode


def in_json(value: Any) -> Any:
    """A value of a row as it stands in a file."""
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The row on a line, with NaN and infinities as numbers again; None if the line is damaged."""
    try:
        row = _decode(line.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    if b'"NaN"' in line or b'Infinity"' in line:
        return {key: NOT_FINITE.get(value, value) if isinstance(value, str) else value for key, value in row.items()}
    return row


@dataclass(frozen=True)
class Lines:
    """What a file of JSON lines holds from an offset on."""

    rows: list[dict[str, Any]]
    offset: int  # in bytes, where the next line will begin
    damaged: int  # whole lines that are no rows; they are skipped


def read_lines(path: Path, from_offset: int = 0) -> Lines:
    """Read the whole lines from a byte offset on; a file that is not there has none.

    A last line without its end is left for the next time. A file that became shorter than the offset (its run went back
    to a checkpoint) is read from its beginning: then the new offset may be smaller than the one that was given.
    RunError if it cannot be read.
    """
    with plainly("read", path):
        try:
            with files.open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size
                if from_offset > size:
                    from_offset = 0
                _refuse_more(path, size - from_offset)
                file.seek(from_offset)
                content = file.read(size - from_offset)
        except FileNotFoundError:
            return Lines([], 0, 0)
    whole = content[: content.rfind(b"\n") + 1]
    decoded = [decode_line(line) for line in whole.split(b"\n") if line.strip()]
    rows = [row for row in decoded if row is not None]
    return Lines(rows, from_offset + len(whole), len(decoded) - len(rows))


def each_row(path: Path) -> Iterator[dict[str, Any] | None]:
    """The rows on the whole lines of a file one by one, in little memory; None for a damaged one. As `read_lines`."""
    with plainly("read", path):
        try:
            file = files.open_regular(path)
        except FileNotFoundError:
            return
        with file:
            _refuse_more(path, os.fstat(file.fileno()).st_size)
            while (line := file.readline(LONGEST)).endswith(b"\n"):
                if line.strip():
                    yield decode_line(line)
            if len(line) == LONGEST:
                raise RunError(f"{path} is damaged: it has {LONGEST:,} bytes without a line.")


def _refuse_more(path: Path, size: int) -> None:
    if size > MOST_AT_ONCE:
        raise RunError(f"{path} is damaged: it has {size:,} bytes, far more than a run writes there.")


def read_last_lines(path: Path, size: int) -> list[bytes]:
    """The whole lines within the last `size` bytes of a file, oldest first; none if it is not there. RunError."""
    content = read_end(path, size)
    return content.split(b"\n") if content else []


def read_end(path: Path, size: int) -> bytes:
    """The whole lines within the last `size` bytes of a file, as they stand there; none where it is not. RunError."""
    with plainly("read", path):
        try:
            with files.open_regular(path) as file:
                end = file.seek(0, os.SEEK_END)
                start = max(0, end - size)
                file.seek(start)
                content = file.read(size)
        except FileNotFoundError:
            return b""
    first = 0 if start == 0 else content.find(b"\n") + 1
    return content[first : content.rfind(b"\n") + 1]


def cut_lines(path: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    """Cut off the end of a file after its last row that is to be kept (damaged lines after that go too).

    Only the end is read, and the cut is one operation of the file system: a kill leaves the file before it or after it.
    RunError.
    """
    with plainly("shorten", path):
        try:
            file = files.open_to_change(path)
        except FileNotFoundError:
            return
        with file:
            file.truncate(_end_of_kept(file, path, keep))
            os.fsync(file.fileno())


def _end_of_kept(file: BinaryIO, path: Path, keep: Callable[[dict[str, Any]], bool]) -> int:
    """Where the last whole line ends that is to be kept. RunError for what cannot be lines of a run."""
    if not (end := os.fstat(file.fileno()).st_size):
        return 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        while end > 0:
            start = content.rfind(b"\n", max(0, end - 1 - LONGEST), end - 1) + 1
            if not start and end > LONGEST:
                raise RunError(f"{path} is damaged: its last {LONGEST:,} bytes hold no line.")
            row = decode_line(content[start:end]) if content[end - 1 : end] == b"\n" else None
            if row is not None and keep(row):
                break
            end = start
    return end


class LineWriter:
    """Appends whole lines to a file; each `append` is one write, and one that fails leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        """Open for appending; a last line that was cut short is removed. RunError if it cannot be written."""
        self._path = path
        with plainly("write", path):
            _remove_half_line(path)
            self._file = files.open_to_append(path)

    def append(self, *rows: dict[str, Any]) -> None:
        """Append rows. RunError if the disk is full; then none of them is in the file."""
        self._write(b"".join(map(encode_line, rows)))

    def _write(self, content: bytes) -> None:
        with plainly("write", self._path):
            size = os.fstat(self._file).st_size
            try:
                written = 0
                while written < len(content):
                    written += os.write(self._file, content[written:])
            except OSError:
                os.ftruncate(self._file, size)
                raise

    def sync(self) -> None:
        """Wait until everything is on disk."""
        with plainly("write", self._path):
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file; again is harmless."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _remove_half_line(path: Path) -> None:
    """Remove a last line that was cut short. RunError where the end of the file holds no line at all."""
    try:
        file = files.open_to_change(path)
    except FileNotFoundError:
        return
    with file:
        size = file.seek(0, os.SEEK_END)
        for length in (1, LONGEST):  # nearly always the last byte is the end of a line
            file.seek(max(0, size - length))
            end = file.read(length).rfind(b"\n") + 1
            if end:
                break
        if not end and size > LONGEST:
            raise RunError(f"{path} is damaged: its last {LONGEST:,} bytes hold no line.")
        kept = max(0, size - length) + end
        if kept < size:
            file.truncate(kept)


def append_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Append a few rows to a file and wait until they are on disk."""
    writer = LineWriter(path)
    try:
        writer.append(*rows)
        writer.sync()
    finally:
        writer.close()
