"""`lmcore eval`: a run's model judged on the validation split."""

from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.narration import Narration
from lmcore.cli.opened import open_at
from lmcore.cli.options import AllowCode, AsJson, Checkpoint, FromCheckpoint, Run, RunsFolder
from lmcore.cli.output import give, give_json


def evaluate_run(
    run: Run,
    checkpoint: Checkpoint = "last",
    stride: Annotated[
        int | None, typer.Option(help="How far the window moves. Default: as the run's configuration has it.")
    ] = None,
    batches: Annotated[int, typer.Option(help="How many batches to read. 0: the whole validation split.")] = 0,
    runs_folder: RunsFolder = Path("runs"),
    allow_code: AllowCode = False,
    from_checkpoint: FromCheckpoint = False,
    as_json: AsJson = False,
) -> None:
    """Judge a run's model on the validation split: loss, perplexity, bits per byte, and the distance to the floor."""
    from lmcore.config import with_value

    with Narration(as_json) as narration:
        experiment = open_at(run, runs_folder, checkpoint, allow_code, narration, from_checkpoint)
        if experiment.fallback:
            narration.line(experiment.fallback)
        config = with_value(experiment.config, "evaluation.batches", batches)
        if stride is not None:
            config = with_value(config, "evaluation.stride", stride)
        narration.preparing("evaluating", None)
        metrics = experiment.evaluate(settings=config.evaluation)
    known = {**metrics, "loss/floor": experiment.floor}
    if as_json:
        facts = {"run": experiment.folder.name, "step": experiment.step, "damaged": experiment.damaged}
        give_json({**facts, **known})
        return
    give(f"{experiment.folder.name} at step {experiment.step:,}")
    for name, value in known.items():
        if value is not None:
            give(f"{name:<20} {value:.4f}")
    if experiment.floor is not None:
        give(f"{'above the floor':<20} {metrics['loss/val'] - experiment.floor:.4f}")
