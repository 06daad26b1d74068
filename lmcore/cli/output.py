"""What commands print: data on stdout, narration on stderr, and text from outside always as text."""

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from lmcore.cli.exits import Failure
from lmcore.plain_text import printable


def open_streams() -> None:
    """Let stdin, stdout and stderr be there, and take any text: what an encoding lacks is shown as a question mark.

    A stream that was closed (`>&-`) leads nowhere: the next file to be opened would have its number.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]


class ReaderGone(Exception):
    """Whoever read stdout wants no more: `lmcore runs list | head -1`."""


@contextmanager
def _reader() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:  # rich makes the latter of the former
        to_nowhere(sys.stdout)
        raise ReaderGone from error
    except OSError as error:
        to_nowhere(sys.stdout)
        raise Failure(f"Cannot write to stdout: {error.strerror or error}.") from error


def to_nowhere(stream: TextIO) -> None:
    """Let a stream that cannot be written any more lead nowhere: what is left in it must not raise once more."""
    with suppress(OSError):  # one without a file number, in a test
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def say(text: str) -> None:
    """Narration: one line, or several, on stderr. Where nobody can read it any more, the work goes on without it."""
    try:
        print(printable(text, keep="\n"), file=sys.stderr, flush=True)
    except OSError:
        to_nowhere(sys.stderr)


def give(text: str, end: str = "\n") -> None:
    """Data as text on stdout."""
    with _reader():
        print(printable(text, keep="\n\t"), end=end)


def give_json(value: Any) -> None:
    """Data as one line of JSON on stdout."""
    with _reader():
        print(json.dumps(plain(value), allow_nan=False))


def plain(value: Any) -> Any:
    """A value as JSON knows it: paths as text, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def give_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table on stdout; the columns named in `right` are aligned to the right. Never cut off where it is piped."""
    from rich.cells import cell_len, set_cell_size
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    right = [printable(heading) for heading in right]
    headings = [printable(heading) for heading in headings]
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headings, *shown, strict=True)]
    if sys.stdout.isatty() and sum(widths) + 2 * len(widths) > console.width:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in headings:
            table.add_column(Text(heading), justify="right" if heading in right else "left", overflow="fold")
        for row in shown:
            table.add_row(*map(Text, row))
        with _reader():
            console.print(table)
        return

    def line(cells: Sequence[str]) -> str:  # a table by rich takes a second for five hundred rows
        padded = (
            " " * (width - cell_len(cell)) + cell if heading in right else set_cell_size(cell, width)
            for heading, cell, width in zip(headings, cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    with _reader():
        console.print(Text(line(headings), style="bold"), soft_wrap=True)
        print("\n".join(map(line, shown)))


def give_beside(columns: Sequence[tuple[str, str]], narrowest: int = 36) -> None:
    """Texts under their headings side by side on stdout, wrapped, as many in a row as the terminal is wide for."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        file=sys.stdout,
        width=None if sys.stdout.isatty() else 100,
        highlight=False,
        markup=False,
        emoji=False,
    )
    at_once = max(1, min(len(columns), console.width // narrowest))
    with _reader():
        for start in range(0, len(columns), at_once):
            table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0), width=console.width)
            shown = columns[start : start + at_once]
            for heading, _ in shown:
                table.add_column(Text(printable(heading)), ratio=1, overflow="fold")
            table.add_row(*(Text(printable(text, keep="\n")) for _, text in shown))
            console.print(table)


def loss_text(loss: float | None) -> str:
    """A loss for people, in four decimals; a dash where there is none."""
    return "–" if loss is None else f"{loss:.4f}"


def count_text(count: float) -> str:
    """A large number for people: 803,456 → 0.80 M."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e5, "M"), (1e3, "k")):
        if count >= size:
            divisor = 1e6 if unit == "M" else size
            return f"{count / divisor:.2f} {unit}"
    return f"{count:.0f}"


def time_text(seconds: float) -> str:
    """A duration for people: 93 → 1:33, 3723 → 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
