"""The foot of the configuration pane: about the field in focus, and what the whole configuration would mean."""

from collections.abc import Sequence
from pathlib import Path

from textual.content import Content

from lmcore.config import Problem
from lmcore.places import shown_path
from tui.panes.config.rows import Row
from tui.plain_text import shown_text


def about(row: Row | None, has_run: bool) -> Content:
    """The description of a field, and what can be done with it."""
    if row is None:
        return Content("")
    parts: list[str | tuple[str, str]] = [shown_text(row.description, one_line=True), "\n"]
    if row.shape.kind == "choice":
        parts.append((" · ".join(row.shape.choices), "dim"))
        parts.append(("\n", ""))
    notes = ["changes while running" if row.is_live else "needs a new run"]
    if has_run and row.runs is not None:
        notes.append(f"the run: {shown_text(row.runs, one_line=True)}")
    if row.was is not None:
        notes.append("x: as in the file")
    elif not row.is_given:
        notes.append("default")
    if row.group:
        notes.append(f"coupled: {row.group}")
    parts.append((" · ".join(notes), "dim"))
    return Content.assemble(*parts)


def meant(lines: Sequence[str], against: Content | None) -> Content:
    """What the configuration would mean, and how it differs from its baseline; several changes are said first."""
    parts = [Content(line) for line in lines]
    if against is not None:
        parts.insert(0 if against.plain.startswith("▲") else len(parts), against)
    return Content("\n").join(parts)


def title(path: Path | None, changes: str, problems: int, width: int) -> Content:
    """The file, what was changed in it, and how much is wrong, cut at its beginning to fit `width` cells."""
    name = "not saved yet" if path is None else shown_path(path)
    wrong = f" · ▲ {problems} wrong" if problems else ""
    room = max(12, width - len(changes + wrong) - 6)
    name = name if len(name) <= room else f"…{name[1 - room :]}"
    return Content(shown_text(f"{name}{changes}{wrong}", one_line=True))


def wrong(problems: tuple[Problem, ...], row: Row | None, most: int = 2) -> Content:
    """What is wrong, each with its line and column, that of a row first; the rest is counted."""
    lines: list[str | tuple[str, str]] = []
    here = ("", "") if row is None else (row.key, row.problem)
    for problem in sorted(problems, key=lambda problem: problem.key != here[0] and problem.message != here[1])[:most]:
        lines.append((f"▲ {problem.line}:{problem.column} ", "bold $text-error"))
        lines.append((f"{shown_text(problem.message, one_line=True)}\n", "$text-error"))
    if len(problems) > most:
        lines.append((f"  and {len(problems) - most} more", "dim"))
    return Content.assemble(*lines)
