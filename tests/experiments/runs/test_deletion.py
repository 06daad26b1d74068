"""Deleting runs: nothing else goes with them."""

import os
import shutil
from pathlib import Path

import pytest

from lmcore import files
from lmcore.experiments.runs.deletion import delete_run
from lmcore.experiments.runs.folder import RunError, new_folder
from lmcore.experiments.runs.listing import list_runs, run_names
from lmcore.experiments.runs.lock import RunLock
from tests.experiments.runs.made_runs import make_run


def test_deleting_removes_links_and_never_follows_them(tmp_path: Path) -> None:
    runs_folder = tmp_path / "runs"
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "gold.txt").write_text("gold")
    folder = make_run(runs_folder, "a")
    (folder / "checkpoints").symlink_to(treasure, target_is_directory=True)
    delete_run(folder)
    assert list(runs_folder.iterdir()) == []
    assert (treasure / "gold.txt").read_text() == "gold"

    outside = make_run(tmp_path / "elsewhere", "b")
    (runs_folder / "link").symlink_to(outside, target_is_directory=True)
    with pytest.raises(RunError, match="is a link to"):
        delete_run(runs_folder / "link")
    assert (outside / "run.json").exists()


def test_a_damaged_run_can_be_deleted_and_other_folders_cannot(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    (folder / "run.json").write_text("{")
    delete_run(folder)
    assert not folder.exists()
    (tmp_path / "photos").mkdir()
    with pytest.raises(RunError, match="is not a run"):
        delete_run(tmp_path / "photos")
    with pytest.raises(RunError, match="is not a run"):
        delete_run(tmp_path / "gone")


def test_a_run_that_is_being_written_is_not_deleted(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    lock = RunLock(folder)
    lock.acquire()
    with pytest.raises(RunError, match=r"being written by this process since .*; stop it there first"):
        delete_run(folder)
    lock.release()
    delete_run(folder)
    assert not folder.exists()


def test_nothing_that_links_inside_a_run_lead_to_is_touched(tmp_path: Path) -> None:
    treasure = tmp_path / "treasure"
    (treasure / "deep").mkdir(parents=True)
    (treasure / "deep" / "gold.txt").write_text("gold")
    folder = make_run(tmp_path / "runs", "a")
    neighbour = make_run(tmp_path / "runs", "b")
    (folder / "run.json").unlink()
    (folder / "run.json").symlink_to(treasure / "deep" / "gold.txt")
    (folder / "checkpoints" / "step-000001").mkdir(parents=True)
    (folder / "checkpoints" / "step-000001" / "model").symlink_to(treasure / "deep", target_is_directory=True)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "up").symlink_to("..", target_is_directory=True)
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    delete_run(folder, tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]
    assert (treasure / "deep" / "gold.txt").read_text() == "gold" and (neighbour / "run.json").exists()


def test_a_run_that_a_link_within_runs_leads_to_is_refused(tmp_path: Path) -> None:
    outside = make_run(tmp_path / "elsewhere", "b")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "group").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(RunError, match=r"leads out of .* by a link, to .*elsewhere"):
        delete_run(tmp_path / "runs" / "group" / "b", tmp_path / "runs")
    with pytest.raises(RunError, match="leads out of"):
        delete_run(tmp_path / "runs" / "." / "group" / "b", tmp_path / "runs")
    assert (outside / "run.json").exists()


def test_a_runs_folder_that_is_itself_a_link_can_be_worked_in(tmp_path: Path) -> None:
    make_run(tmp_path / "disk", "a")
    (tmp_path / "runs").symlink_to(tmp_path / "disk", target_is_directory=True)
    delete_run(tmp_path / "runs" / "a", tmp_path / "runs")
    assert list((tmp_path / "disk").iterdir()) == [] and (tmp_path / "runs").is_symlink()


def test_a_run_may_be_named_by_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(tmp_path / "runs", "a")
    make_run(tmp_path / "runs", "b")
    monkeypatch.chdir(folder)
    delete_run(Path())
    assert run_names(tmp_path / "runs") == ["b"]


@pytest.mark.parametrize("name", ["x" * 255, "森" * 85, "\x1b[2J", "caf\udce9", "two words"])
def test_a_run_with_an_odd_name_can_be_deleted(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "plain").rename(tmp_path / name)
    delete_run(tmp_path / name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_deletion_that_was_interrupted_leaves_nothing_in_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path, "a")

    def die(path: Path) -> None:
        (path / "run.json").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files.shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            delete_run(folder)
    assert list_runs(tmp_path) == [] and len(list(tmp_path.iterdir())) == 1
    os.utime(next(tmp_path.iterdir()), (0, 0))
    assert new_folder(tmp_path) in tmp_path.iterdir() and len(list(tmp_path.iterdir())) == 1


def test_a_part_that_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(tmp_path, "a")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path / "checkpoints"))

    with monkeypatch.context() as patch:
        patch.setattr(files.shutil, "rmtree", refuse)
        with pytest.raises(RunError, match=r"checkpoints: Permission denied. What is left is in .*\.deleted-a"):
            delete_run(folder)
    make_run(tmp_path, "a")
    delete_run(folder)  # the name is free for another, and what was left is in nobody's way
    assert [path.name for path in tmp_path.iterdir()] == [".deleted-a"]
    shutil.rmtree(tmp_path / ".deleted-a")
