"""The door to the files of a run: what it opens, what it refuses, and what it leaves behind."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lmcore import files
from lmcore.files import NotPlain

OUTSIDE = b"the user's own\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a run, with a file of the user's beside it."""
    (tmp_path / "outside").write_bytes(OUTSIDE)
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def put_link(place: Path) -> None:
    place.symlink_to(place.parent.parent / "outside")


def put_link_to_nothing(place: Path) -> None:
    place.symlink_to(place.parent.parent / "not-there")


def put_pipe(place: Path) -> None:
    os.mkfifo(place)


def put_folder(place: Path) -> None:
    place.mkdir()


def put_device(place: Path) -> None:
    place.symlink_to("/dev/zero")


OPENINGS: dict[str, Callable[[Path], object]] = {
    "read": files.open_regular,
    "read whole": files.read_regular,
    "change": files.open_to_change,
    "append": files.open_to_append,
    "write whole": lambda path: files.write_whole(path, "text"),
    "shorten": lambda path: files.shorten(path, 0),
    "copy": lambda path: files.copy_file(path, path.with_name("copy")),
    "replace it": lambda path: files.replace(_new(path.with_name("new")), path),
    "put it elsewhere": lambda path: files.replace(path, path.with_name("elsewhere")),
}


def _new(path: Path) -> Path:
    path.write_bytes(b"new")
    return path


@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("put", [put_link, put_link_to_nothing, put_pipe, put_folder, put_device])
def test_what_is_no_plain_file_is_refused_by_name(folder: Path, put: Callable[[Path], None], opening: str) -> None:
    place = folder / "samples.jsonl"
    put(place)
    before = place.lstat()
    with pytest.raises(NotPlain) as refused:
        OPENINGS[opening](place)
    assert refused.value.filename == str(place)
    assert (place.is_symlink()) == ("is a link" in str(refused.value.strerror))
    assert place.lstat() == before
    assert (folder.parent / "outside").read_bytes() == OUTSIDE
    assert not (folder.parent / "not-there").exists()
    assert {path.name for path in folder.iterdir()} <= {"samples.jsonl", "new"}


@pytest.mark.parametrize("put", [put_link, put_link_to_nothing, put_pipe, put_folder])
def test_nothing_is_created_where_something_is(folder: Path, put: Callable[[Path], None]) -> None:
    put(folder / "file")
    with pytest.raises(OSError):
        files.write_new(folder / "file", b"x")
    assert (folder.parent / "outside").read_bytes() == OUTSIDE


def test_a_device_is_refused_without_being_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(os, "open", lambda *arguments: opened.append(arguments))
    with pytest.raises(NotPlain, match="device"):
        files.read_regular(Path(os.devnull))
    assert not opened


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    with (folder / "run.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(NotPlain, match="more than 16,777,216 bytes"):
        files.read_regular(folder / "run.json")


def test_a_file_is_replaced_whole_and_leaves_no_temporary(folder: Path) -> None:
    files.write_whole(folder / "run.json", "old")
    files.write_whole(folder / "run.json", "new")
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("run.json", "new")]


def test_a_failed_write_leaves_the_old_content_and_no_temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_whole(folder / "run.json", "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_whole(folder / "run.json", "new")
    with pytest.raises(OSError, match="No space"):
        files.write_new(folder / "another", "new")
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("run.json", "old")]


def test_old_temporaries_of_killed_processes_go_and_new_ones_stay(folder: Path) -> None:
    old, new, other = (folder / name for name in (f".{'a' * 32}.partial", f".{'b' * 32}.partial", ".mine.partial"))
    for path in (old, new, other):
        path.write_text("half")
    for path in (old, other):
        os.utime(path, (0, 0))
    files.write_whole(folder / "run.json", "text")
    assert sorted(path.name for path in folder.iterdir()) == sorted([new.name, other.name, "run.json"])


def test_a_folder_that_is_a_link_is_neither_used_nor_removed(folder: Path) -> None:
    away = folder.parent / "away"
    away.mkdir()
    (away / "file").write_bytes(OUTSIDE)
    (folder / "checkpoints").symlink_to(away)
    for use in (files.make_folder, files.check_folder, files.remove_folder):
        with pytest.raises(NotPlain, match="it is a link"):
            use(folder / "checkpoints")
    with pytest.raises(NotPlain, match="it is a link"):
        files.move_folder(folder / "checkpoints", folder / "moved")
    (folder / "below").mkdir()
    (folder / "below" / "link").symlink_to(away)
    files.remove_folder(folder / "below")
    assert (away / "file").read_bytes() == OUTSIDE


def test_a_folder_is_copied_without_what_is_no_file(folder: Path) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "mine.py").write_text("x")
    files.copy_folder(folder, folder.parent / "copy")
    assert (folder.parent / "copy" / "code" / "mine.py").read_text() == "x"
    put_link(folder / "code" / "link.py")
    with pytest.raises(NotPlain, match="it is a link") as refused:
        files.copy_folder(folder, folder.parent / "again")
    assert refused.value.filename == str(folder / "code" / "link.py")


def test_nothing_gives_way_to_a_moved_folder(folder: Path) -> None:
    (folder / "one").mkdir()
    (folder / "two").mkdir()
    with pytest.raises(FileExistsError):
        files.move_folder(folder / "one", folder / "two")


def test_a_bound_on_a_file_takes_no_memory_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"small")
    assert files.read_regular(tmp_path / "a", 1 << 62) == b"small"


def test_what_has_another_name_elsewhere_is_read_and_replaced_but_not_written_into(tmp_path: Path) -> None:
    outside, place = _new(tmp_path / "outside"), tmp_path / "metrics.jsonl"
    place.hardlink_to(outside)
    assert files.read_regular(place) == b"new"
    for write in (files.open_to_append, files.open_to_change, files.open_to_write, lambda path: files.shorten(path, 0)):
        with pytest.raises(files.NotPlain, match="hard link"):
            write(place)
    files.write_whole(place, "its own")
    assert (outside.read_text(), place.read_text()) == ("new", "its own")
