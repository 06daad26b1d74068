"""Folders of a person: named, the system's own, and temporary ones where there is no home."""

import os
import tempfile
from pathlib import Path

import platformdirs
import pytest

from lmcore.experiments.runs.listing import RunError, find_run
from lmcore.places import Kept, at_home, temporary_note, user_folder
from tests.test_one_door import sources

KEPT: tuple[Kept, ...] = ("cache", "data", "state", "log")


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No folder of the person's can be had; returns the folder of temporary files."""
    for name in ("CACHE", "DATA", "STATE", "CONFIG"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
        monkeypatch.delenv(f"LMLAB_{name}", raising=False)
    (tmp_path / "file").write_text("")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.mark.parametrize("kept", ["cache", "data", "state"])
def test_a_folder_can_be_named_by_the_environment(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LMLAB_{kept.upper()}", str(tmp_path / "mine"))
    assert user_folder(kept) == tmp_path / "mine"
    monkeypatch.delenv(f"LMLAB_{kept.upper()}")
    assert user_folder(kept).name == "lmlab" and user_folder(kept).is_dir()


def test_without_a_home_folders_are_temporary_and_of_this_user_alone(homeless: Path) -> None:
    folders = [user_folder(kept) for kept in KEPT]
    assert folders == [homeless / f"lmlab-{os.getuid()}" / kept for kept in KEPT]
    assert folders[0].parent.stat().st_mode & 0o777 == 0o700
    assert str(folders[0]) in temporary_note() and "LMLAB_DATA" in temporary_note()


def test_a_temporary_folder_that_others_can_write_is_not_used(homeless: Path) -> None:
    (homeless / f"lmlab-{os.getuid()}").mkdir()
    (homeless / f"lmlab-{os.getuid()}").chmod(0o777)
    assert user_folder("data").parent.parent == homeless
    assert user_folder("data").parent.name != f"lmlab-{os.getuid()}"
    assert user_folder("data") == user_folder("data")


def test_a_home_that_nobody_knows_is_no_folder_of_that_name(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where the user has no entry and HOME is not set
    assert homeless in user_folder("cache").parents
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: "~/.local/share/lmlab")
    assert homeless in user_folder("data").parents


def test_where_folders_can_be_had_nothing_is_said() -> None:
    assert temporary_note() == ""


def test_a_home_that_there_is_not_is_part_of_a_name(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no run '~nobody-here/x'"):
        find_run(tmp_path, "~nobody-here/x")
    assert at_home("~") == Path.home()
    others = [name for name, path in sources() if name != "lmcore/places.py" and "expanduser(" in path.read_text()]
    assert others == []
