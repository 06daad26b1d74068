"""metrics.jsonl: one line for each logged step and each evaluation, append-only, read while it grows."""

from pathlib import Path
from typing import Any

from lmcore.experiments.lines import LineWriter, cut_lines, decode_line, read_last_lines, read_lines

Row = dict[str, Any]
"""{"step": 12, "tokens": 49152, "seconds": 3.1, "loss/train": 2.9, …}; NaN and infinities stand as strings on disk."""


class MetricsWriter(LineWriter):
    """Appends rows of metrics to metrics.jsonl."""


def read_metrics(path: Path, from_offset: int = 0) -> tuple[list[Row], int]:
    """The rows from a byte offset on and the offset after them; half a last line waits, damaged lines are skipped.

    Rows without a whole-number step are damaged. An offset smaller than the one given says that the run went back to a
    checkpoint and the file was read anew.
    """
    lines = read_lines(path, from_offset)
    return [row for row in lines.rows if isinstance(row.get("step"), int)], lines.offset


def count_damaged(path: Path) -> int:
    """How many whole lines of a metrics file cannot be read."""
    lines = read_lines(path)
    return lines.damaged + sum(not isinstance(row.get("step"), int) for row in lines.rows)


def cut_metrics(path: Path, step: int) -> None:
    """Cut off the rows past a step: the run goes on from there."""
    cut_lines(path, lambda row: isinstance(row.get("step"), int) and row["step"] <= step)


def latest_metrics(path: Path) -> Row:
    """The newest value of each of step, tokens, seconds, loss/train and loss/val within the end of a metrics file."""
    latest: Row = {}
    wanted = {"step", "tokens", "seconds", "loss/train", "loss/val"}
    for size in (1 << 14, 1 << 20):
        lines = read_last_lines(path, size)
        for line in reversed(lines):
            # Lines with norms of every parameter are long; only those that can add something are worth decoding.
            missing = [key for key in ("loss/train", "loss/val") if key not in latest]
            if "step" in latest and not any(f'"{key}"'.encode() in line for key in missing):
                continue
            row = decode_line(line)
            if row is None or not isinstance(row.get("step"), int):
                continue
            for key in wanted & row.keys():
                latest.setdefault(key, row[key])
            if "loss/train" in latest and "loss/val" in latest:
                return latest
        if latest:
            return latest
    return latest
