"""Runs made of rows, without training."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmcore.experiments.comparison.curves import Curve, Curves
from lmcore.experiments.comparison.groups import Group
from lmcore.experiments.comparison.recorded import RecordedRun, read_recorded
from tests.experiments.runs.made_runs import RUN
from tests.experiments.tiny import TINY

Row = Mapping[str, Any]


def make_run(
    runs_folder: Path,
    name: str,
    rows: Iterable[Row],
    *,
    seed: int = 1,
    config: str = TINY,
    samples: Sequence[tuple[int, str]] = (),
    **identity: Any,
) -> Path:
    """A finished run's folder with such metrics."""
    folder = runs_folder / name
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(config)
    run = {**RUN, "title": name, "seed": seed, "config_hash": "c0", "max_steps": 12, "floor": 0.5, **identity}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [{"step": step, "prompt": "One ", "text": text} for step, text in samples]
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    return folder


def step_rows(losses: Iterable[float], tokens: int = 10, seconds: float = 0.5, first: int = 1) -> list[Row]:
    """A row for each training loss."""
    return [
        {"step": step, "tokens": step * tokens, "seconds": step * seconds, "learning_rate": 1e-3, "loss/train": loss}
        for step, loss in enumerate(losses, first)
    ]


def judged_rows(losses: Mapping[int, float], tokens: int = 10, seconds: float = 0.5) -> list[Row]:
    """A row for each evaluation."""
    return [
        {"step": step, "tokens": step * tokens, "seconds": step * seconds, "loss/val": loss}
        for step, loss in losses.items()
    ]


def curves_of(rows: Iterable[Row]) -> Curves:
    """Rows as curves."""
    metrics: dict[str, Curve] = {}
    for row in rows:
        for name, value in row.items():
            if name != "step":
                metrics.setdefault(name, Curve()).put(row["step"], float(value))
    return Curves(metrics)


def group_of(runs_folder: Path, losses: Mapping[int, Mapping[int, float]], letters: str = "abcdef") -> Group:
    """A group with a run for each seed, of the validation losses by step."""
    runs: list[RecordedRun] = []
    for letter, (seed, by_step) in zip(letters, losses.items(), strict=False):
        folder = make_run(runs_folder, f"run-{letter}", judged_rows(by_step), seed=seed)
        runs.append(read_recorded(folder, letter))
    return Group(tuple(runs))
