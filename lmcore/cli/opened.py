"""A run opened at a checkpoint, for the commands that ask its model something."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmcore.cli.narration import Narration
    from lmcore.experiments.experiment import Experiment


def open_at(
    run: str,
    runs_folder: Path,
    checkpoint: str,
    allow_code: bool,
    narration: "Narration",
    from_checkpoint: bool = False,
) -> "Experiment":
    """The run that is meant, as it was at a checkpoint. A name that fits no run is refused before torch is loaded."""
    from lmcore.experiments.runs.listing import find_run

    folder = find_run(runs_folder, run)

    from lmcore.experiments.experiment import Experiment

    return Experiment.open(
        folder, checkpoint, on_progress=narration.preparing, allow_code=allow_code, from_checkpoint=from_checkpoint
    )
