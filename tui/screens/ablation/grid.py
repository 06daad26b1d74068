"""The runs of an ablation as a grid, an arm in each row and a seed in each column. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass

from lmcore.protocol.messages import AblationCell
from lmcore.protocol.results import AblationResult, CellResult
from tui.plain_text import shown_text

Word = tuple[str, str]
"""A text and how it is drawn: waiting, training, saved, failed, done."""

WAITING = "·"


@dataclass(frozen=True)
class Cell:
    """One run as the grid shows it: what is in its cell, its run's name, and a sentence about it."""

    word: Word
    run: str
    is_training: bool
    about: str


def cell_of(live: AblationCell | None, kept: CellResult | None) -> Cell:
    """A cell from what the core tells of it and what the result holds, which knows more of a run that is done."""
    is_kept = kept is not None and bool(kept.run)
    if live is not None and not (is_kept and live.state in ("finished", "reused")):
        return _live(live)
    if kept is None or not (kept.run or kept.failure):
        return Cell((WAITING, "waiting"), "", False, "to come")
    if kept.failure:
        return Cell(("✖ failed", "failed"), kept.run, False, _said(kept.failure))
    time = "" if kept.seconds is None else f" · {kept.seconds:,.1f} s of training"
    return Cell(_loss(kept.loss, kept.reused), kept.run, False, f"{_made(kept.reused)}{time}")


def _live(cell: AblationCell) -> Cell:
    steps = f"step {cell.step:,} of {cell.max_steps:,}"
    match cell.state:
        case "running":
            share = f"{cell.step / max(1, cell.max_steps):.0%}".replace("%", " %")
            return Cell((share, "training"), cell.run, True, f"training · {steps}" if cell.step else "begins")
        case "failed":
            return Cell(("✖ failed", "failed"), cell.run, False, _said(cell.said))
        case "stopped":
            return Cell(("‖ saved", "saved"), cell.run, False, "stopped and saved; it goes on from there")
        case _:
            is_reused = cell.state == "reused"
            return Cell(_loss(cell.loss, is_reused), cell.run, False, _made(is_reused))


def _loss(loss: float | None, is_reused: bool) -> Word:
    text = "–" if loss is None else f"{loss:.4f}"
    return f"{text} ♺" if is_reused else f"{text}  ", "done"


def _made(is_reused: bool) -> str:
    return "made earlier and used again" if is_reused else "finished"


def _said(why: str) -> str:
    return f"failed: {shown_text(why, one_line=True)}"


def cells_of(
    arms: tuple[str, ...],
    seeds: tuple[int, ...],
    live: Mapping[tuple[str, int], AblationCell],
    result: AblationResult | None,
) -> dict[tuple[str, int], Cell]:
    """Every cell of the grid, by arm and seed."""
    kept = {} if result is None else {(arm.name, cell.seed): cell for arm in result.arms for cell in arm.cells}
    return {(arm, seed): cell_of(live.get((arm, seed)), kept.get((arm, seed))) for arm in arms for seed in seeds}
