"""What came out of an ablation: of each arm its runs, its difference to the baseline, and a verdict. Needs no torch."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from lmcore.experiments.ablation.plan import Ablation, Arm
from lmcore.experiments.comparison.verdict import judge
from lmcore.experiments.identity.identity import config_hash
from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.files import NotPlain, check_folder, read_regular, write_whole
from lmcore.protocol.results import AblationResult, ArmResult, CellResult, Status, mean_of

RESULT = "result.json"

BASE = "base.yaml"
"""The baseline's configuration, as resolved: what the same ablation goes on with another time."""


@dataclass(frozen=True)
class CurvePoint:
    """The whole validation split after a step: loss in nats per token, tokens learned from, seconds spent in steps."""

    step: int
    tokens: int
    seconds: float
    loss: float


@dataclass(frozen=True)
class FinishedRun:
    """A run that made all of its steps, by its name; only the last evaluation counts for the verdict."""

    run: str
    curve: tuple[CurvePoint, ...]

    @property
    def loss(self) -> float:
        """The validation loss after the last step."""
        return self.curve[-1].loss


def difference_so_far(result: AblationResult, arm: ArmResult) -> float | None:
    """The mean difference to the baseline over the seeds that both have, in nats per token. It is no verdict."""
    pairs = zip(arm.cells, result.arms[0].cells, strict=True)
    return mean_of([mine.loss - its.loss for mine, its in pairs if mine.loss is not None and its.loss is not None])


def result_of(
    ablation: Ablation,
    status: Status,
    finished: Callable[[Arm, int], FinishedRun | None],
    failures: Mapping[tuple[str, int], tuple[str, str]] | None = None,
    reused: frozenset[str] = frozenset(),
    notes: tuple[str, ...] = (),
) -> AblationResult:
    """Put together what is finished.

    `failures`, by arm's name and seed: why, and the name of the run that failed; `reused`: names of runs made earlier.
    """
    runs = {(arm.name, seed): finished(arm, seed) for arm in ablation.arms for seed in ablation.seeds}
    base = [run for seed in ablation.seeds if (run := runs[ablation.baseline.name, seed])]
    complete = len(base) == len(ablation.seeds)
    target = mean_of([run.loss for run in base]) if complete else None
    losses = {
        arm.name: [run.loss for seed in ablation.seeds if (run := runs[arm.name, seed])] for arm in ablation.arms[1:]
    }
    whole = {name: values for name, values in losses.items() if complete and len(values) == len(ablation.seeds)}
    # While some are still to come there is no verdict: looking often finds a difference by chance.
    verdicts = judge([run.loss for run in base], whole, family=len(losses)) if status == "finished" and whole else {}

    def cell(arm: Arm, seed: int) -> CellResult:
        run = runs[arm.name, seed]
        if run is None:
            failure, name = (failures or {}).get((arm.name, seed), ("", ""))
            return CellResult(seed, name, failure=failure)
        first = next((e for e in run.curve if target is not None and e.loss <= target), None)
        return CellResult(
            seed,
            run.run,
            run.loss,
            run.curve[-1].seconds,
            None if first is None else first.seconds,
            None if first is None else first.tokens,
            run.run in reused,
        )

    arms = tuple(
        ArmResult(
            arm.name, arm.key, arm.value, tuple(cell(arm, seed) for seed in ablation.seeds), verdicts.get(arm.name)
        )
        for arm in ablation.arms
    )
    config = ablation.baseline.config
    return AblationResult(
        ablation.name,
        ablation.base,
        status,
        ablation.seeds,
        config.training.max_steps,
        config.other.threads,
        target,
        arms,
        notes,
    )


def as_json(result: AblationResult) -> dict[str, Any]:
    """A result as plain data, with each arm's verdict in words."""
    plain = asdict(result)
    for row, arm in zip(plain["arms"], result.arms, strict=True):
        row |= {"mean_loss": arm.mean_loss, "words": arm.words}
    return plain


def store(ablation: Ablation, result: AblationResult) -> None:
    """Write result.json whole, with what another start needs to know of it. RunError."""
    identity = {"base_hash": config_hash(ablation.baseline.config)}
    with plainly("write", ablation.folder):
        text = json.dumps({**identity, **as_json(result)}, indent=2, ensure_ascii=False, allow_nan=False)
        write_whole(ablation.folder / RESULT, text + "\n")


def read_result(folder: Path) -> AblationResult:
    """The result that an ablation's folder holds. RunError if there is none, or if it is damaged."""
    path = folder / RESULT
    try:
        check_folder(folder)
        result = TypeAdapter(AblationResult).validate_json(read_regular(path), strict=True)
    except NotPlain as error:
        raise RunError(f"{error.filename} cannot be used: {error.strerror}.") from error
    except OSError as error:
        raise RunError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunError(f"{path} is damaged{f' at {where}' if where else ''}: {first['msg']}.") from error
    if not result.arms or any(tuple(cell.seed for cell in arm.cells) != result.seeds for arm in result.arms):
        raise RunError(f"{path} is damaged: it does not hold a run for each arm and seed.")
    if any(len(set(named)) < len(named) for named in ([arm.name for arm in result.arms], result.seeds)):
        raise RunError(f"{path} is damaged: it holds an arm or a seed twice.")
    return result


def load_stored(folder: Path) -> dict[str, Any] | None:
    """What `store` wrote; None where there is none yet. RunError if it is damaged."""
    path = folder / RESULT
    try:
        stored = json.loads(read_regular(path))
    except FileNotFoundError:
        return None
    except NotPlain as error:
        raise RunError(f"{path} cannot be used: {error.strerror}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} cannot be read; move it away to begin anew.") from error
    if not isinstance(stored, dict):
        raise RunError(f"{path} is damaged: it does not hold a table.")
    return stored
