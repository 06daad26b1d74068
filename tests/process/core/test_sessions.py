"""A session is recorded as it goes, costs no training, and is read as it was written or not at all."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.lines import LineWriter
from lmcore.experiments.runs.listing import list_runs
from lmcore.process.core.sessions import find_session, read_session
from lmcore.protocol.messages import Finished, Generate, Load, LogLine, Pause, RunUntil, SetValue, Start, Stop
from tests.process.core.test_core import config
from tests.process.in_process import Script, record


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A small session: a run that is changed and asked on its way, and stopped."""
    path, _ = record(
        tmp_path / "runs",
        Load("nobody"),
        Start(config(tmp_path / "runs", steps=30), name="first", paused=True),
        RunUntil(step=6),
        SetValue("training.learning_rate", "5e-3"),
        Generate(1, "One [/b] \x1b[2J day", max_tokens=5),
        RunUntil(step=9),
        Stop(),
    )
    return path


def test_each_thing_that_was_done_is_a_line_with_its_step(session: Path) -> None:
    done = [(row["do"], row["at"]["step"]) for row in rows_of(session) if "do" in row]
    assert done == [
        ("Load", 0),
        ("Start", 0),
        ("RunUntil", 0),
        ("SetValue", 6),
        ("Generate", 6),
        ("RunUntil", 6),
        ("Stop", 9),
    ]
    read = read_session(session)
    assert read.end is not None and (read.end.step, read.end.state) == (9, "finished")
    refused, opened, _, changed, asked, *_ = [deed.outcome for deed in read.deeds]
    assert "nobody" in refused.refused
    assert opened.opened is not None and "first" in opened.opened.name
    assert changed.changed == (("training.learning_rate", "0.01", "0.005"),)
    assert asked.answer is not None and (asked.answer.tokens, asked.answer.reason) == (5, "length")
    assert read.working_folder == Path.cwd()


def test_the_person_is_told_where_it_lies_and_the_list_of_runs_has_runs_only(tmp_path: Path) -> None:
    path, told = record(tmp_path / "runs", Start(config(tmp_path / "runs", steps=8), name="only"))
    (line,) = [event.text for event in told if isinstance(event, LogLine) and "lmcore replay" in event.text]
    assert str(path) in line
    assert [run.title for run in list_runs(tmp_path / "runs")] == ["only"]


def test_a_session_without_a_run_leaves_nothing(tmp_path: Path) -> None:
    Script([Pause(), Load("nobody")]).run()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_once_and_training_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = LineWriter.append

    def full(self: LineWriter, *rows: dict[str, Any]) -> None:
        if any(row.get("do") == "SetValue" for row in rows):
            raise RunError("the disk is full")
        append(self, *rows)

    monkeypatch.setattr(LineWriter, "append", full)
    start = Start(config(tmp_path / "runs", steps=8), paused=True)
    change = SetValue("training.learning_rate", "5e-3")
    path, told = record(tmp_path / "runs", start, change, change, RunUntil(step=8))
    warnings = [event.text for event in told if isinstance(event, LogLine) and event.level == "warning"]
    assert len([text for text in warnings if "not recorded" in text and "disk is full" in text]) == 1
    assert any(isinstance(event, Finished) and event.step == 8 for event in told)
    assert [row["do"] for row in rows_of(path) if "do" in row] == ["Start"]


def test_a_last_line_that_was_cut_short_is_passed_over(session: Path) -> None:
    whole = read_session(session)
    content = session.read_bytes()
    for length in (len(content) - 1, len(content) - 40):
        session.write_bytes(content[:length])
        read = read_session(session)
        assert read.deeds == whole.deeds and read.end is None
        assert read.last.step == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda row: {**row, "do": "Dance"}, "no command Dance"),
        (lambda row: {**row, "with": {"key": 5}}, "SetValue.key"),
        (lambda row: {**row, "at": {**row["at"], "step": "six"}}, "at.step"),
        (lambda row: {**row, "at": {**row["at"], "state": "asleep"}}, "at.state"),
        (lambda row: {**row, "out": {"answer": {}}}, "out.answer"),
        (lambda row: {**row, "own": {"mine.py": "abc"}}, "mine.py is not recorded"),
        (lambda row: {"own_file": "../mine.py", "digest": "", "text": ""}, "not the name"),
        (lambda row: {"own_file": "mine.py", "digest": "0" * 64, "text": "a = 1"}, "was changed"),
        (lambda row: {**row, "own": {"mine.py": ["abc"]}}, "mine.py is not recorded"),
        (
            lambda row: {**row, "out": {"opened": {"name": "../../x", "folder": "/", "step": 0}}},
            "not the name of a run",
        ),
        (lambda row: "half", "damaged"),
    ],
)
def test_a_line_that_is_not_as_it_was_written_is_named(
    session: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    rows = rows_of(session)
    (number,) = [number for number, row in enumerate(rows) if row.get("do") == "SetValue"]
    lines = session.read_text().splitlines()
    lines[number] = json.dumps(change(rows[number]))
    session.write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match=rf"line {number + 1}: .*{said}"):
        read_session(session)


@pytest.mark.parametrize("content", ["", "\n", "no lines at all", '{"session": 2}\n', '{"session": 1}\n', "[]\n"])
def test_what_is_no_session_is_answered(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.jsonl").write_text(content)
    with pytest.raises(RunError, match=r"x\.jsonl"):
        read_session(tmp_path / "x.jsonl")


def test_a_session_is_found_by_its_name(session: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    older = session.with_name("19991231-235959.jsonl")
    older.write_text("")
    os.utime(older, (0, 0))
    for name in ("last", session.name, session.stem, str(session)):
        assert find_session(runs, name) == session
    assert find_session(runs, "1999") == older
    with pytest.raises(RunError, match=r"part of 2 sessions.*19991231"):
        find_session(runs, "-")
    with pytest.raises(RunError, match=f"no session .*{session.stem}"):
        find_session(runs, "nobody")
    with pytest.raises(RunError, match=r"no session in .* yet"):
        find_session(tmp_path, "last")


def test_a_run_is_no_session_and_says_who_trains_it_again(session: Path, tmp_path: Path) -> None:
    (run,) = list_runs(tmp_path / "runs")
    for name in (run.name, str(run.folder)):
        with pytest.raises(RunError, match=f"lmcore verify {run.name}"):
            find_session(tmp_path / "runs", name)
    with pytest.raises(RunError, match=f"lmcore verify {run.name}"):
        read_session(find_session(tmp_path / "runs", str(run.folder / "journal.jsonl")))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_brings_more_than_a_sentence(session: Path, data: st.DataObject) -> None:
    rows = rows_of(session)
    number = data.draw(st.integers(0, len(rows) - 1))
    path, place = [], rows[number]
    while isinstance(place, dict) and place and data.draw(st.booleans()):
        path.append(data.draw(st.sampled_from(sorted(place))))
        place = place[path[-1]]
    rows[number] = _with(rows[number], path, data.draw(JSON))
    damaged = session.with_name("damaged.jsonl")
    damaged.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with suppress(RunError):
        assert read_session(damaged).deeds


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def _with(row: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    return {**row, path[0]: _with(row[path[0]], path[1:], value)}
