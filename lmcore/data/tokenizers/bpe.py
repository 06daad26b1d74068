"""Byte-pair encoding, learned from the training split; needs the extra `bpe` (Hugging Face tokenizers)."""

import codecs
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmcore.data.errors import DataError
from lmcore.data.tokenizers.byte import ByteDecoder, utf8
from lmcore.data.tokenizers.interface import CorpusEncoder, Encoded, StreamingDecoder
from lmcore.files import NotPlain, read_regular, write_whole

FILE_NAME = "tokenizer.json"
SECTION_CHARACTERS = 1 << 15
LONGEST_WORD = 256
LONG_RUN = re.compile(rf"\S{{{LONGEST_WORD + 1},}}|\s{{{LONGEST_WORD + 1},}}")
WAIT_SECONDS = 0.2


def library() -> Any:
    """The tokenizers package. Raises DataError where the extra is not installed."""
    try:
        import tokenizers
    except ImportError as error:
        raise DataError(
            "dataset.tokenizer: bpe needs an extra that is missing: pip install 'lmlab[bpe]' (char and byte need none)"
        ) from error
    return tokenizers


class BpeTokenizer:
    """Pieces of text that were frequent in the training split, over bytes, so that any text can be written.

    The first 256 ids are the bytes; each further one joins two earlier ones (Sennrich et al. 2016; over bytes: GPT-2).
    """

    name = "bpe"

    def __init__(self, definition: str) -> None:
        """`definition`: the text of a tokenizer.json. Raises ValueError where it is none."""
        self.definition = definition
        self.fingerprint = "bpe-" + hashlib.sha256(definition.encode()).hexdigest()[:32]
        self._tokenizer = library().Tokenizer.from_str(definition)
        self.vocabulary_size = int(self._tokenizer.get_vocab_size())
        byte_of = {character: byte for byte, character in enumerate(byte_alphabet())}
        pieces = {token: piece for piece, token in self._tokenizer.get_vocab().items()}
        if sorted(pieces) != list(range(self.vocabulary_size)) or not all(
            character in byte_of for piece in pieces.values() for character in piece
        ):
            raise ValueError("its pieces are not written in bytes")
        self.cleans = self._tokenizer.normalizer is not None  # those of earlier versions take a text as it comes
        self.pieces = [bytes(byte_of[c] for c in pieces[token]) for token in range(self.vocabulary_size)]

    def encode(self, text: str) -> Encoded:
        """The ids of a text."""
        raw, note = utf8(text)
        ids = self._tokenizer.encode(raw.decode("utf-8"), add_special_tokens=False).ids
        return Encoded(torch.tensor(ids, dtype=torch.int64), note)

    def clean(self, chunk: bytes) -> bytes:
        """A piece of UTF-8 as it is seen: line ends are \\n, and marks of the byte order are left out."""
        return clean(chunk) if self.cleans else chunk

    def encode_sections(self, sections: list[str]) -> NDArray[np.int32]:
        """The ids of several texts, one after the other; they are encoded in parallel."""
        encodings = self._tokenizer.encode_batch_fast(sections, add_special_tokens=False)
        return np.concatenate([np.empty(0, np.int32), *(np.array(encoding.ids, np.int32) for encoding in encodings)])

    def decode(self, ids: Sequence[int]) -> str:
        """The text of some ids; bytes that are no character become U+FFFD."""
        return b"".join(self.pieces[token] for token in ids).decode("utf-8", "replace")

    def streaming_decoder(self) -> StreamingDecoder:
        """A fresh decoder for tokens that arrive one by one."""
        return ByteDecoder(self.pieces)

    def encoder(self) -> CorpusEncoder:
        """A fresh encoder for a text that arrives in pieces."""
        return BpeEncoder(self)

    def save(self, folder: Path) -> None:
        """Write tokenizer.json into a run's folder, whole or not at all."""
        try:
            write_whole(folder / FILE_NAME, self.definition)
        except OSError as error:
            raise DataError(f"{folder / FILE_NAME} cannot be written: {error.strerror or error}") from error


class BpeEncoder:
    """Pieces of a long text. Holds back what the next piece could still join."""

    def __init__(self, tokenizer: BpeTokenizer) -> None:
        self._tokenizer, self._sections = tokenizer, Sections()

    def push(self, chunk: bytes) -> NDArray[np.int32]:
        """Ids that are certain with this piece of UTF-8."""
        return self._tokenizer.encode_sections(list(self._sections.push(self._tokenizer.clean(chunk).decode("utf-8"))))

    def flush(self) -> NDArray[np.int32]:
        """The ids of the rest."""
        return self._tokenizer.encode_sections(self._sections.flush())

    def note(self) -> str:
        """Nothing is changed."""
        return ""

    def refusal(self) -> str:
        """Nothing is lost."""
        return ""


