import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from lmcore.data.cache import Facts, NewEntry, TokenCache, default_cache_folder
from lmcore.data.errors import DataError

FACTS = Facts("f" * 32, "char", 1, 3, 2, 3, 2, 0.25, ("folded 1",), "")


def put(cache: TokenCache, name: str = "text1", facts: Facts = FACTS, ids: bytes = b"hello") -> None:
    with cache.new_entry() as new:
        new.write(np.frombuffer(ids, np.uint8))
        new.finish(name, facts)


def test_what_was_put_in_is_found_by_its_keys(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path / "new")
    assert cache.find("key1") is None
    put(cache)
    cache.remember("key1", "text1")
    cache.remember("key2", "text1")
    for key in ("key1", "key2"):
        entry = TokenCache(tmp_path / "new").find(key)
        assert entry is not None
        assert bytes(entry.tokens.tolist()) == b"hello"
        assert entry.tokens.dtype == torch.uint8
        assert (entry.facts.floor, tuple(entry.facts.notes)) == (0.25, ("folded 1",))


def test_an_entry_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    with pytest.raises(KeyboardInterrupt), cache.new_entry() as new:
        new.write(np.zeros(10, np.uint8))
        raise KeyboardInterrupt
    assert not list((tmp_path / "tokens").iterdir())


@pytest.mark.parametrize("damage", ["ids.bin short", "ids.bin gone", "facts.json half", "facts.json old", "key odd"])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, damage: str) -> None:
    cache = TokenCache(tmp_path)
    put(cache)
    cache.remember("key", "text1")
    folder = tmp_path / "tokens" / "text1"
    match damage:
        case "ids.bin short":
            (folder / "ids.bin").write_bytes(b"hell")
        case "ids.bin gone":
            (folder / "ids.bin").unlink()
        case "facts.json half":
            (folder / "facts.json").write_bytes((folder / "facts.json").read_bytes()[:50])
        case "facts.json old":
            (folder / "facts.json").write_text('{"fingerprint": "x"}')
        case "key odd":
            (tmp_path / "keys" / "key").write_text("../../etc")
    assert cache.find("key") is None
    put(cache)
    cache.remember("key", "text1")
    assert cache.find("key") is not None


def test_a_reader_keeps_its_text_when_it_is_replaced(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    put(cache)
    entry = cache.open("text1")
    put(cache, ids=b"other")
    assert entry is not None
    assert bytes(entry.tokens.tolist()) == b"hello"


def test_texts_that_nobody_wants_any_more_are_removed(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    for name in ("wanted", "forgotten"):
        put(cache, name)
    (tmp_path / "tokens" / ".new-killed").mkdir()
    long_ago = time.time() - 90 * 86_400
    for folder in (tmp_path / "tokens").iterdir():
        os.utime(folder, (long_ago, long_ago))
    assert cache.open("wanted") is not None
    put(cache, "another")
    assert sorted(folder.name for folder in (tmp_path / "tokens").iterdir()) == ["another", "wanted"]


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: NewEntry, ids: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(NewEntry, "write", full)
    with pytest.raises(DataError, match=r"No space left on device\. Make room, or set .*LMLAB_CACHE"):
        put(TokenCache(tmp_path))
    assert not list((tmp_path / "tokens").iterdir())


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="LMLAB_CACHE"):
        put(TokenCache(tmp_path / "file"))
    with pytest.raises(DataError, match="LMLAB_CACHE"):
        TokenCache(tmp_path / "file").remember("key", "name")


def test_the_folder_can_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_CACHE", str(tmp_path))
    assert default_cache_folder() == tmp_path
    monkeypatch.delenv("LMLAB_CACHE")
    assert default_cache_folder().name == "lmlab"
