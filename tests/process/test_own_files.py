"""Own files are watched where the person edits them, and what is not the person's own edit is asked about."""

import os
from pathlib import Path

import pytest

from lmcore.experiments.consent import ConsentNeeded, agree, agreed_digests
from lmcore.experiments.own_code import OwnCode, read_own_file
from lmcore.process.own_files import FileWatch


@pytest.fixture(autouse=True)
def _nothing_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def own(tmp_path: Path) -> OwnCode:
    """A run that uses one file."""
    (tmp_path / "mine.py").write_text("a = 1\n")
    return OwnCode({"mine.py": read_own_file(tmp_path / "mine.py")}, tmp_path)


def save(own: OwnCode, text: str) -> None:
    """Write the original, with a time of its own even where the clock is coarse."""
    assert own.folder is not None
    path = own.folder / "mine.py"
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.mark.parametrize("just_read", [True, False])
def test_a_save_is_told_until_it_is_used(own: OwnCode, just_read: bool) -> None:
    watch = FileWatch(own, just_read)
    assert watch.edited() is None and watch.notes == ()
    save(own, "a = 2\n")
    for _ in range(2):
        edited = watch.edited()
        assert edited is not None and edited.text == "a = 2\n"
    assert edited.digest in agreed_digests()
    own.files["mine.py"] = edited
    assert watch.edited() is None
    save(own, "a = 2\n")
    assert watch.edited() is None


def test_what_was_saved_while_the_run_was_made_is_noticed(own: OwnCode) -> None:
    save(own, "a = 2\n")
    edited = FileWatch(own, just_read=True).edited()
    assert edited is not None and edited.text == "a = 2\n"


def test_a_broken_save_that_is_taken_back_is_no_edit(own: OwnCode) -> None:
    watch = FileWatch(own, just_read=True)
    watch.edited()
    save(own, "a = (\n")
    assert watch.edited() is not None
    save(own, "a = 1\n")
    assert watch.edited() is None


def test_a_file_that_is_gone_or_moved_is_no_edit(own: OwnCode, tmp_path: Path) -> None:
    watch = FileWatch(own, just_read=False)
    (tmp_path / "mine.py").unlink()
    assert watch.edited() is None
    assert FileWatch(own, just_read=False).notes == ()
    save(own, "a = 3\n")
    assert watch.edited() is not None


def test_an_original_that_was_another_is_said_and_asked_about(own: OwnCode) -> None:
    save(own, "a = 5\n")
    watch = FileWatch(own, just_read=False)
    assert "not the version that this run uses" in watch.notes[0]
    assert watch.edited() is None
    save(own, "a = 6\n")
    with pytest.raises(ConsentNeeded) as needed:
        watch.edited()
    agree([file.digest for file in needed.value.files])
    edited = watch.edited()
    assert edited is not None and edited.text == "a = 6\n"


def test_a_file_that_the_run_begins_to_use_is_watched_from_then(own: OwnCode, tmp_path: Path) -> None:
    watch = FileWatch(own, just_read=True)
    (tmp_path / "more.py").write_text("b = 1\n")
    own.files["more.py"] = read_own_file(tmp_path / "more.py")
    assert watch.edited() is None
    (tmp_path / "more.py").write_text("b = 22\n")
    edited = watch.edited()
    assert edited is not None and edited.name == "more.py"
