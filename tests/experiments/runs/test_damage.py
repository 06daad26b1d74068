"""Run directories with something wrong in them: each shows as damaged, with what can be read, and blocks nothing."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lmcore.experiments.runs import folder as layout
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.listing import find_run, list_runs, read_config_text, read_log, read_run, read_samples
from lmcore.experiments.runs.summary import RunSummary
from tests.experiments.runs.made_runs import make_run


@pytest.fixture(autouse=True)
def _never_waits() -> Iterator[None]:
    """Reading a pipe would wait for ever: an alarm ends it with an error."""
    signal.setitimer(signal.ITIMER_REAL, 20.0)
    previous = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("a file was waited for"))
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, previous)


def both(runs_folder: Path) -> tuple[RunSummary, RunSummary]:
    """The good run and the damaged one."""
    found = {run.name: run for run in list_runs(runs_folder)}
    assert len(found) == 2 and found["good"].status == "finished" and not found["good"].note
    damaged = found["damaged"]
    assert damaged.status == "damaged" and damaged.note
    return found["good"], damaged


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        '{"status": 5}',
        '{"status": "finished", "max_steps": "many"}',
        "[" * 100_000,
        "\xff\x00",
        "null",
        "\0\x7fELF",
    ],
)
def test_damaged_runs_block_nothing_and_show_what_can_be_read(tmp_path: Path, content: str) -> None:
    make_run(tmp_path, "good")
    damaged = make_run(tmp_path, "damaged")
    (damaged / "run.json").write_bytes(content.encode("latin-1"))
    _, run = both(tmp_path)
    assert "run.json" in run.note
    assert run.loss_train == 1.0


def replace(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


PLACES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to("gone"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a device without end": lambda path: path.symlink_to("/dev/zero"),
}
"""What may stand in a file's place."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["run.json", "config.yaml", "metrics.jsonl"])
def test_something_else_in_the_place_of_a_file(tmp_path: Path, name: str, place: str) -> None:
    make_run(tmp_path, "good")
    damaged = make_run(tmp_path, "damaged", title="still to be read")
    PLACES[place](replace(damaged / name))
    if (name, place) == ("metrics.jsonl", "nothing"):
        assert [run.status for run in list_runs(tmp_path)] == ["finished", "finished"]  # it has logged nothing yet
        return
    _, run = both(tmp_path)
    assert name in run.note
    assert run.loss_val == (None if name == "metrics.jsonl" else 1.5)
    assert run.title == ("damaged" if name == "run.json" else "still to be read")
    if name == "run.json":
        with pytest.raises(RunError, match=r"run\.json"):
            read_run(damaged)
    if name == "config.yaml":
        with pytest.raises(RunError, match=r"config\.yaml"):
            read_config_text(damaged)


def test_pipes_in_the_place_of_the_other_files_are_not_waited_for(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "a", status="running")
    for name in ("lock.json", "samples.jsonl", "log.txt"):
        os.mkfifo(folder / name)
    assert list_runs(tmp_path)[0].status == "interrupted"
    for read in (read_samples, read_log):
        with pytest.raises(RunError, match="not a file"):
            read(folder)


def test_a_file_in_the_place_of_the_checkpoints(tmp_path: Path) -> None:
    make_run(tmp_path, "good")
    (make_run(tmp_path, "damaged") / "checkpoints").write_text("")
    assert "checkpoints is not a folder" in both(tmp_path)[1].note


def test_a_huge_run_json_is_not_read_whole(tmp_path: Path) -> None:
    make_run(tmp_path, "good")
    with (make_run(tmp_path, "damaged") / "run.json").open("r+b") as file:
        file.truncate(1 << 40)  # a file with a hole, which takes no room
    assert "has more than" in both(tmp_path)[1].note


@pytest.mark.parametrize("name", ["\x1b[2J\x07", "caf\udce9", "[b]", "a\nb", "x" * 250])
def test_names_that_no_terminal_likes(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path, "plain").rename(tmp_path / name)
    (run,) = list_runs(tmp_path)
    assert (run.name, run.status) == (name, "finished")
    assert find_run(tmp_path, name) == folder


@pytest.mark.parametrize(
    "entries",
    [
        {"max_steps": 10**400, "status": "running"},
        {"latest": [1], "parent": 3, "baseline": "x", "settings": [], "tags": {"a": 1}, "confounded": ["why"]},
        {"seed": "one", "parameters": -(10**30), "floor": 10**400},
        {"created": "+262142-12-31T23:59:59.999999"},
    ],
)
def test_entries_of_another_kind_than_they_should_be_raise_nothing(tmp_path: Path, entries: dict[str, object]) -> None:
    make_run(tmp_path, "odd", **entries)
    (run,) = list_runs(tmp_path)
    assert run.loss_val == 1.5 and json.dumps(run.tags) == "[]"


def test_what_may_not_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, "good")
    damaged = make_run(tmp_path, "damaged")
    open_really = os.open

    def refuse(path: str | Path, *rest: int) -> int:
        if Path(path) == damaged / "run.json":
            raise PermissionError(13, "Permission denied", str(path))
        return open_really(path, *rest)

    monkeypatch.setattr(layout.os, "open", refuse)
    assert "run.json: Permission denied" in both(tmp_path)[1].note


def test_a_folder_that_nobody_may_look_into_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, "good")
    damaged = make_run(tmp_path, "damaged")
    stat_really = os.stat

    def refuse(path: str | Path, **rest: bool) -> os.stat_result:
        if Path(path).parent == damaged:
            raise PermissionError(13, "Permission denied", str(path))
        return stat_really(path, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "stat", refuse)
    assert "cannot be looked into: Permission denied" in both(tmp_path)[1].note
