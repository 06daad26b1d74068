"""The cache of tokenized texts: memory-mapped files, written whole or not at all, found again by key."""

import hashlib
import json
import mmap
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from platformdirs import user_cache_dir
from torch import Tensor

from lmcore.data.errors import DataError

VARIABLE = "LMLAB_CACHE"
UNUSED_DAYS = 60


def default_cache_folder() -> Path:
    """The folder named by the environment variable LMLAB_CACHE, else the user's cache folder for lmlab."""
    named = os.environ.get(VARIABLE, "")
    return Path(named).expanduser() if named else Path(user_cache_dir("lmlab"))


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


class TokenCache:
    """Tokenized texts below one folder, by key. Several keys may lead to the same text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads = folder / "downloads"
        self._entries, self._keys = folder / "tokens", folder / "keys"

    def find(self, key: str) -> Entry | None:
        """The text that a key leads to; None where there is none, or where it is damaged."""
        try:
            name = (self._keys / key).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return None
        return self.open(name) if name.isalnum() else None

    def open(self, name: str) -> Entry | None:
        """The text of a name; None where there is none, or where it is damaged."""
        folder = self._entries / name
        try:
            values = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
            facts = Facts(**{field.name: values[field.name] for field in fields(Facts)})
            count = facts.train_tokens + facts.validation_tokens
            if (folder / "ids.bin").stat().st_size != count * facts.item_bytes:
                return None
            tokens = _mapped(folder / "ids.bin", torch.uint8 if facts.item_bytes == 1 else torch.int32)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError):
            return None
        with suppress(OSError):  # a cache that can only be read is as good
            os.utime(folder)  # tells `_forget_unused` that it is wanted
        return Entry(name, facts, tokens)

    def remember(self, key: str, name: str) -> None:
        """Let a key lead to a text."""
        with self._writing():
            self._keys.mkdir(parents=True, exist_ok=True)
            temporary = self._keys / f".{key}.{os.getpid()}"
            temporary.write_text(name, encoding="ascii")
            temporary.replace(self._keys / key)

    @contextmanager
    def new_entry(self) -> Iterator["NewEntry"]:
        """A text to be written; it is in the cache once `NewEntry.finish` was called, and leaves nothing otherwise."""
        with self._writing():
            self._entries.mkdir(parents=True, exist_ok=True)
            self._forget_unused()
            folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self._entries))
        try:
            with self._writing(), (folder / "ids.bin").open("wb") as file:
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

    def _forget_unused(self) -> None:
        """Remove texts that nothing has opened for a long time, and what a killed process left half-written."""
        now = time.time()
        for folder in self._entries.iterdir():
            days = 1 if folder.name.startswith(".") else UNUSED_DAYS
            if folder.stat().st_mtime < now - days * 86_400:
                shutil.rmtree(folder, ignore_errors=True)


class NewEntry:
    """A tokenized text that is being written."""

    def __init__(self, folder: Path, cache: TokenCache, ids: BinaryIO) -> None:
        self._folder, self._cache, self._ids = folder, cache, ids

    def write(self, ids: NDArray[np.uint8] | NDArray[np.int32]) -> int:
        """Append ids; returns how many."""
        self._ids.write(ids.data)
        return len(ids)

    def finish(self, name: str, facts: Facts) -> Entry:
        """Put the text into the cache under a name, whole; one of the same name gives way."""
        _sync(self._ids)
        self._ids.close()
        with (self._folder / "facts.json").open("wb") as file:
            file.write(json.dumps(asdict(facts), indent=1).encode())
            _sync(file)
        place = self._folder.parent / name
        try:
            self._folder.rename(place)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
            self._folder.rename(place)
        entry = self._cache.open(name)
        if entry is None:
            raise DataError(f"{place} is gone as soon as it was written: is something cleaning the cache folder?")
        return entry


def _mapped(path: Path, kind: torch.dtype) -> Tensor:
    """The contents of a file as a tensor that the system reads piece by piece when they are looked at."""
    with path.open("rb") as file:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(mapping, "madvise"):
        # Windows lie anywhere: reading ahead of each would fill a small memory with what nobody asked for.
        mapping.madvise(mmap.MADV_RANDOM)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable")
        return torch.frombuffer(mapping, dtype=kind)


def _sync(file: BinaryIO) -> None:
    """Make sure that what was written is on the disk."""
    file.flush()
    os.fsync(file.fileno())
