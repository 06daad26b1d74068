"""Files of JSON lines: whole lines only, half lines waited for, damaged lines counted, NaN kept."""

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.lines import LONGEST, LineWriter, decode_line, each_row, encode_line, read_lines
from lmcore.experiments.runs.metrics import (
    MetricsWriter,
    count_damaged,
    cut_metrics,
    latest_metrics,
    latest_values,
    metric_names,
    read_metrics,
)

values = st.floats() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.none()
rows = st.dictionaries(st.text(max_size=8), values.filter(lambda v: v not in ("NaN", "Infinity", "-Infinity")))


def same(a: Any, b: Any) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


@settings(max_examples=60, deadline=None)
@given(rows)
def test_a_row_is_one_line_of_valid_json_and_comes_back(row: dict[str, Any]) -> None:
    line = encode_line(row)
    assert line.count(b"\n") == 1

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    json.loads(line, parse_constant=refuse)
    back = decode_line(line)
    assert back is not None
    assert back.keys() == row.keys()
    assert all(same(back[key], row[key]) for key in row)


@settings(max_examples=40, deadline=None)
@given(st.lists(rows, max_size=6), st.data())
def test_a_reader_that_follows_a_growing_file_sees_each_row_once(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, Any]], data: st.DataObject
) -> None:
    content = b"".join(map(encode_line, written))
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    cuts = [*sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5))), len(content)]
    seen: list[dict[str, Any]] = []
    offset = 0
    for cut in cuts:
        path.write_bytes(content[:cut])
        lines = read_lines(path, offset)
        seen += lines.rows
        offset = lines.offset
    assert [encode_line(row) for row in seen] == [encode_line(row) for row in written]
    assert offset == len(content)


def test_damaged_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    good = b'{"step": 1, "loss/train": 2.5}\n'
    bad = [b"{half\n", b"\xff\xfe\x00\n", b"[1, 2]\n", b"[" * 100_000 + b"\n", b'{"step": "two"}\n']
    path.write_bytes(good + b"".join(bad) + b"\n" + good + b'{"step": 3')
    found, offset = read_metrics(path)
    assert [row["step"] for row in found] == [1, 1]
    assert count_damaged(path) == len(bad)
    assert path.read_bytes()[offset:] == b'{"step": 3'


def test_a_missing_file_has_no_rows(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "no.jsonl") == ([], 0)


def test_a_file_that_was_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(encode_line({"step": step}) for step in range(10)))
    offset = read_metrics(path)[1]
    cut_metrics(path, 3)
    found, new_offset = read_metrics(path, offset)
    assert [row["step"] for row in found] == [0, 1, 2, 3]
    assert new_offset < offset


def test_a_writer_removes_the_half_line_of_one_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2, "lo')
    writer = MetricsWriter(path)
    writer.append({"step": 2, "loss/train": math.nan}, {"step": 3, "loss/train": -math.inf})
    writer.close()
    assert path.read_text() == '{"step": 1}\n{"step": 2, "loss/train": "NaN"}\n{"step": 3, "loss/train": "-Infinity"}\n'


def test_a_full_disk_leaves_no_part_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = LineWriter(path)
    writer.append({"step": 1})
    before = path.read_bytes()
    real = os.write

    def half(descriptor: int, content: bytes) -> int:
        if len(content) < 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(RunError, match="the disk is full"):
        writer.append({"step": 2, "loss/train": 1.25})
    monkeypatch.undo()
    assert path.read_bytes() == before
    writer.append({"step": 2})
    writer.close()
    assert [row["step"] for row in read_lines(path).rows] == [1, 2]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 20), max_size=12).map(sorted), st.integers(-1, 21), st.booleans())
def test_cutting_keeps_exactly_the_steps_up_to_one(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], last: int, half: bool
) -> None:
    path = tmp_path_factory.mktemp("cut") / "metrics.jsonl"
    path.write_bytes(b"".join(encode_line({"step": step}) for step in steps) + (b'{"step": ' if half else b""))
    cut_metrics(path, last)
    kept = [step for step in steps if step <= last]
    assert path.read_bytes() == b"".join(encode_line({"step": step}) for step in kept)


def test_the_latest_values_come_from_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    long = {f"grad/l2_norm/{index}": 0.1 for index in range(2000)}
    lines = [{"step": step, "loss/train": 5.0 - step, **long} for step in (1, 2)]
    lines += [{"step": 2, "loss/val": 3.5}, {"step": 3, "loss/train": 2.0, **long}]
    path.write_bytes(b"".join(map(encode_line, lines)) + b'{"step": 4')
    assert latest_metrics(path) == {"step": 3, "loss/train": 2.0, "loss/val": 3.5}
    assert latest_metrics(tmp_path / "none.jsonl") == {}
    assert latest_values(path, ["grad/l2_norm/1", "loss/val", "none"]) == {"grad/l2_norm/1": 0.1, "loss/val": 3.5}
    assert metric_names(path) == {"step", "loss/train", "loss/val", *long}


def test_the_latest_value_of_a_metric_passes_over_damaged_lines(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    rows = [{"step": 1, "a/b": 1.0, "x": "é"}, {"step": 2, "a/b": math.nan}, {"step": 3, "c": 2.0}]
    path.write_bytes(b"".join(map(encode_line, rows)) + b'{"step": 4, "a/b": \n{"step": "x", "a/b": 7.0}\nnull\n')
    assert math.isnan(latest_values(path, ["a/b"])["a/b"])
    path.write_bytes(encode_line(rows[0]) + b'{"a/b": 5.0}\n{"step": 4, "a/b": 8.0')
    assert latest_values(path, ["a/b", "\udce9"]) == {"a/b": 1.0}
    assert latest_values(tmp_path / "none.jsonl", ["a/b"]) == {} and metric_names(tmp_path / "none.jsonl") == set()


def test_rows_one_by_one_are_those_at_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert list(each_row(path)) == []
    path.write_bytes(b'{"step": 1}\n\nhalf\n{"step": "NaN"}\n[1]\n{"step": 99999999999999999999}\n{"step": 2}\n{"st')
    found = list(each_row(path))
    assert [row for row in found if row is not None][0::2] == [{"step": 1}, {"step": 2}]
    assert (len(found), found.count(None)) == (6, 3) and read_lines(path).damaged == 3
    with path.open("wb") as file:
        file.truncate(LONGEST + 1)  # a hole, which takes no room
    with pytest.raises(RunError, match="bytes without a line"):
        list(each_row(path))
