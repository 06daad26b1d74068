"""One token for each byte of UTF-8."""

import codecs
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data.tokenizers.interface import CorpusEncoder, Encoded, StreamingDecoder


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
