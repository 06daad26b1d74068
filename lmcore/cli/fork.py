"""`lmcore fork`: a new run that goes on from a moment of another, with something changed."""

from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.exits import ExitCode
from lmcore.cli.narration import Narration
from lmcore.cli.options import (
    AllowCode,
    AsJson,
    Confounded,
    FromCheckpoint,
    Run,
    RunsFolder,
    Set,
    overrides_of,
    reason_of,
)
from lmcore.cli.output import give, give_json
from lmcore.cli.train import train_to_end


def fork(
    run: Run,
    at: Annotated[
        str, typer.Option("--at", metavar="last|best|STEP", help="The checkpoint to go on from. 0: the beginning.")
    ] = "last",
    settings: Set = None,
    from_weights: Annotated[
        bool,
        typer.Option(
            "--from-weights", help="Take its weights alone: begin at step 0, with a fresh schedule and optimizer."
        ),
    ] = False,
    name: Annotated[str | None, typer.Option(help="Short for --set other.name=NAME. Default: the parent's.")] = None,
    train: Annotated[bool, typer.Option("--train", help="Train it to its end at once.")] = False,
    confounded: Confounded = None,
    runs_folder: RunsFolder = Path("runs"),
    allow_code: AllowCode = False,
    from_checkpoint: FromCheckpoint = False,
    as_json: AsJson = False,
) -> int:
    """Begin a run at a checkpoint of another, which it records as its parent. Prints the new run's folder.

    It may make one change of what is learned; more needs --confounded with a reason. Without a change it goes the way
    its parent went, bit for bit. That a finished run gets a later training.max_steps is no change, it goes on. Without
    --train, `lmcore resume` goes on with it.
    """
    from lmcore.experiments.runs.listing import command, find_run

    changes, reason = overrides_of(settings), reason_of(confounded)
    folder = find_run(runs_folder, run)

    from lmcore.experiments.experiment import Experiment

    with Narration(as_json) as narration:
        experiment = Experiment.fork(
            folder,
            at,
            changes,
            runs_folder=runs_folder,
            name=name or "",
            on_progress=narration.preparing,
            allow_code=allow_code,
            from_checkpoint=from_checkpoint,
            confounded=reason,
            from_weights=from_weights,
        )
        if train:
            return train_to_end(experiment, narration, as_json)
        experiment.close("stopped")
        narration.end_bar()
        for note in experiment.notes:
            narration.line(note)
        steps = f"step {experiment.step:,} of {experiment.max_steps:,}"
        narration.line(f"Forked {folder.name}: {experiment.folder.name} is at {steps}.")
        narration.line(f"Train it with: {command('resume', experiment.folder)}")
    if as_json:
        facts = {"folder": experiment.folder, "parent": experiment.run["parent"], "damaged": experiment.damaged}
        present = {"step": experiment.step, "max_steps": experiment.max_steps, "notes": experiment.notes}
        give_json({"event": "fork", **facts, **present})
    else:
        give(str(experiment.folder))
    return ExitCode.DONE
