import errno
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lmcore.data import cache as module
from lmcore.data.cache import Facts, NewEntry, TokenCache
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


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def extend(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0\0")


def change_first(path: Path) -> None:
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def change_last(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))


def zeros(path: Path) -> None:
    path.write_bytes(bytes(len(path.read_bytes())))


def swap(path: Path) -> None:
    path.write_bytes((path.parent.parent / "other" / path.name).read_bytes())


def lose(path: Path) -> None:
    path.unlink()


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent.parent / "other" / path.name)


@pytest.mark.parametrize(
    "damage",
    (cut, cut_to_nothing, extend, change_first, change_last, zeros, swap, lose, become_a_pipe, become_a_link),
)
@pytest.mark.parametrize("file", ["ids.bin", "facts.json"])
def test_a_damaged_entry_is_named_and_made_anew(tmp_path: Path, file: str, damage: Callable[[Path], None]) -> None:
    put(TokenCache(tmp_path))
    put(TokenCache(tmp_path), "other", replace(FACTS, fingerprint="0" * 32), ids=b"OTHER")
    TokenCache(tmp_path).remember("key", "text1")
    damage(tmp_path / "tokens" / "text1" / file)
    cache = TokenCache(tmp_path)
    assert cache.find("key") is None
    assert cache.damaged == {"text1"}
    put(cache)
    cache.remember("key", "text1")
    found = TokenCache(tmp_path).find("key")
    assert found is not None and bytes(found.tokens.tolist()) == b"hello"
    assert sorted(folder.name for folder in (tmp_path / "tokens").iterdir()) == ["other", "text1"]


@pytest.mark.parametrize("field", ["train_tokens", "item_bytes", "fingerprint", "floor", "notes", "validation_bytes"])
def test_a_changed_fact_is_a_damage(tmp_path: Path, field: str) -> None:
    put(TokenCache(tmp_path))
    path = tmp_path / "tokens" / "text1" / "facts.json"
    kept = json.loads(path.read_text())
    kept["facts"][field] = {"train_tokens": 2, "item_bytes": 4, "floor": 0.5, "validation_bytes": 3}.get(field, "ab")
    path.write_text(json.dumps(kept))
    assert TokenCache(tmp_path).open("text1") is None


def test_an_entry_under_another_name_is_none(tmp_path: Path) -> None:
    put(TokenCache(tmp_path))
    (tmp_path / "tokens" / "text1").rename(tmp_path / "tokens" / "text2")
    cache = TokenCache(tmp_path)
    assert cache.open("text2") is None and cache.damaged == {"text2"}


@pytest.mark.parametrize("content", [b"", b"text2", b"../../etc", b"\xff\xfe", b"text1", "the other key's"])
def test_a_key_that_leads_elsewhere_is_named(tmp_path: Path, content: bytes | str) -> None:
    cache = TokenCache(tmp_path)
    put(cache)
    put(cache, "text2", ids=b"OTHER")
    cache.remember("key", "text1")
    cache.remember("other", "text2")
    other = (tmp_path / "keys" / "other").read_bytes()
    (tmp_path / "keys" / "key").write_bytes(content if isinstance(content, bytes) else other)
    assert cache.find("key") is None
    assert cache.damaged == {"key"}


def test_a_text_that_was_removed_is_no_damage(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    put(cache)
    cache.remember("key", "text1")
    shutil.rmtree(tmp_path / "tokens" / "text1")
    assert cache.find("key") is None and not cache.damaged


def test_a_large_text_is_compared_with_its_digest_until_it_has_been_and_whenever_it_was_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKED_ALWAYS", 4)
    told: list[float] = []
    cache = TokenCache(tmp_path, told.append)
    put(cache)
    ids = tmp_path / "tokens" / "text1" / "ids.bin"
    for compared in (1, 2):  # within a tick of its making, a change would leave no trace
        assert cache.open("text1") is not None and len(told) == compared
    os.utime(ids.parent / "compared", (ids.stat().st_ctime + 60, ids.stat().st_ctime + 60))
    assert cache.open("text1") is not None and len(told) == 2
    was = ids.stat()
    ids.write_bytes(b"hullo")
    while ids.stat().st_ctime_ns == was.st_ctime_ns:  # file systems count their time in ticks
        os.utime(ids)
    os.utime(ids, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert cache.open("text1") is None and cache.damaged == {"text1"}


def test_writers_of_one_text_at_once_leave_one_whole_text(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    with cache.new_entry() as first, TokenCache(tmp_path).new_entry() as second:
        for new in (first, second):
            new.write(np.frombuffer(b"hello", np.uint8))
        entries = [first.finish("text1", FACTS), second.finish("text1", FACTS)]
    assert [bytes(entry.tokens.tolist()) for entry in entries] == [b"hello", b"hello"]
    assert [folder.name for folder in (tmp_path / "tokens").iterdir()] == ["text1"]
    assert cache.open("text1") is not None and not cache.damaged


def test_a_clock_that_is_ahead_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, now = TokenCache(tmp_path), time.time()
    put(cache)
    monkeypatch.setattr(time, "time", lambda: now + 365 * 86_400)
    with cache.new_entry() as slow:
        put(cache, "meanwhile")
        slow.write(np.frombuffer(b"hello", np.uint8))
        slow.finish("slow", FACTS)
    assert sorted(folder.name for folder in (tmp_path / "tokens").iterdir()) == ["meanwhile", "slow", "text1"]


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
