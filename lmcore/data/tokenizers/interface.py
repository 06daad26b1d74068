"""The second stage: text to token ids and back. What the rest of the lab knows about tokens, whichever they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

TokenIds = NDArray[np.uint8] | NDArray[np.int32]


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
