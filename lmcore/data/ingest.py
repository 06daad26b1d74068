"""The first stage: which texts a configuration means, and all of them seen once (counted, checked, digested)."""

import glob
import os
import platform
import stat
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from lmcore.config.schema import DatasetConfig
from lmcore.data.download import download
from lmcore.data.errors import DataError
from lmcore.data.reading import SEPARATOR, Content, Document, survey
from lmcore.data.tales import Tales, floor, split_point, write_tales

OnProgress = Callable[[str, float | None], None]

CLOCK_GRAIN_SECONDS = 2.0
NOT_LIBRARY = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test"})


class Corpus(Protocol):
    """A text to learn from, before it is read."""

    @property
    def name(self) -> str:
        """How messages call it."""

    def stamp(self) -> str:
        """What tells cheaply, without reading, that nothing has changed; empty where nothing can."""

    def documents(self, on_progress: OnProgress) -> tuple[Document, ...]:
        """Its texts, in order."""

    @property
    def skips_binary(self) -> bool:
        """Whether a document that is no text is left out with a note rather than an error."""

    def split(self, characters: int, validation_fraction: float) -> int:
        """The character at which validation begins, of `characters` in all."""

    def floor(self, split: int) -> float | None:
        """Nats per character of a perfect model on the validation part, where it is known."""


@dataclass(frozen=True)
class FileCorpus:
    """Files, in order."""

    name: str
    files: tuple[Document, ...]
    skips_binary: bool = False

    def stamp(self) -> str:
        """Place, size and time of each file; empty when one is so young that it could change within its time stamp."""
        lines = []
        newest = 0.0
        for file in self.files:
            if isinstance(file.source, bytes):
                return ""
            try:
                facts = file.source.stat()
            except OSError as error:
                raise DataError(f"{file.name} cannot be read: {error.strerror or error}") from error
            newest = max(newest, facts.st_mtime)
            lines.append(f"{file.source.absolute()} {facts.st_size} {facts.st_mtime_ns}")
        return "\n".join(lines) if newest < time.time() - CLOCK_GRAIN_SECONDS else ""

    def documents(self, on_progress: OnProgress) -> tuple[Document, ...]:
        """The files, unread."""
        return self.files

    def split(self, characters: int, validation_fraction: float) -> int:
        """The last `validation_fraction` of the characters is validation."""
        return int(characters * (1 - validation_fraction))

    def floor(self, split: int) -> float | None:
        """Nobody knows it for a text that was not made by a known process."""
        return None


@dataclass(frozen=True)
class TalesCorpus:
    """The built-in stories, written when they are first needed."""

    seed: int
    characters: int
    name: str = "tales"
    skips_binary: bool = False

    @cached_property
    def tales(self) -> Tales:
        """The stories, their ends and their probabilities."""
        return write_tales(self.seed, self.characters)

    def stamp(self) -> str:
        """The same seed and length are the same text."""
        return f"tales {self.seed} {self.characters}"

    def documents(self, on_progress: OnProgress) -> tuple[Document, ...]:
        """All stories as one text."""
        on_progress("writing tales", None)
        return (Document(self.name, self.tales.text.encode("ascii")),)

    def split(self, characters: int, validation_fraction: float) -> int:
        """The boundary between two stories nearest to the wanted share."""
        return split_point(self.tales, validation_fraction)

    def floor(self, split: int) -> float | None:
        """Exact: every choice that the stories make has a known probability."""
        end = len(self.tales.text)
        return floor(self.tales, split, end) if split < end else None


def find_corpus(config: DatasetConfig, downloads: Path, on_progress: OnProgress) -> Corpus:
    """The corpus that a configuration names; fetches a download that is not there yet. Raises DataError."""
    if config.source == "tales":
        return TalesCorpus(config.tales_seed, max(1, round(config.tales_megabytes * 1_000_000)))
    if config.source == "download":
        path = download(config.download, downloads, on_progress)
        return FileCorpus(config.download, (Document(config.download, path),))
    if config.source == "python":
        return _standard_library()
    if not config.path:
        raise DataError(f"dataset.path is empty, but dataset.source: {config.source} reads what it names")
    if config.source == "file":
        return _one_file(config.path)
    return _many_files(config.path)


def _one_file(path: str) -> FileCorpus:
    """The corpus of one text file."""
    file = Path(path).expanduser()
    _check_exists(file)
    if file.is_dir():
        raise DataError(f"dataset.path: {path} is a folder; to read all texts in it, use dataset.source: files")
    if not file.is_file():
        raise DataError(f"dataset.path: {path} is a device, a pipe or a socket: copy its text into a file first")
    return FileCorpus(path, (Document(path, file),))


