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
from lmcore.data.formats import RAW, json_lines_way
from lmcore.data.tales import Tales, floor, split_point, write_tales
from lmcore.data.text_files import SEPARATOR, Content, Document, kind_of, survey
from lmcore.places import at_home

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

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out before anything was read."""

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
    notes: tuple[str, ...] = ()

    def stamp(self) -> str:
        """Place, size and times of each file; empty when one is so young that it could change within its time stamp.

        A file's own time can be set to anything, the time of its last change of any kind cannot.
        """
        lines = list(self.notes)
        newest = 0.0
        for file in self.files:
            if isinstance(file.source, bytes):
                return ""
            try:
                facts = file.source.stat()
            except OSError as error:
                raise DataError(f"{file.name} cannot be read: {error.strerror or error}") from error
            newest = max(newest, facts.st_mtime, facts.st_ctime)
            times = f"{facts.st_mtime_ns} {facts.st_ctime_ns}"
            lines.append(f"{file.source.absolute()} {facts.st_dev} {facts.st_ino} {facts.st_size} {times}")
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
    notes: tuple[str, ...] = ()

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
    file = at_home(path)
    _check_exists(file)
    if file.is_dir():
        raise DataError(f"dataset.path: {path} is a folder; to read all texts in it, use dataset.source: files")
    if not file.is_file():
        raise DataError(f"dataset.path: {path} is {kind_of(file.stat().st_mode)}: copy its text into a file first")
    return FileCorpus(path, (Document(path, file),))


def _many_files(path: str) -> FileCorpus:
    """The corpus of all files below a folder, or of those that a glob names, in the order of their relative names."""
    root = at_home(path)
    if not glob.has_magic(path) or root.exists():
        _check_exists(root)
        if root.is_file():
            raise DataError(f"dataset.path: {path} is one file; use dataset.source: file, or give its folder or a glob")
        files: Iterable[Path] = _below(root)
    else:
        root, files = _matching(root)
    documents, others = [], []
    for file in sorted(files, key=lambda file: file.relative_to(root).parts):
        name, kind = file.relative_to(root).as_posix(), _kind(file)
        if kind == "a file":
            documents.append(Document(name, file))
        elif kind != "a folder":
            others.append(f"{name} ({kind})")
    if not documents:
        only = f", only {_some(others)}" if others else " (hidden ones are not read)"
        raise DataError(f"dataset.path: {path} has no files{only}; name a folder or glob with texts")
    notes = (f"left out what is no file ({len(others):,}): {_some(others)}",) if others else ()
    return FileCorpus(path, tuple(documents), skips_binary=True, notes=notes)


def _kind(path: Path) -> str:
    """What is at a path: a file, a folder, a link to a folder, a pipe, … Raises DataError."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if path.is_symlink():
            return "a link that leads nowhere"
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if stat.S_ISREG(mode):
        return "a file"
    return "a link to a folder" if stat.S_ISDIR(mode) and path.is_symlink() else kind_of(mode)


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
    """Files below a folder that are not hidden, and links to folders, which are not followed. Raises DataError."""

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error

    for folder, folders, names in os.walk(root, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in left_out]
        links = (name for name in folders if Path(folder, name).is_symlink())
        yield from (Path(folder, name) for name in (*names, *links) if not name.startswith("."))


def _check_exists(path: Path) -> None:
    """Raises DataError when there is nothing at a path, naming the nearest folder that is there."""
    try:
        path.stat()
    except FileNotFoundError as error:
        there = next((parent for parent in path.absolute().parents if parent.is_dir()), Path("/"))
        escapes = "; in double quotes \\ begins an escape: use single quotes, or / in a path"
        hint = "" if str(path).isprintable() else escapes
        raise DataError(f"dataset.path: there is no {path} (looked from {there}){hint}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"dataset.path: {path} cannot be read: {reason}") from error


def read_content(corpus: Corpus, *, any_bytes: bool, on_progress: OnProgress) -> Content:
    """See a corpus once from end to end: which documents are text, how long they are, and the digest of it all.

    A document whose text is there already is left out with a note: what is judged must not have been learned. Raises
    DataError for a document that is no text (in a folder it is left out, with a note) and an empty corpus.
    """
    documents = corpus.documents(on_progress)
    total = sum(_size(document) for document in documents) or 1
    kept: dict[bytes, Document] = {}  # by their digests
    skipped: list[str] = []
    copies: list[tuple[str, str]] = []  # each with what it is a copy of
    records: list[tuple[str, str]] = []  # JSON lines, each with its longest field
    raw: list[str] = []
    first_problem = ""
    size = characters = seen = 0

    def on_bytes(count: int) -> None:
        nonlocal seen
        seen += count
        on_progress(f"reading {corpus.name}", min(1.0, seen / total))

    for document in documents:
        facts = survey(document, any_bytes=any_bytes, on_bytes=on_bytes)
        named = f"{document.name} ({facts.format})" if facts.format else document.name
        if facts.problem and not corpus.skips_binary:
            raise DataError(facts.problem)
        if facts.problem:
            skipped.append(named)
            first_problem = first_problem or facts.problem
        elif facts.digest in kept:
            copies.append((document.name, kept[facts.digest].name))
        elif facts.size:
            size += facts.size + len(SEPARATOR) * bool(kept)
            characters += facts.characters + len(SEPARATOR) * bool(kept)
            kept[facts.digest] = document
            if facts.json_field is not None:
                records.append((document.name, facts.json_field))
            if facts.format:
                raw.append(named)
    if not kept and skipped:
        raise DataError(f"{corpus.name} holds no UTF-8 text, only {_some(skipped)}. {first_problem}")
    if not kept:
        raise DataError(f"{corpus.name} is empty: there is nothing to learn from")
    # UTF-8 needs at most four bytes a character: fewer starts than that are no text, and every byte counts alone.
    characters = size if 4 * characters < size else characters
    notes = (
        *corpus.notes,
        f"left out what is not UTF-8 text ({len(skipped):,}): {_some(skipped)}" if skipped else "",
        _copies_note(copies),
        f"learned byte by byte, as {RAW} has it: {_some(raw)}" if raw else "",
        _records_note(records),
    )
    return Content(tuple(kept.values()), tuple(kept), size, characters, tuple(note for note in notes if note))


def _copies_note(copies: list[tuple[str, str]]) -> str:
    """What to say of documents whose text is there already; each with the one that it repeats."""
    if len(copies) == 1:
        copy, original = copies[0]
        return f"left out 1 file that is the same as {original}: {copy}"
    listed = _some([f"{copy} (as {original})" for copy, original in copies])
    return f"left out {len(copies):,} files that are the same as others: {listed}" if copies else ""


def _records_note(records: list[tuple[str, str]]) -> str:
    """What to say of JSON lines, whose keys and quotes would be learned with their text."""
    if not records:
        return ""
    name, field = records[0]
    names = _some([name for name, _ in records])
    what = f"{names} is" if len(records) == 1 else f"{len(records):,} files ({names}) are"
    way = f" To learn its field {field} alone: {json_lines_way(name, field)} > texts.txt" if field else ""
    return f"{what} JSON lines, of which keys and quotes are learned, too.{way}"


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
