"""One token for each ASCII character."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data.tokenizers.byte import ByteDecoder
from lmcore.data.tokenizers.folding import FoldingTable, Tally, percent
from lmcore.data.tokenizers.interface import CorpusEncoder, Encoded, StreamingDecoder

MOST_LOST = 0.05  # of the characters; a text in another script loses nearly all, one with emoji far less


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
