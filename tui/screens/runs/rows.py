"""A run as one line of the list, in styled pieces of text, for any width. Pure functions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.cells import cell_len, set_cell_size

from lmcore.clock import local_now
from lmcore.experiments.runs.summary import RunSummary, forked_at
from lmcore.experiments.selection.values import value_text
from tui.plain_text import shown_text

Span = tuple[str, str]
"""A text and the name of its style: heading, chosen, name, tree, tag, value, muted, warning, mark."""

_MARKS = {
    "running": "●",
    "finished": "✔",
    "stopped": "■",
    "failed": "✖",
    "interrupted": "◐",
    "damaged": "▲",
}
_FLAGS, _STATUS, _LOSS, _SORTED, _BEGUN = 3, 14, 9, 14, 13
_COLUMN_OF = {"step": "step", "loss/train": "train", "loss/val": "val", "floor": "floor"}
"""What is sorted by and has a column anyway."""


@dataclass(frozen=True)
class Layout:
    """How the columns share a width; 0 for one that is left out."""

    name: int
    tags: int
    step: int
    train: int
    val: int
    floor: int
    sorted: int  # the column of what the runs are sorted by, where it has none anyway
    sort: str
    is_reversed: bool


def lay_out(width: int, runs: Sequence[RunSummary], sort: str = "", is_reversed: bool = False) -> Layout:
    """Columns for these runs: with less room there are fewer of them, and names keep theirs."""
    own = _SORTED if sort and sort not in _COLUMN_OF else 0
    is_wide, is_middle = width >= 104, width >= 88
    step = 20 if is_wide else 9
    train = _LOSS if is_middle or sort == "loss/train" else 0
    val = _LOSS if is_middle or not (own or sort in ("loss/train", "floor")) else 0
    floor = _LOSS if is_wide or sort == "floor" else 0
    rest = width - _FLAGS - _STATUS - step - own - train - val - floor - _BEGUN
    longest = max((sum(len(tag) + 1 for tag in run.tags) for run in runs), default=0)
    tags = min(longest + 1, max(0, rest - 36), 30) if longest and rest >= 44 else 0
    return Layout(max(8, rest - tags), tags, step, train, val, floor, own, sort, is_reversed)


def heading(layout: Layout) -> list[Span]:
    """The line above the rows; an arrow stands at what they are sorted by."""
    arrow = "↓" if layout.is_reversed else "↑"

    def column(name: str, width: int, key: str = "") -> Span:
        is_chosen = bool(layout.sort) and layout.sort == key
        text = f"{_end_of(name, width - 3)} {arrow}" if is_chosen else name
        return text.rjust(width)[-width:] if width else "", "chosen" if is_chosen else "heading"

    return [
        (" " * _FLAGS + "run".ljust(layout.name), "heading"),
        ("tags".ljust(layout.tags)[: layout.tags], "heading"),
        ("status".ljust(_STATUS), "heading"),
        column("step", layout.step, "step"),
        column(layout.sort, layout.sorted, layout.sort),
        column("train", layout.train, "loss/train"),
        column("val", layout.val, "loss/val"),
        column("floor", layout.floor, "floor"),
        ("begun".rjust(_BEGUN), "heading"),
    ]


def row(
    depth: int,
    run: RunSummary,
    layout: Layout,
    value: Any = None,
    flags: Collection[str] = (),
    now: datetime | None = None,
) -> list[Span]:
    """One run's line. `value` is what it is sorted by; `flags` may hold "marked" and "overlaid"."""
    style = "muted" if run.archived else "value"
    name = "muted" if run.archived else "name"
    is_wrong = run.status in ("damaged", "failed")
    steps = f"{run.step:,} / {run.max_steps:,}" if run.max_steps and layout.step > 10 else f"{run.step:,}"
    tree = f"{'  ' * min(depth - 1, 8)}└ " if depth else ""
    title = f"{run.title} ▲" if run.confounded else run.title

    def loss(value: float | None, width: int) -> Span:
        return _right("–" if value is None else f"{value:.3f}", width), style

    return [
        ("▪", "mark") if "marked" in flags else (" ", "muted"),
        ("◆ ", "mark") if "overlaid" in flags else ("  ", "muted"),
        (tree, "tree"),
        (_left(title, layout.name - len(tree)), name),
        (_left(" ".join(run.tags), layout.tags), "muted" if run.archived else "tag"),
        (_left(f"{_MARKS.get(run.status, '?')} {run.status}", _STATUS), "warning" if is_wrong else style),
        (_right(steps, layout.step), style),
        (_right(value_text(value), layout.sorted), style),
        loss(run.loss_train, layout.train),
        loss(run.loss_val, layout.val),
        loss(run.floor, layout.floor),
        (_right("archived" if run.archived else age(run.created, now), _BEGUN), "muted"),
    ]


def about(run: RunSummary) -> list[str]:
    """What the lines below the list say of a run."""
    parts = [run.name]
    parts += [f"{run.parameters:,} parameters"] if run.parameters else []
    parts += [f"seed {run.seed}"] if run.seed is not None else []
    parts += [f"config {run.config_hash[:8]}"] if run.config_hash else []
    parts += [f"forked from {run.parent} at {forked_at(run)}"] if run.parent else []
    parts += [f"tags {' '.join(run.tags)}"] if run.tags else []
    parts += ["archived"] if run.archived else []
    lines = [" · ".join(parts)]
    if run.baseline or run.changed:
        against = f"against {run.baseline}" if run.baseline else "against its parent"
        lines.append(f"{against}: {run.changed}" if run.changed else against)
    lines += [f"▲ confounded: {run.confounded}"] if run.confounded else []
    lines += [f"▲ {run.note.replace(f'{run.folder}/', '').replace(str(run.folder), 'this')}"] if run.note else []
    return [shown_text(line, one_line=True) for line in lines]


def age(created: str, now: datetime | None = None) -> str:
    """How long ago something was begun: 40 s, 5 min, 3 h, 12 days ago. A dash if it is not known."""
    try:
        begun = datetime.fromisoformat(created)
        now = now or (local_now() if begun.tzinfo else local_now().replace(tzinfo=None))
        seconds = max(0.0, (now - begun).total_seconds())
    except (ValueError, OverflowError, TypeError):
        return "–"
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _left(text: str, width: int) -> str:
    """Text in a column, with a blank after it; what does not fit is cut off visibly."""
    text = shown_text(text, one_line=True)
    if cell_len(text) > width - 1 >= 1:
        text = set_cell_size(text, width - 2) + "…"
    return set_cell_size(text, max(0, width))


def _right(text: str, width: int) -> str:
    text = shown_text(text, one_line=True)
    return " " * (width - cell_len(text)) + set_cell_size(text, max(0, min(width, cell_len(text))))


def _end_of(text: str, width: int) -> str:
    return text if len(text) <= width else "…" + text[len(text) - max(0, width - 1) :]
