"""Local time in a place whose clock cannot be told, and nowhere else than in one module."""

import ast
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmcore.clock import local_now, stamp
from lmcore.experiments.runs.folder import run_name
from lmcore.experiments.runs.listing import list_runs
from tests.cli.run_command import Command
from tests.experiments.runs.made_runs import make_run
from tests.test_one_door import sources
from tui.screens.runs.rows import age


@pytest.fixture
def odd_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone that is more than a day away."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC+25:99:99")
        time.tzset()
        yield
    time.tzset()


def test_an_odd_time_zone_is_taken_for_utc(
    odd_zone: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert stamp().endswith("+00:00") and age(stamp()) in ("0 s ago", "1 s ago")
    folder = make_run(tmp_path / "runs", run_name("odd", "1a2b3c4d", local_now()), created="2026-01-02T03:04:05")
    assert [run.folder.name for run in list_runs(folder.parent)] == [folder.name]
    lmcore = Command(capsys)
    for command in (["notebook"], ["runs", "list"], ["runs", "show", "last"], ["runs", "note", "last", "seen"]):
        assert lmcore(*command).code == 0


def test_time_is_made_local_in_one_place() -> None:
    wrong = [
        (name, node.lineno)
        for name, path in sources()
        if name != "lmcore/clock.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "today", "astimezone", "localtime", "ctime")
        if node.attr != "now" or (isinstance(node.value, ast.Name) and node.value.id == "datetime")
    ]
    assert wrong == []


SET_BY_PEOPLE = {
    "lmcore/data/ingest.py": "against the times of files",
    "lmcore/process/core/own_files.py": "against the times of files, and waits no longer for it than a bound",
    "tui/screens/ablation/listing.py": "says how long ago",
}
"""Where the clock that people set is asked, and why. It may jump: no wait and no duration is taken from it."""


def test_what_lasts_is_measured_by_a_clock_that_does_not_jump() -> None:
    asked = {
        name
        for name, path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in ("time", "time_ns") and ast.unparse(node.value) == "time")
        or (isinstance(node, ast.ImportFrom) and node.module == "time" and {"time", "time_ns"} & names(node))
    }
    assert asked == set(SET_BY_PEOPLE)


def names(node: ast.ImportFrom) -> set[str]:
    """What is imported."""
    return {alias.name for alias in node.names}
