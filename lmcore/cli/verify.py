"""`lmcore verify`: a run trained again and compared bit for bit."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcore.cli.exits import ExitCode
from lmcore.cli.narration import Narration
from lmcore.cli.options import AllowCode, AsJson, Run, RunsFolder
from lmcore.cli.output import give, give_json

if TYPE_CHECKING:
    from lmcore.protocol.messages import Metrics


def verify_run(
    run: Run,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many steps at most. Default: all that are recorded.")
    ] = None,
    from_step: Annotated[
        int | None, typer.Option("--from", min=0, metavar="STEP", help="Begin at the run's checkpoint of this step.")
    ] = None,
    runs_folder: RunsFolder = Path("runs"),
    allow_code: AllowCode = False,
    as_json: AsJson = False,
) -> ExitCode:
    """Train a run again, its live changes included, and compare every logged number and its weights bit for bit.

    The run is only read. Exit code 0: reproduced. 1: not; what differs first is named.
    """
    from lmcore.experiments.runs.listing import find_run

    folder = find_run(runs_folder, run)

    from lmcore.experiments.verification.verification import verify

    with Narration(as_json) as narration:

        def on_step(record: "Metrics", last: int) -> None:
            for step, _, seconds, metrics in record.rows:
                narration.training(step, last, seconds, metrics)

        found = verify(
            folder,
            steps=steps,
            from_step=from_step,
            on_progress=narration.preparing,
            on_step=on_step,
            allow_code=allow_code,
        )
    if as_json:
        give_json({"reproduced": found.reproduced, **asdict(found), "sentences": found.sentences})
    else:
        give(f"{found.run}: " + "\n".join(found.sentences))
    return ExitCode.DONE if found.reproduced else ExitCode.FAILED
