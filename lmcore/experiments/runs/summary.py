"""One run in a line: what the list of runs says of it, be it damaged. Reads run.json and the end of metrics.jsonl."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcore.experiments.runs import folder as layout
from lmcore.experiments.runs.folder import RunError, inspect_run
from lmcore.experiments.runs.lock import is_locked
from lmcore.experiments.runs.metrics import latest_metrics
from lmcore.files import kind_of


@dataclass(frozen=True)
class RunSummary:
    """One line of the list of runs. Losses in nats per token; `note` says what is wrong with a damaged run."""

    name: str
    title: str
    folder: Path
    status: str  # running, finished, stopped, failed, interrupted, damaged
    step: int
    max_steps: int
    created: str  # ISO 8601
    loss_train: float | None
    loss_val: float | None
    floor: float | None
    config_hash: str
    note: str = ""
    seed: int | None = None
    parameters: int | None = None
    parent: str = ""  # the name of the run that it was forked from
    parent_step: int | None = None
    tags: tuple[str, ...] = ()
    archived: bool = False
    baseline: str = ""  # the name of what it was to differ from in one thing
    confounded: str = ""  # why it differs from its baseline in more
    changed: str = ""  # what it learns differently than its baseline, or else than its parent, in words
    weights_step: int | None = None  # the step of its parent whose weights alone it began with, at its own step 0
    settings: Mapping[str, Any] | None = None  # what is not at its default, by dotted key; None: unknown


def forked_at(run: RunSummary) -> str:
    """Where in its parent a fork began, in words."""
    return f"step {run.parent_step or 0:,}" if run.weights_step is None else f"the weights of step {run.weights_step:,}"


def summarize(folder: Path) -> RunSummary:
    """One run's line in the list. Never raises for a damaged run."""
    latest: dict[str, Any] = {}
    run, problem = inspect_run(folder)
    problems = [problem] if problem else []
    try:
        latest = latest_metrics(folder / layout.METRICS)
    except RunError as error:
        problems.append(str(error))

    def text(key: str) -> str:
        value = run.get(key, "")
        return value if isinstance(value, str) else ""

    problems += _wrong_parts(folder)
    status = settled(folder, run, text("status"))
    parent, baseline, settings = _table(run, "parent"), _table(run, "baseline"), run.get("settings")
    changed = baseline or _table(run, "changed")
    known = {**_table(run, "latest"), **latest}
    return RunSummary(
        name=folder.name,
        title=text("title") or folder.name,
        folder=folder,
        created=text("created"),
        config_hash=text("config_hash"),
        status="damaged" if problems else status,
        step=_whole(known.get("step")) or _whole(parent.get("step")) or 0,  # a new fork: at its begin
        max_steps=_whole(run.get("max_steps")) or 0,
        loss_train=_number(known.get("loss/train")),
        loss_val=_number(known.get("loss/val")),
        floor=_number(run.get("floor")),
        note=" ".join(problems),
        seed=_whole(run.get("seed")),
        parameters=_whole(run.get("parameters")),
        parent=str(parent.get("run") or ""),
        parent_step=_whole(parent.get("step")),
        tags=tags_of(run),
        archived=run.get("archived") is True,
        baseline=str(baseline.get("name") or ""),
        confounded=str(run.get("confounded") or ""),
        changed=str(changed.get("words") or ""),
        weights_step=_whole(_table(run, "initial_weights").get("step")),
        settings=settings if isinstance(settings, dict) else None,
    )


def settled(folder: Path, run: dict[str, Any], status: str) -> str:
    """How a run stands that may have lost its writer: interrupted, or finished if only the word for it is missing."""
    if status != "running" or is_locked(folder):
        return status
    max_steps = _whole(run.get("max_steps"))
    try:
        is_complete = max_steps is not None and (folder / layout.CHECKPOINTS / f"step-{max_steps:06d}").is_dir()
    except OSError:
        is_complete = False
    return "finished" if is_complete else "interrupted"


def tags_of(run: dict[str, Any]) -> tuple[str, ...]:
    """The tags that a run.json names."""
    tags = run.get("tags")
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _wrong_parts(folder: Path) -> list[str]:
    """What is there as something else than it should be, or not there."""
    wrong = []
    try:
        config, checkpoints = folder / layout.CONFIG, folder / layout.CHECKPOINTS
        if (kind := kind_of(config)) is None:
            wrong.append(f"{layout.CONFIG} is missing.")
        elif not stat.S_ISREG(kind):
            wrong.append(f"{layout.CONFIG} is not a file.")
        if not stat.S_ISDIR(kind_of(checkpoints) or stat.S_IFDIR):
            wrong.append(f"{layout.CHECKPOINTS} is not a folder.")
    except OSError as error:
        wrong.append(f"The folder cannot be looked into: {error.strerror}.")
    return wrong


def _table(run: dict[str, Any], key: str) -> dict[str, Any]:
    value = run.get(key)
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None
