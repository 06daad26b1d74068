"""Documents read piece by piece, so that a corpus larger than memory can be checked, counted, cut and tokenized."""

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmcore.data.errors import DataError
from lmcore.data.formats import RAW, format_of, json_lines_field

CHUNK_BYTES = 1 << 21
SEPARATOR = b"\n"


@dataclass(frozen=True)
class Document:
    """One text of a corpus: a file, or bytes in memory. `name` is how messages call it."""

    name: str
    source: Path | bytes

    def open(self) -> tuple[BinaryIO, int]:
        """The document's bytes as a binary stream, and how many they are now. DataError for what is no regular file."""
        if isinstance(self.source, bytes):
            return io.BytesIO(self.source), len(self.source)
        if self.source.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Without waiting for a pipe's other end. What is open is looked at: what is at the path may change.
        descriptor = os.open(self.source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            os.close(descriptor)
            raise DataError(f"{self.name} is {kind_of(facts.st_mode)}: copy its text into a file first")
        return os.fdopen(descriptor, "rb"), facts.st_size

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Pieces of a few MB with their byte offsets, cut between characters and never between \\r and \\n, so that
        each can be decoded and normalized alone. No more than the file had when it was opened: one that grows ends.

        Raises DataError when the file cannot be read."""
        offset, carried = 0, b""
        try:
            file, left = self.open()
            with file:
                while block := file.read(min(CHUNK_BYTES, left)):
                    left -= len(block)
                    block = carried + block
                    end = _end_of_characters(block)
                    if end:
                        yield offset, block[:end]
                    offset, carried = offset + end, block[end:]
        except OSError as error:
            raise DataError(f"{self.name} cannot be read: {error.strerror or error}") from error
        if carried:
            yield offset, carried

    def place(self, offset: int, text: str) -> str:
        """`name:line:column` of the position after `text`, which begins at byte `offset`."""
        line, column = 1, 0
        for start, chunk in self.chunks():
            if start >= offset:
                break
            before = chunk[: offset - start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            line += before.count(b"\n")
            last_line = before[before.rfind(b"\n") + 1 :]
            column = characters_in(last_line) + (0 if b"\n" in before else column)
        line += text.count("\n")
        column = len(text) - text.rfind("\n") - 1 + (0 if "\n" in text else column)
        return f"{self.name}:{line}:{column + 1}"


def kind_of(mode: int) -> str:
    """What is at a path that is no regular file, from its mode."""
    if stat.S_ISFIFO(mode):
        return "a pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a folder" if stat.S_ISDIR(mode) else "a device"


def _end_of_characters(block: bytes) -> int:
    """Length of the block without an unfinished UTF-8 sequence, or a lone \\r, at its end."""
    for back in range(1, min(3, len(block)) + 1):
        byte = block[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(block) - back if needed > back else len(block)
        if byte < 0x80:
            break
    return len(block) - block.endswith(b"\r")


def characters_in(chunk: bytes) -> int:
    """How many characters a piece of UTF-8 holds: every byte that does not continue one."""
    if chunk.isascii():
        return len(chunk)
    return int(np.count_nonzero(_starts(chunk)))


def _starts(chunk: bytes) -> np.ndarray:
    """Whether each byte starts a character (continuations are 0x80 to 0xBF: below -64 as signed numbers)."""
    return np.frombuffer(chunk, np.int8) >= -64


@dataclass(frozen=True)
class Content:
    """What a corpus holds, once all of it has been seen. Its text is the documents with a newline between them."""

    documents: tuple[Document, ...]
    digests: tuple[bytes, ...]  # of each document
    size: int  # bytes
    characters: int
    notes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Of the text alone: the same wherever it lies and whatever its files are called."""
        return hashlib.sha256(b"".join(self.digests)).hexdigest()

    def chunks(self) -> Iterator[tuple[Document, int, bytes]]:
        """(document, byte offset, piece) in order. Raises DataError for one that is not what it was when first seen."""
        for index, (document, wanted) in enumerate(zip(self.documents, self.digests, strict=True)):
            if index:
                yield Document("newline between documents", SEPARATOR), 0, SEPARATOR
            digest = hashlib.sha256()
            for offset, chunk in document.chunks():
                digest.update(chunk)
                yield document, offset, chunk
            if digest.digest() != wanted:
                raise DataError(f"{document.name} was changed while it was read: start again when nothing writes to it")

    def parts(self, split: int) -> Iterator[tuple[bool, Document, int, bytes]]:
        """The pieces again, cut at character `split`: (is validation, document, byte offset, piece)."""
        passed, every_byte = 0, self.size == self.characters
        for document, offset, chunk in self.chunks():
            count = len(chunk) if every_byte else characters_in(chunk)
            if passed < split < passed + count:
                inside = split - passed
                at = inside if count == len(chunk) else int(np.flatnonzero(_starts(chunk))[inside])
                yield False, document, offset, chunk[:at]
                yield True, document, offset + at, chunk[at:]
            else:
                yield passed >= split, document, offset, chunk
            passed += count


@dataclass(frozen=True)
class Survey:
    """One document, once all of it has been seen. `problem` says why it is no text; empty if it is."""

    digest: bytes
    size: int
    characters: int
    problem: str = ""
    format: str = ""  # its kind, where that is known and is no text
    json_field: str | None = None  # of JSON lines: the field that holds most text; "" where none does


def survey(document: Document, *, any_bytes: bool, on_bytes: Callable[[int], None]) -> Survey:
    """Read a document through: its digest, its length, and (unless `any_bytes` will do) whether it is UTF-8 text."""
    digest, size, characters = hashlib.sha256(), 0, 0
    kind, json_field = "", None
    for offset, chunk in document.chunks():
        if offset == 0:
            known = format_of(chunk)
            kind = known.name if known else ""
            if known and not any_bytes:
                return Survey(b"", size, characters, known.sentence(document.name), kind)
            json_field = json_lines_field(chunk)
        problem = "" if any_bytes else _problem(document, offset, chunk)
        if problem:
            return Survey(b"", size, characters, problem)
        digest.update(chunk)
        size += len(chunk)
        characters += characters_in(chunk)
        on_bytes(len(chunk))
    return Survey(digest.digest(), size, characters, "", kind, json_field)


def _problem(document: Document, offset: int, chunk: bytes) -> str:
    """Why a piece is no UTF-8 text, with the offset of the first offence; empty if it is."""
    wrong = chunk.find(0)
    if not chunk.isascii():
        try:
            chunk.decode("utf-8")
        except UnicodeDecodeError as error:
            wrong = error.start if wrong < 0 else min(wrong, error.start)
    if wrong < 0:
        return ""
    return (
        f"{document.name} is not UTF-8 text: byte 0x{chunk[wrong]:02x} at offset {offset + wrong:,}. Convert it (a "
        f"Western European text is often CP1252: iconv -f CP1252 -t UTF-8), leave it out, or use {RAW}, which takes "
        "any bytes"
    )