def clean(chunk: bytes) -> bytes:
    """A piece of UTF-8 with \\n for every line end, and without marks of the byte order (U+FEFF)."""
    if b"\r" in chunk:
        chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return chunk if chunk.isascii() else chunk.replace(codecs.BOM_UTF8, b"")


class Sections:
    """Cuts a text that arrives in pieces where no token can reach across: between a word's end and white space."""

    def __init__(self) -> None:
        self._rest = ""

    def push(self, text: str) -> Iterator[str]:
        """Sections of a few ten thousand characters that are certain with this piece."""
        text = self._rest + text
        start = 0
        while len(text) - start > SECTION_CHARACTERS:
            end = _safe_cut(text, start + 1, start + SECTION_CHARACTERS)
            yield text[start:end]
            start = end
        self._rest = text[start:]

    def flush(self) -> list[str]:
        """The rest of the text, if any."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []


def _safe_cut(text: str, start: int, end: int) -> int:
    """The last place in (start, end] between a visible character and a space or line end; `end` where there is none."""
    at = end
    while (at := max(text.rfind(" ", start, at), text.rfind("\n", start, at))) > 0:
        at = start + len(text[start:at].rstrip())
        if text[at] in " \n" and not text[at - 1].isspace():
            return at
    return end


def byte_alphabet() -> list[str]:
    """The visible character by which byte-level BPE writes each byte: itself where it can be seen, else from U+0100."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) if byte in visible else chr(0x100 + hidden.index(byte)) for byte in range(256)]


def train_bpe(texts: Iterable[str], vocabulary: int, on_wait: Callable[[], None] = lambda: None) -> BpeTokenizer:
    """Learn at most `vocabulary` pieces from a text that arrives in pieces. Raises DataError without the extra.

    A process of its own learns; it ends with this call, also by what `on_wait` raises, which is called while it merges.
    """
    library()
    command = [sys.executable, "-P", str(Path(__file__).with_name("merges.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            _send(process, texts, vocabulary)
            while process.returncode is None:
                with suppress(subprocess.TimeoutExpired):
                    learned, errors = process.communicate(timeout=WAIT_SECONDS)
                on_wait()
        finally:
            process.kill()
            _close(process)
    if process.returncode:
        last = (errors.decode("utf-8", "replace").strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        raise DataError(f"the pieces of dataset.tokenizer: bpe could not be learned: {last}")
    return BpeTokenizer(learned.decode("utf-8"))


def _send(process: "subprocess.Popen[bytes]", texts: Iterable[str], vocabulary: int) -> None:
    """Tell the process that learns what to learn from. One that has ended says why by its exit code."""
    assert process.stdin is not None
    try:
        wanted = {"vocabulary": vocabulary, "alphabet": byte_alphabet()}
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        for section in _sections(texts):
            raw = section.encode("utf-8")
            process.stdin.write(len(raw).to_bytes(4, "big") + raw)
        process.stdin.write(bytes(4))
    except BrokenPipeError:
        pass
    _close(process)


def _close(process: "subprocess.Popen[bytes]") -> None:
    """Close a process's stdin, whether or not anybody reads it still; `communicate` must not do it again."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    process.stdin = None


def _sections(texts: Iterable[str]) -> Iterator[str]:
    """A text that arrives in pieces, as sections cut at word ends, and within words that are too long to be any."""
    sections = Sections()
    for text in texts:
        for section in sections.push(text):
            yield from _without_long_words(section)
    for section in sections.flush():
        yield from _without_long_words(section)


def _without_long_words(section: str) -> Iterator[str]:
    """A section cut so that no run of visible characters, or of blanks, is longer than a word can be.

    The time that merging takes grows with the square of a word's length.
    """
    start = 0
    for run in LONG_RUN.finditer(section):
        for end in range(run.start() + LONGEST_WORD, run.end(), LONGEST_WORD):
            yield section[start:end]
            start = end
    if start < len(section):
        yield section[start:]


def load_bpe(folder: Path | None) -> BpeTokenizer:
    """The tokenizer in a run's tokenizer.json. Raises DataError where it is missing or damaged."""
    if folder is None:
        raise DataError("dataset.tokenizer: bpe is learned with its run: name the run whose tokenizer.json to use")
    path = folder / FILE_NAME
    library()
    try:
        return BpeTokenizer(read_regular(path).decode("utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing: without it the tokens of this run have no meaning") from error
    except NotPlain as error:
        raise DataError(f"{path} is damaged: {error.strerror}") from error
    except Exception as error:  # the library raises bare Exception for text that is no tokenizer
        raise DataError(f"{path} is damaged: {error}. Restore it from a copy of the run") from error
