"""The second stage: text to token ids and back, behind one interface; here the tokenizers that need no training."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.config.schema import DatasetConfig
from lmcore.data.folding import FoldingTable, Tally, percent

TokenIds = NDArray[np.uint8] | NDArray[np.int32]

MOST_LOST = 0.05  # of the characters; a text in another script loses nearly all, one with emoji far less


@dataclass(frozen=True)
class Encoded:
    """Token ids of a text, and a note on what of it could not be kept (empty if all was)."""

    ids: Tensor  # [pos], int64
    note: str = ""


class StreamingDecoder(Protocol):
    """Turns tokens into text one at a time: the pieces joined are what `decode` gives for all of them."""

    def push(self, token: int) -> str:
        """The text that is complete with this token; empty while a character is still unfinished."""

    def flush(self) -> str:
        """What is left at the end: an unfinished character, as the replacement character."""


class CorpusEncoder(Protocol):
    """Turns a long text into token ids piece by piece, in little memory."""

    def push(self, chunk: bytes) -> TokenIds:
        """Ids that are certain with this piece of UTF-8 (which ends between characters)."""

    def flush(self) -> TokenIds:
        """The ids still held back at the end of the text."""

    def note(self) -> str:
        """What was changed so far; empty if nothing."""

    def refusal(self) -> str:
        """Why the text cannot be learned from by these tokens: too much of it was lost; empty if it can."""


class Tokenizer(Protocol):
    """What the rest of the lab knows about tokens."""

    @property
    def name(self) -> str:
        """char, byte or bpe."""

    @property
    def vocabulary_size(self) -> int:
        """Ids run from 0 to one below this."""

    @property
    def fingerprint(self) -> str:
        """Digest of what each id means: equal fingerprints make models interchangeable."""

    def encode(self, text: str) -> Encoded:
        """The ids of a text."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids; bytes that are no character become U+FFFD."""

    def streaming_decoder(self) -> StreamingDecoder:
        """A fresh decoder for tokens that arrive one by one."""

    def encoder(self) -> CorpusEncoder:
        """A fresh encoder for a text that arrives in pieces."""

    def save(self, folder: Path) -> None:
        """Store in a run's folder what `load_tokenizer` cannot know otherwise."""


class CharTokenizer:
    """One token for each ASCII character; its id is its code. Line ends become \\n, everything else is folded.

    Typographic and accented characters are folded (see folding.py); `unknown` says what becomes of the rest: "replace"
    by '?', "drop", or "error". All 128 codes are kept, so a generated text may hold control characters.
    """

    name = "char"
    vocabulary_size = 128
    fingerprint = "char-ascii-128"

    def __init__(self, unknown: str = "replace") -> None:
        self.table = FoldingTable(unknown)

    def encode(self, text: str) -> Encoded:
        """The ids of a text. Raises UnknownCharacterError where `unknown` is "error"."""
        tally = Tally()
        return Encoded(torch.from_numpy(self.ids(text, tally).astype(np.int64)), tally.note())

    def ids(self, text: str, tally: Tally) -> NDArray[np.uint8]:
        """The ids of a text; what was changed is added to `tally`."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.isascii():
            return self.table.fold(text, tally)
        tally.seen += len(text)
        return np.frombuffer(text.encode("ascii"), np.uint8)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids."""
        return bytes(ids).decode("ascii")

    def streaming_decoder(self) -> StreamingDecoder:
        """A fresh decoder for tokens that arrive one by one."""
        return ByteDecoder()

    def encoder(self) -> CorpusEncoder:
        """A fresh encoder for a text that arrives in pieces."""
        return CharEncoder(self)

    def save(self, folder: Path) -> None:
        """Nothing to store: the table is fixed."""