def _many_files(path: str) -> FileCorpus:
    """The corpus of all files below a folder, or of those that a glob names, in the order of their relative names."""
    root = Path(path).expanduser()
    if not glob.has_magic(path) or root.exists():
        _check_exists(root)
        if root.is_file():
            raise DataError(f"dataset.path: {path} is one file; use dataset.source: file, or give its folder or a glob")
        files: Iterable[Path] = _below(root)
    else:
        root, files = _matching(root)
    regular = sorted((file for file in files if file.is_file()), key=lambda file: file.relative_to(root).parts)
    if not regular:
        raise DataError(
            f"dataset.path: {path} has no files (hidden ones are not read); name a folder or glob with texts"
        )
    documents = tuple(Document(file.relative_to(root).as_posix(), file) for file in regular)
    return FileCorpus(path, documents, skips_binary=True)


def _matching(pattern: Path) -> tuple[Path, list[Path]]:
    """The folder in which a glob begins to vary, and what it matches there that is not hidden."""
    varies = next(index for index, part in enumerate(pattern.parts) if glob.has_magic(part))
    root, rest = Path(*pattern.parts[:varies]), pattern.parts[varies:]
    if rest[-1] == "**":
        rest = (*rest, "*")
    try:
        found = list(root.glob("/".join(rest)))
    except (ValueError, OSError) as error:
        raise DataError(f"dataset.path: {pattern} cannot be matched: {error}") from error
    return root, [file for file in found if not any(part.startswith(".") for part in file.relative_to(root).parts)]


def _standard_library() -> FileCorpus:
    """The source of this Python's own library, without its tests and without what was installed beside it."""
    root = Path(sysconfig.get_path("stdlib"))
    files = [file for file in _below(root, NOT_LIBRARY) if file.suffix == ".py" and file.is_file()]
    if not files:
        raise DataError(
            f"this Python has no library source in {root}; use dataset.source: files with a folder of texts"
        )
    documents = tuple(Document(file.relative_to(root).as_posix(), file) for file in sorted(files))
    return FileCorpus(f"the library of Python {platform.python_version()}", documents, skips_binary=True)


def _below(root: Path, left_out: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Files below a folder that are not hidden; links to folders are not followed. Raises DataError."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in left_out]
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _check_exists(path: Path) -> None:
    """Raises DataError when there is nothing at a path, naming the nearest folder that is there."""
    try:
        path.stat()
    except FileNotFoundError as error:
        there = next((parent for parent in path.absolute().parents if parent.is_dir()), Path("/"))
        raise DataError(f"dataset.path: there is no {path} (looked from {there})") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"dataset.path: {path} cannot be read: {reason}") from error


def read_content(corpus: Corpus, *, any_bytes: bool, on_progress: OnProgress) -> Content:
    """See a corpus once from end to end: which documents are text, how long they are, and the digest of it all.

    Raises DataError for a document that is no text (in a folder it is left out, with a note) and an empty corpus.
    """
    documents = corpus.documents(on_progress)
    total = sum(_size(document) for document in documents) or 1
    kept: list[Document] = []
    skipped: list[str] = []
    digests: list[bytes] = []
    size = characters = seen = 0

    def on_bytes(count: int) -> None:
        nonlocal seen
        seen += count
        on_progress(f"reading {corpus.name}", min(1.0, seen / total))

    for document in documents:
        facts = survey(document, any_bytes=any_bytes, on_bytes=on_bytes)
        if facts.problem and not corpus.skips_binary:
            raise DataError(facts.problem)
        if facts.problem:
            skipped.append(document.name)
        elif facts.size:
            size += facts.size + len(SEPARATOR) * bool(kept)
            characters += facts.characters + len(SEPARATOR) * bool(kept)
            kept.append(document)
            digests.append(facts.digest)
    if not kept and skipped:
        raise DataError(
            f"{corpus.name} holds no UTF-8 text, only {_some(skipped)}; dataset.tokenizer: byte takes any bytes"
        )
    if not kept:
        raise DataError(f"{corpus.name} is empty: there is nothing to learn from")
    # UTF-8 needs at most four bytes a character: fewer starts than that are no text, and every byte counts alone.
    characters = size if 4 * characters < size else characters
    notes = (f"left out what is not UTF-8 text ({len(skipped):,}): {_some(skipped)}",) if skipped else ()
    return Content(tuple(kept), tuple(digests), size, characters, notes)


def _size(document: Document) -> int:
    """Bytes of a document, as far as they can be known without reading it."""
    if isinstance(document.source, bytes):
        return len(document.source)
    try:
        facts = document.source.stat()
    except OSError as error:
        raise DataError(f"{document.name} cannot be read: {error.strerror or error}") from error
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0


def _some(names: list[str]) -> str:
    """The first names of a list, for a note."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
