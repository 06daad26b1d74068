"""What a core tells of a small ablation, and what such a one leaves on disk."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from lmcore.experiments.ablation.plan import Ablation, Arm, plan_ablation
from lmcore.experiments.ablation.result import BASE, CurvePoint, FinishedRun, Status, result_of, store
from lmcore.protocol.messages import AblationBegan, AblationCell
from lmcore.protocol.results import AblationResult

MUON, NORM = "training.optimizer=muon", "model.norm=rmsnorm"
LOSSES = {"baseline": (1.900, 1.920, 1.880), MUON: (1.700, 1.721, 1.679), NORM: (1.904, 1.918, 1.879)}
ARMS = tuple(LOSSES)
SEEDS = (1, 2, 3)
TEXT = "training: {max_steps: 400}\nother: {name: tiny}\n"

BEGAN = AblationBegan("tiny-ab12", "configs/tiny.yaml", "runs/ablations/tiny-ab12", ARMS, SEEDS, 400, 2, 1000.0)


def run_name(arm: str, seed: int) -> str:
    return f"20260102-030405-{ARMS.index(arm)}-{seed}"


def training(arm: str, seed: int, step: int) -> AblationCell:
    return AblationCell(arm, seed, "running", step, 400, run=run_name(arm, seed))


def finished(arm: str, seed: int, reused: bool = False) -> AblationCell:
    loss = LOSSES[arm][seed - 1]
    return AblationCell(arm, seed, "reused" if reused else "finished", 400, 400, loss, run_name(arm, seed))


def planned(name: str = "tiny-ab12", changes: Sequence[str] = (MUON, NORM)) -> Ablation:
    return plan_ablation(TEXT, "configs/tiny.yaml", changes, seeds=3, name=name)


def result(
    status: Status = "finished",
    missing: tuple[tuple[str, int], ...] = (),
    failures: dict[tuple[str, int], str] | None = None,
) -> AblationResult:
    """What came out where some runs are missing (yet)."""

    def run(arm: Arm, seed: int) -> FinishedRun | None:
        curve = (CurvePoint(400, 12_800, 20.0, LOSSES[arm.name][seed - 1]),)
        return (
            None if (arm.name, seed) in (*missing, *(failures or {})) else FinishedRun(run_name(arm.name, seed), curve)
        )

    said = {at: (why, run_name(*at)) for at, why in (failures or {}).items()}
    return result_of(planned(), status, run, said)


def keep(runs_folder: Path, name: str, what: AblationResult) -> Path:
    """Leave an ablation on disk."""
    ablation = dataclasses.replace(planned(name), runs_folder=runs_folder)
    ablation.folder.mkdir(parents=True)
    store(ablation, dataclasses.replace(what, name=name))
    (ablation.folder / BASE).write_text(ablation.baseline.text)
    return ablation.folder
