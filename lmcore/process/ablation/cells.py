"""The runs of an ablation: which identity each arm and seed must have, and which runs have it already."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcore.config import parse_config, resolved_text, to_yaml_value
from lmcore.data.dataset import prepare
from lmcore.errors import LabError
from lmcore.experiments.ablation.plan import Ablation, AblationError, Arm
from lmcore.experiments.ablation.result import CurvePoint, FinishedRun
from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.identity import code_digest, config_hash, run_id
from lmcore.experiments.identity.own_code import learned_files, named_files, read_own_files
from lmcore.experiments.opened import OnProgress
from lmcore.experiments.runs import folder as layout
from lmcore.experiments.runs.folder import RunError, load_run
from lmcore.experiments.runs.journal import read_journal
from lmcore.experiments.runs.listing import read_config_text, settled
from lmcore.experiments.runs.lock import is_locked
from lmcore.experiments.runs.metrics import read_metrics
from lmcore.protocol.messages import OwnFile
from lmcore.training.determinism import environment, threads_meant
from lmcore.training.devices import choose_device

SAME_MACHINE = ("torch", "threads", "processor", "instructions")
"""What of the environment decides about the last bits, and must be the same for all arms."""


@dataclass(frozen=True)
class Cell:
    """One run of an ablation, as it is to be: an arm with one of the seeds."""

    arm: Arm
    seed: int
    text: str
    id: str
    machine: Mapping[str, Any]  # environment and device

    @property
    def max_steps(self) -> int:
        """Its last step, after which it is judged."""
        return self.arm.config.training.max_steps


@dataclass(frozen=True)
class Ground:
    """The cells of an ablation, seed by seed so that whole pairs come early, and the own files that they name."""

    cells: tuple[Cell, ...]
    own_files: tuple[OwnFile, ...]
    device: str


def lay_ground(ablation: Ablation, allow_code: bool = False, on_progress: OnProgress | None = None) -> Ground:
    """Prepare the tokens that the arms share and work out the identity of every run.

    AblationError for an arm that would be judged on other tokens than the baseline; DataError, DeviceError, RunError,
    ConsentNeeded.
    """
    files = read_own_files(
        dict.fromkeys(name for arm in ablation.arms for name in named_files(arm.config)), ablation.code_folder
    )
    require_consent(files, allow_code)
    digests = {file.name: file.digest for file in files}
    base = ablation.baseline.config
    fingerprints = {}
    for arm in ablation.arms:
        config = arm.config
        fingerprints[arm.name] = prepare(
            config.dataset, on_progress, context_length=config.model.context_length
        ).fingerprint
        if fingerprints[arm.name] != fingerprints[ablation.baseline.name]:
            raise AblationError(
                f"{arm.name} changes the text, its split or its tokens, so its validation loss means something else "
                "than the baseline's and cannot be compared with it."
            )
    device = str(choose_device(base.other.device))
    # The runs have processes of their own: the threads of this one, which may have a run open, stay as they are.
    machine = {**environment(), "threads": threads_meant(base.other.threads), "device": device}
    machine = {name: machine[name] for name in (*SAME_MACHINE, "device")}
    cells = []
    for seed in ablation.seeds:
        for arm in ablation.arms:
            own = {name: digests[name] for name in learned_files(arm.config)}
            identity = run_id(config_hash(arm.config), seed, fingerprints[arm.name], code_digest(), own)
            cells.append(Cell(arm, seed, _text_of(ablation, arm, seed), identity, machine))
    return Ground(tuple(cells), files, device)


def _text_of(ablation: Ablation, arm: Arm, seed: int) -> str:
    """An arm's configuration with one seed."""
    runs_folder = str(ablation.runs_folder)
    # Its arms are compared with its own baseline arm, not with one that the base was compared with.
    values = {"seed": seed, "name": ablation.title_of(arm), "runs_folder": runs_folder, "baseline": ""}
    return resolved_text(arm.text, [(f"other.{name}", to_yaml_value(value)) for name, value in values.items()])


@dataclass(frozen=True)
class Present:
    """What there is already of the cells, by identity: runs that are finished, and runs that can go on."""

    finished: Mapping[str, FinishedRun]
    unfinished: Mapping[str, Path]


def find_present(runs_folder: Path, cells: Iterable[Cell]) -> Present:
    """Runs with the cells' identities that nothing was changed in on the way; of several, the newest."""
    wanted = {cell.id: cell for cell in cells}
    finished: dict[str, FinishedRun] = {}
    unfinished: dict[str, Path] = {}
    for folder in sorted(runs_folder.glob("*/"), reverse=True):
        try:
            run = load_run(folder)
            cell = wanted.get(str(run.get("id")))
            if cell is None or not _is_as_planned(folder, run, cell):
                continue
            if settled(folder, run, str(run.get("status"))) == "finished":
                finished.setdefault(cell.id, read_finished(folder, cell))
            elif not is_locked(folder):
                unfinished.setdefault(cell.id, folder)
        except LabError:  # of a damaged run: it is as if it were not there
            continue
    return Present(finished, unfinished)


def read_finished(folder: Path, cell: Cell) -> FinishedRun:
    """What a cell's run came to: the loss of its last step, and its evaluations on the way. RunError if not planned."""
    run = load_run(folder)
    if run.get("id") != cell.id or not _is_as_planned(folder, run, cell):
        raise RunError(
            f"{folder.name} is not the run that was planned: code, data or settings changed while the ablation "
            "went on. Start the ablation again."
        )
    rows, _ = read_metrics(folder / layout.METRICS)
    curve = tuple(
        CurvePoint(row["step"], int(row["tokens"]), float(row["seconds"]), float(row["loss/val"]))
        for row in rows
        if all(isinstance(row.get(name), float | int) for name in ("tokens", "seconds", "loss/val"))
    )
    if not curve or curve[-1].step != cell.max_steps or not math.isfinite(curve[-1].loss):
        raise RunError(f"{folder.name} has no finite validation loss at its last step, {cell.max_steps:,}.")
    return FinishedRun(folder.name, curve)


def _is_as_planned(folder: Path, run: dict[str, Any], cell: Cell) -> bool:
    """Whether a run with the right identity began at step 0, on this machine, was left alone and judged in this way."""
    if (run.get("parent") or {}).get("step"):
        return False
    then = run.get("environment")
    machine = {**(then if isinstance(then, dict) else {}), "device": run.get("device")}
    if any(machine.get(name) != value for name, value in cell.machine.items()):
        return False
    config = parse_config(read_config_text(folder))
    judged = (config.evaluation.batches, config.evaluation.stride, config.evaluation.batch_size)
    planned = cell.arm.config.evaluation
    if judged != (planned.batches, planned.stride, planned.batch_size) or config_hash(config) != run["config_hash"]:
        return False
    journal = read_journal(folder / layout.JOURNAL)
    return not journal.rows and not journal.problem and not journal.lacks(run.get("journal"), layout.RUN)
