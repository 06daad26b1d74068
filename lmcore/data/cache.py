"""The cache of tokenized texts: memory-mapped files, written whole or not at all, found again by key."""

import hashlib
import json
import mmap
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmcore.data.errors import DataError
from lmcore.files import open_regular, read_regular, write_whole

VARIABLE = "LMLAB_CACHE"
UNUSED_DAYS = 60
FACTS, IDS, COMPARED = "facts.json", "ids.bin", "compared"
CHECKED_ALWAYS = 64 << 20  # bytes of ids that are compared with their digest at every start: a tenth of a second
BLOCK_BYTES = 1 << 20
TICK_SECONDS = 2.0


@cache
def code_digest() -> str:
    """Digest of this room's own source: when it changes, cached tokens are made anew."""
    room = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(room.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def digest_of(*parts: object) -> str:
    """A short digest of some values, for names and keys."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Facts:
    """What is kept about a tokenized text beside its ids. The first `train_tokens` ids are the training split."""

    fingerprint: str
    tokenizer_fingerprint: str
    item_bytes: int  # 1: uint8, 4: int32
    train_tokens: int
    validation_tokens: int
    train_characters: int
    validation_bytes: int
    floor: float | None
    notes: tuple[str, ...]
    tokenizer_definition: str  # the text of a tokenizer.json; empty where the tokenizer needs none


@dataclass(frozen=True)
class Entry:
    """A tokenized text in the cache."""

    name: str
    facts: Facts
    tokens: Tensor  # [token] uint8 or int32, memory-mapped


class Damaged(Exception):
    """What is in the cache is not what was put there."""


class TokenCache:
    """Tokenized texts below one folder, by key. Several keys may lead to the same text.

    What is not as it was put there is never used: it is named in `damaged`, and found no more.
    """

    def __init__(self, folder: Path, on_check: Callable[[float], None] | None = None) -> None:
        """`on_check` is told how much of a large text has been compared with its digest, from 0 to 1."""
        self.folder = folder
        self.downloads = folder / "downloads"
        self.damaged: set[str] = set()
        self._entries, self._keys = folder / "tokens", folder / "keys"
        self._on_check = on_check

    def find(self, key: str) -> Entry | None:
        """The text that a key leads to; None where there is none, or where it is damaged."""
        try:
            name, _, seal = read_regular(self._keys / key).decode("ascii").partition(" ")
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            name = seal = ""
        if seal != digest_of("key", key, name):
            self.damaged.add(key)
            return None
        return self.open(name)

    def open(self, name: str) -> Entry | None:
        """The text of a name; None where there is none, or where it is damaged."""
        folder = self._entries / name
        if not folder.exists():
            return None
        try:
            facts, ids_digest = _facts(folder, name)
            tokens = self._checked(folder, facts, ids_digest)
        except (Damaged, OSError, ValueError, TypeError, KeyError, RuntimeError, RecursionError):
            if folder.exists():  # another process may have put a whole one in its place
                self.damaged.add(name)
            return None
        with suppress(OSError):  # a cache that can only be read is as good
            os.utime(folder)  # tells `_forget_unused` that it is wanted
        return Entry(name, facts, tokens)

    def _checked(self, folder: Path, facts: Facts, wanted: str) -> Tensor:
        """The ids of an entry, compared with their digest, unless a large file is the one that was compared before."""
        with open_regular(folder / IDS) as file:
            now = os.fstat(file.fileno())
            size = (facts.train_tokens + facts.validation_tokens) * facts.item_bytes
            if now.st_size != size:
                raise Damaged
            stamp = digest_of(wanted, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
            if size <= CHECKED_ALWAYS or not _was_compared(folder / COMPARED, stamp, now.st_ctime):
                digest, seen = hashlib.sha256(), 0
                while block := file.read(BLOCK_BYTES):
                    digest.update(block)
                    seen += len(block)
                    if self._on_check and size > CHECKED_ALWAYS:
                        self._on_check(seen / size)
                if digest.hexdigest() != wanted:
                    raise Damaged
                if size > CHECKED_ALWAYS:
                    with suppress(OSError):
                        write_whole(folder / COMPARED, stamp)
            return _mapped(file, facts.item_bytes)

    def remember(self, key: str, name: str) -> None:
        """Let a key lead to a text."""
        with self._writing():
            self._keys.mkdir(parents=True, exist_ok=True)
            write_whole(self._keys / key, f"{name} {digest_of('key', key, name)}")

    @contextmanager
    def new_entry(self) -> Iterator["NewEntry"]:
        """A text to be written; it is in the cache once `NewEntry.finish` was called, and leaves nothing otherwise."""
        with self._writing():
            self._entries.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self._entries))
        try:
            with self._writing(), (folder / IDS).open("wb") as file:
                self._forget_unused(folder)
                yield NewEntry(folder, self, file)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turns what goes wrong while writing into a DataError with a way out."""
        try:
            yield
        except OSError as error:
            raise DataError(
                f"the cache folder {self.folder} cannot be written: {error.strerror or error}. Make room, or set the "
                f"environment variable {VARIABLE} to a folder that can be written"
            ) from error

    def _forget_unused(self, just_made: Path) -> None:
        """Remove texts that nothing has opened for a long time, and what a killed process left half-written.

        Ages are told by the file system's own clock, which wrote `just_made` and all other times: ours may differ.
        """
        now = just_made.stat().st_mtime
        for folder in self._entries.iterdir():
            with suppress(OSError):  # another process may be removing it
                half_written = folder.name.startswith(".")
                last = max(path.stat().st_mtime for path in (folder, *(folder.iterdir() if half_written else ())))
                days = 1 if half_written else UNUSED_DAYS
                if folder != just_made and last < now - days * 86_400:
                    shutil.rmtree(folder, ignore_errors=True)


class NewEntry:
    """A tokenized text that is being written."""

    def __init__(self, folder: Path, cache: TokenCache, ids: BinaryIO) -> None:
        self._folder, self._cache, self._ids = folder, cache, ids
        self._digest = hashlib.sha256()

    def write(self, ids: NDArray[np.uint8] | NDArray[np.int32]) -> int:
        """Append ids; returns how many."""
        self._ids.write(ids.data)
        self._digest.update(ids.data)
        return len(ids)

    def finish(self, name: str, facts: Facts) -> Entry:
        """Put the text into the cache under a name, whole; a damaged one of the same name gives way."""
        _sync(self._ids)
        self._ids.close()
        kept = {"facts": asdict(facts), "ids": self._digest.hexdigest()}
        with (self._folder / FACTS).open("wb") as file:
            file.write(json.dumps({**kept, "seal": _seal(name, kept)}, indent=1).encode())
            _sync(file)
        with open_regular(self._folder / IDS) as ids:
            entry = Entry(name, facts, _mapped(ids, facts.item_bytes))  # holds, whatever becomes of the folder
        self._take(self._folder.parent / name)
        return entry

    def _take(self, place: Path) -> None:
        """Move the folder to its place, unless another process has put the same text there meanwhile."""
        for _ in range(3):
            try:
                self._folder.rename(place)
                return
            except OSError:
                if self._cache.open(place.name) is not None:
                    return
            aside = self._folder.with_name(f"{self._folder.name}-damaged")
            with suppress(FileNotFoundError):
                place.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
        self._folder.rename(place)


def _facts(folder: Path, name: str) -> tuple[Facts, str]:
    """What is kept about an entry, and the digest of its ids. Damaged where it is not as it was written."""
    kept = json.loads(read_regular(folder / FACTS))
    if kept.pop("seal") != _seal(name, kept):
        raise Damaged
    return Facts(**{**kept["facts"], "notes": tuple(kept["facts"]["notes"])}), kept["ids"]


def _seal(name: str, kept: Mapping[str, object]) -> str:
    """Digest of what is kept about an entry, which holds under its own name alone."""
    return digest_of("facts", name, json.dumps(kept, sort_keys=True))


def _was_compared(path: Path, stamp: str, changed: float) -> bool:
    """Whether a file with this stamp was compared with its digest, long enough after its last change to be sure.

    Both times are the file system's own, which counts in ticks: within one, a change leaves no trace.
    """
    try:
        with open_regular(path) as file:
            return os.fstat(file.fileno()).st_mtime > changed + TICK_SECONDS and file.read(99) == stamp.encode()
    except OSError:
        return False


def _mapped(file: BinaryIO, item_bytes: int) -> Tensor:
    """The contents of a file as a tensor that the system reads piece by piece when they are looked at."""
    mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mapping, "madvise"):
        # Windows lie anywhere: reading ahead of each would fill a small memory with what nobody asked for.
        mapping.madvise(mmap.MADV_RANDOM)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable")
        return torch.frombuffer(mapping, dtype=torch.uint8 if item_bytes == 1 else torch.int32)


def _sync(file: BinaryIO) -> None:
    """Make sure that what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())
