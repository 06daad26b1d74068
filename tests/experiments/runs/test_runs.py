"""Listing, finding and renaming runs."""

import os
import shutil
import time
from datetime import datetime
from pathlib import Path

import pytest

from lmcore.experiments.runs import listing
from lmcore.experiments.runs.folder import RunError, new_folder, publish, run_name, slug, write_run
from lmcore.experiments.runs.listing import (
    as_tree,
    find_run,
    list_runs,
    read_log,
    read_run,
    read_samples,
    rename_run,
    run_names,
)
from lmcore.experiments.runs.lock import RunLock
from tests.experiments.runs.made_runs import make_run


def test_a_run_is_listed_with_its_last_values(tmp_path: Path) -> None:
    make_run(tmp_path, "a", created="2026-01-02T03:04:05+01:00")
    make_run(tmp_path, "b", created="2026-01-02T03:04:05+00:00", title="Ünder test")
    newest, oldest = list_runs(tmp_path)
    assert (newest.name, oldest.name) == ("b", "a")
    assert newest.title == "Ünder test"
    assert (newest.status, newest.step, newest.max_steps) == ("finished", 3, 3)
    assert (newest.loss_train, newest.loss_val, newest.floor) == (1.0, 1.5, 0.25)
    assert newest.note == ""


def tree(runs_folder: Path) -> list[tuple[int, str, int | None]]:
    return [(depth, run.name, run.parent_step) for depth, run in as_tree(list_runs(runs_folder))]


def test_a_fork_stands_under_its_parent(tmp_path: Path) -> None:
    parents = {"a": None, "b": None, "c": ("a", 2), "d": ("c", 3), "e": ("a", 1), "f": ("gone", 5)}
    for day, (name, parent) in enumerate(parents.items(), start=1):
        entries = {"parent": {"run": parent[0], "step": parent[1]}} if parent else {}
        make_run(tmp_path, name, created=f"2026-01-0{day}T03:04:05+01:00", **entries)
    assert tree(tmp_path) == [(0, "f", 5), (0, "b", None), (0, "a", None), (1, "e", 1), (1, "c", 2), (2, "d", 3)]


def test_parents_in_a_circle_hide_no_run(tmp_path: Path) -> None:
    for name, parent in {"a": "b", "b": "a", "c": "c", "d": "b", "e": 7}.items():
        make_run(tmp_path, name, parent={"run": parent, "step": "x"})
    make_run(tmp_path, "g", parent=["a"])
    assert sorted(run.name for _, run in as_tree(list_runs(tmp_path))) == ["a", "b", "c", "d", "e", "g"]


def test_no_runs_folder_means_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []


