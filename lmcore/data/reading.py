"""Documents read piece by piece, so that a corpus larger than memory can be checked, counted, cut and tokenized."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmcore.data.errors import DataError

CHUNK_BYTES = 1 << 21
SEPARATOR = b"\n"


@dataclass(frozen=True)
class Document:
    """One text of a corpus: a file, or bytes in memory. `name` is how messages call it."""

    name: str
    source: Path | bytes

    def open(self) -> BinaryIO:
        """The document's bytes as a binary stream."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")

    def chunks(self) -> Iterator[tuple[int, bytes]]:
        """Pieces of a few MB with their byte offsets, cut between characters and never between \\r and \\n, so that
        each can be decoded and normalized alone. Raises DataError when the file cannot be read."""
        offset, carried = 0, b""
        try:
            with self.open() as file:
                while block := file.read(CHUNK_BYTES):
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


def survey(document: Document, *, any_bytes: bool, on_bytes: Callable[[int], None]) -> Survey:
    """Read a document through: its digest, its length, and (unless `any_bytes` will do) whether it is UTF-8 text."""
    digest, size, characters = hashlib.sha256(), 0, 0
    for offset, chunk in document.chunks():
        problem = "" if any_bytes else _problem(document, offset, chunk)
        if problem:
            return Survey(b"", size, characters, problem)
        digest.update(chunk)
        size += len(chunk)
        characters += characters_in(chunk)
        on_bytes(len(chunk))
    return Survey(digest.digest(), size, characters)


def _problem(document: Document, offset: int, chunk: bytes) -> str:
    """Why a piece is no UTF-8 text, with the offset of the first offence; empty if it is."""
    if offset == 0 and chunk[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return (
            f"{document.name} is UTF-16, not UTF-8 text: convert it first (iconv -f UTF-16 -t UTF-8), or use "
            "dataset.tokenizer: byte (byte 0xff or 0xfe at offset 0)"
        )
    wrong = chunk.find(0)
    if not chunk.isascii():
        try:
            chunk.decode("utf-8")
        except UnicodeDecodeError as error:
            wrong = error.start if wrong < 0 else min(wrong, error.start)
    if wrong < 0:
        return ""
    return (
        f"{document.name} is not UTF-8 text: byte 0x{chunk[wrong]:02x} at offset {offset + wrong:,}. "
        "Convert it to UTF-8, leave it out, or use dataset.tokenizer: byte, which takes any bytes"
    )