class CharEncoder:
    """Characters of a long text; a piece of pure ASCII is its own ids."""

    def __init__(self, tokenizer: CharTokenizer) -> None:
        self._tokenizer, self._tally = tokenizer, Tally()

    def push(self, chunk: bytes) -> NDArray[np.uint8]:
        """The ids of a piece of UTF-8."""
        if not chunk.isascii():
            return self._tokenizer.ids(chunk.decode("utf-8"), self._tally)
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._tally.seen += len(chunk)
        return np.frombuffer(chunk, np.uint8)

    def flush(self) -> NDArray[np.uint8]:
        """Nothing is held back."""
        return np.empty(0, np.uint8)

    def note(self) -> str:
        """What was folded, replaced and dropped so far."""
        return self._tally.note()

    def refusal(self) -> str:
        """The share and the way out, where more is lost than a stray sign here and there."""
        if self._tally.lost <= MOST_LOST:
            return ""
        return (
            f"{percent(self._tally.lost)} of the characters ({self._tally.examples()}) have no place in the table of "
            "128 ASCII characters and would be lost: set dataset.tokenizer to byte or bpe, which can write any script"
        )


class ByteTokenizer:
    """One token for each byte of UTF-8: any text, and anything else, can be written."""

    name = "byte"
    vocabulary_size = 256
    fingerprint = "byte-256"

    def encode(self, text: str) -> Encoded:
        """The ids of a text."""
        raw, note = utf8(text)
        return Encoded(
            torch.frombuffer(bytearray(raw), dtype=torch.uint8).long() if raw else torch.empty(0).long(), note
        )

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids; bytes that are no character become U+FFFD."""
        return bytes(ids).decode("utf-8", "replace")

    def streaming_decoder(self) -> StreamingDecoder:
        """A fresh decoder for tokens that arrive one by one."""
        return ByteDecoder()

    def encoder(self) -> CorpusEncoder:
        """A fresh encoder for a text that arrives in pieces."""
        return ByteEncoder()

    def save(self, folder: Path) -> None:
        """Nothing to store: the table is fixed."""


class ByteEncoder:
    """Bytes of a long text, as they are."""

    def push(self, chunk: bytes) -> NDArray[np.uint8]:
        """The ids of a piece."""
        return np.frombuffer(chunk, np.uint8)

    def flush(self) -> NDArray[np.uint8]:
        """Nothing is held back."""
        return np.empty(0, np.uint8)

    def note(self) -> str:
        """Nothing is changed."""
        return ""

    def refusal(self) -> str:
        """Nothing is lost."""
        return ""


class ByteDecoder:
    """Streams text out of tokens that stand for bytes; never gives half a character."""

    def __init__(self, pieces: Sequence[bytes] | None = None) -> None:
        """`pieces`: the bytes of each token id; by default id n is the byte n."""
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """The text that is complete with this token."""
        return self._decoder.decode(bytes((token,)) if self._pieces is None else self._pieces[token])

    def flush(self) -> str:
        """U+FFFD for an unfinished character, else nothing."""
        return self._decoder.decode(b"", final=True)


def utf8(text: str) -> tuple[bytes, str]:
    """A text as UTF-8, and a note if it held lone surrogates (halves of characters), which become '?'."""
    raw = text.encode("utf-8", "replace")
    halves = 0 if text.isascii() else sum("\ud800" <= character <= "\udfff" for character in text)
    what = "1 half of a character" if halves == 1 else f"{halves:,} halves of characters"
    return raw, f"replaced {what} by '?'" if halves else ""


def load_tokenizer(config: DatasetConfig, run_folder: Path | None) -> Tokenizer:
    """The tokenizer of a run: char and byte from the configuration, bpe from the run's own tokenizer.json.

    Raises DataError where a bpe run has no tokenizer.json, or a damaged one, or the extra is not installed.
    """
    if config.tokenizer == "char":
        return CharTokenizer(config.unknown)
    if config.tokenizer == "byte":
        return ByteTokenizer()
    from lmcore.data.bpe import load_bpe

    return load_bpe(run_folder)