def test_a_run_whose_writer_is_gone_shows_as_interrupted(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a", status="running")
    assert list_runs(tmp_path)[0].status == "interrupted"
    assert read_run(folder)["status"] == "interrupted"
    lock = RunLock(folder)
    lock.acquire()
    assert list_runs(tmp_path)[0].status == "running"
    assert read_run(folder)["status"] == "running"
    lock.release()
    assert list_runs(tmp_path)[0].status == "interrupted"
    (folder / "checkpoints" / "step-000003").mkdir(parents=True)
    assert list_runs(tmp_path)[0].status == "finished"


def test_a_run_without_its_files_is_damaged_and_other_folders_are_no_runs(tmp_path: Path) -> None:
    (make_run(tmp_path, "bare") / "run.json").unlink()
    (make_run(tmp_path, "mute") / "metrics.jsonl").unlink()
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("about runs")
    (tmp_path / ".new-1").mkdir()
    (tmp_path / ".new-1" / "config.yaml").write_text("")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert {run.name: run.status for run in list_runs(tmp_path)} == {"bare": "damaged", "mute": "finished"}
    assert run_names(tmp_path) == ["mute", "bare"]


def test_five_hundred_runs_are_listed_within_a_second(tmp_path: Path) -> None:
    pattern = make_run(tmp_path, "run-000", steps=300)
    for index in range(1, 500):
        shutil.copytree(pattern, tmp_path / f"run-{index:03}")
    began = time.process_time()
    assert len(list_runs(tmp_path)) == 500
    assert time.process_time() - began < 1.0


def test_a_run_is_found_by_any_part_that_only_it_has(tmp_path: Path) -> None:
    first = make_run(tmp_path, "20260102-030405-baseline-1a2b3c4d", title="Warm")
    second = make_run(tmp_path, "20260102-040405-baseline-99999999", title="Cold")
    assert find_run(tmp_path, "1a2b") == first
    assert find_run(tmp_path, second.name) == second
    assert find_run(tmp_path, "WARM") == first
    assert find_run(tmp_path, str(second)) == second
    with pytest.raises(RunError, match=r"part of 2 runs: 20260102-040405.*20260102-030405"):
        find_run(tmp_path, "baseline")
    with pytest.raises(RunError, match=r"no run 'baselime' in .*Perhaps: .*baseline"):
        find_run(tmp_path, "baselime")
    with pytest.raises(RunError, match="Name a run"):
        find_run(tmp_path, "  ")
    with pytest.raises(RunError, match="holds no runs yet"):
        find_run(tmp_path / "empty", "x")


def test_a_whole_name_is_meant_even_when_it_is_part_of_another(tmp_path: Path) -> None:
    make_run(tmp_path, "tales-2")
    assert find_run(tmp_path, "tales-2") == tmp_path / "tales-2"
    make_run(tmp_path, "tales")
    assert find_run(tmp_path, "tales") == tmp_path / "tales"


def test_a_whole_title_is_meant_before_a_part_of_a_name(tmp_path: Path) -> None:
    """Of several runs with that title the newest; the arms of an ablation have it as a part of theirs."""
    make_run(tmp_path, "20260101-hotter", title="hotter")
    make_run(tmp_path, "20260104-hot-arm", title="hot baseline", created="2026-01-04T00:00:00+00:00")
    with pytest.raises(RunError, match="part of 2 runs"):
        find_run(tmp_path, "hot")
    older = make_run(tmp_path, "20260102-hot", title="Hot", created="2026-01-02T00:00:00+00:00")
    assert find_run(tmp_path, "hot") == older
    newer = make_run(tmp_path, "20260103-first", title="hot", created="2026-01-03T00:00:00+00:00")  # renamed since
    assert find_run(tmp_path, "hot") == find_run(tmp_path, " HOT ") == newer
    (newer / "run.json").write_text("{")
    assert find_run(tmp_path, "hot") == older


def test_last_is_the_newest_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no runs yet"):
        find_run(tmp_path, "last")
    make_run(tmp_path, "b", created="2026-01-02T00:00:00+00:00")
    newest = make_run(tmp_path, "a", created="2026-01-03T00:00:00+00:00")
    assert find_run(tmp_path, "last") == newest
    named = make_run(tmp_path, "last", created="2026-01-01T00:00:00+00:00")
    assert find_run(tmp_path, "last") == named


def test_names_are_found_without_reading_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(3):
        make_run(tmp_path, f"run-{index}")
    monkeypatch.setattr(listing, "summarize", lambda folder: pytest.fail("a run was read"))
    assert run_names(tmp_path) == ["run-2", "run-1", "run-0"]
    assert find_run(tmp_path, "n-1") == tmp_path / "run-1"


def test_a_title_can_be_changed_and_the_rest_stays(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    rename_run(folder, "  a better\nname ")
    assert list_runs(tmp_path)[0].title == "a better name"
    assert read_run(folder)["seed"] == 1
    for title, complaint in (("  ", "at least one"), ("x" * 101, "at most 100"), ("a\x1b[2Jb", "printable")):
        with pytest.raises(RunError, match=complaint):
            rename_run(folder, title)
    (folder / "run.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        rename_run(folder, "other")


def test_samples_and_log_are_read_as_far_as_they_can_be(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a")
    assert (read_samples(folder), read_log(folder)) == ([], [])
    (folder / "samples.jsonl").write_text('{"step": 1, "prompt": "p", "text": "\\u001b[2J"}\n{"step": 2}\n{"st')
    (folder / "log.txt").write_bytes(b"".join(b"line %d\n" % n for n in range(1000)) + b"\xff\n")
    assert read_samples(folder) == [listing.Sample(1, "p", "\x1b[2J")]
    assert read_log(folder, 2) == ["line 999", "\\xff"]


def test_names_of_run_directories() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5)
    assert run_name("Baseline", "1a2b3c4d5e6f", now) == "20260102-030405-baseline-1a2b3c4d"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("Café  42!") == "cafe-42"
    assert slug("日本語") == "run"
    assert len(slug("x" * 300)) == 40


def test_publishing_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    (tmp_path / "name-2").write_text("a file")
    folder = new_folder(tmp_path)
    write_run(folder, {"status": "running"})
    assert publish(folder, "name") == tmp_path / "name-3"
    assert list((tmp_path / "name").iterdir()) == []
    assert not folder.exists()


def test_leftovers_of_killed_processes_go_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, young, ahead = (new_folder(tmp_path) for _ in range(3))
    os.utime(old, (0, 0))
    os.utime(ahead, (9e9, 9e9))
    monkeypatch.setattr(time, "time", lambda: 8e9)  # the file system's own clock counts
    newest = new_folder(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, ahead, newest])


def test_a_runs_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"Cannot make a run in .*: something else has that name"):
        new_folder(tmp_path / "file")
