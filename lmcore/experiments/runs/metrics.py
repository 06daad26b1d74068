"""metrics.jsonl: one line for each logged step and each evaluation, append-only, read while it grows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lmcore.experiments.runs.lines import LineWriter, cut_lines, decode_line, read_end, read_last_lines, read_lines

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


def is_of_time(name: str) -> bool:
    """Whether a logged number says how fast the machine was, which nobody can repeat."""
    return name == "seconds" or name.startswith("throughput/") or "milliseconds" in name


def cut_metrics(path: Path, step: int) -> None:
    """Cut off the rows past a step: the run goes on from there."""
    cut_lines(path, lambda row: isinstance(row.get("step"), int) and row["step"] <= step)


def latest_metrics(path: Path) -> Row:
    """The newest value of each of step, tokens, seconds, loss/train and loss/val within the end of a metrics file."""
    names = ("loss/train", "loss/val", "step", "tokens", "seconds")
    return latest_values(path, names, (1 << 14,)) or latest_values(path, names, DEPTHS)


DEPTHS = (1 << 17, 1 << 20)
"""How much of a file's end is looked through for its newest values, in bytes: first little, then more."""


def latest_values(path: Path, names: Sequence[str], depths: Sequence[int] = DEPTHS) -> Row:
    """The newest value of each of some metrics within the end of a metrics file, as far as it has them. RunError.

    Lines with norms of every parameter are long; only those that hold what is looked for are decoded.
    """
    latest: Row = {}
    for size in depths:
        content = read_end(path, size)
        for name in names:
            end = len(content)
            while name not in latest and (at := content.rfind(_as_key(name), 0, end)) >= 0:
                end = content.rfind(b"\n", 0, at) + 1
                row = decode_line(content[end : content.find(b"\n", at)])
                if row is not None and isinstance(row.get("step"), int):
                    latest |= {key: row[key] for key in names if key in row and key not in latest}
        if all(name in latest for name in names):
            break
    return latest


def _as_key(name: str) -> bytes:
    return f"{json.dumps(name, ensure_ascii=False)}: ".encode(errors="replace")


def metric_names(path: Path) -> set[str]:
    """The names of all numbers in the newest line of each kind at the end of a metrics file. RunError.

    Kinds (a step, a step with norms, an evaluation) are told apart by how many values they have.
    """
    names: set[str] = set()
    kinds: set[int] = set()
    for line in reversed(read_last_lines(path, 1 << 17)):
        values = line.count(b'": ')
        if values not in kinds and (row := decode_line(line)) is not None:
            kinds.add(values)
            names |= {name for name, value in row.items() if isinstance(value, int | float)}
    return names
