"""`lmcore train` and `lmcore resume`: a run from its beginning, or from its last checkpoint, to its end."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.interruption import interruption
from lmcore.cli.narration import Narration
from lmcore.cli.opened import open_at
from lmcore.cli.options import (
    MAX_STEPS,
    AllowCode,
    AsJson,
    Config,
    Confounded,
    FromCheckpoint,
    Run,
    RunsFolder,
    Set,
    complete_named,
    overrides_of,
    reason_of,
)
from lmcore.cli.output import ReaderGone, count_text, give, give_json, loss_text
from lmcore.errors import LabError, UserCodeError

if TYPE_CHECKING:
    from lmcore.config import TrainingConfig
    from lmcore.experiments.experiment import Experiment, Status


def train(
    config: Config,
    settings: Set = None,
    max_steps: Annotated[int | None, typer.Option(help=MAX_STEPS)] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set other.seed=N.")] = None,
    name: Annotated[str | None, typer.Option(help="Short for --set other.name=NAME.")] = None,
    device: Annotated[str | None, typer.Option(help="Short for --set other.device=DEVICE.")] = None,
    runs_folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Short for --set other.runs_folder=DIR.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|CONFIG",
            help="Short for --set other.baseline=…: what this run is compared with. It may differ in one change.",
            autocompletion=complete_named,
        ),
    ] = None,
    confounded: Confounded = None,
    allow_code: AllowCode = False,
    as_json: AsJson = False,
) -> int:
    """Begin a run and train it to its end. Prints the run's folder.

    Ctrl+C finishes the step, saves a checkpoint and ends; `lmcore resume` goes on from there.
    """
    from lmcore.config import find_config, read_config_text, to_yaml_value
    from lmcore.experiments.identity.run_plan import plan_run

    given: dict[str, Any] = {
        "training.max_steps": max_steps,
        "other.seed": seed,
        "other.name": name,
        "other.device": device,
        "other.runs_folder": None if runs_folder is None else str(runs_folder),
        "other.baseline": baseline,
    }
    reason = reason_of(confounded)
    overrides = overrides_of(settings)
    overrides += [(key, to_yaml_value(value)) for key, value in given.items() if value is not None]
    path = find_config(config)
    text = read_config_text(path)
    plan = plan_run(
        text,
        default_name=path.stem,
        overrides=overrides,
        config_folder=path.parent,
        allow_code=allow_code,
        confounded=reason,
        source=str(path),
    )

    from lmcore.experiments.experiment import Experiment

    with Narration(as_json) as narration:
        experiment = Experiment.begin(plan, narration.preparing)
        return train_to_end(experiment, narration, as_json)


def resume(
    run: Run,
    runs_folder: RunsFolder = Path("runs"),
    allow_code: AllowCode = False,
    from_checkpoint: FromCheckpoint = False,
    as_json: AsJson = False,
) -> int:
    """Go on with a run from its last checkpoint, bit for bit as if it had never stopped."""
    with Narration(as_json) as narration:
        experiment = open_at(run, runs_folder, "last", allow_code, narration, from_checkpoint)
        if experiment.finished:
            narration.line(f"{experiment.folder.name} has made all of its {experiment.max_steps:,} steps already.")
            narration.line(f"To train longer: {experiment.longer}")
            if as_json:
                give_json({"event": "end", "status": "finished", "step": experiment.step, "folder": experiment.folder})
            return ExitCode.DONE
        return train_to_end(experiment, narration, as_json)


def train_to_end(experiment: "Experiment", narration: Narration, as_json: bool) -> ExitCode:
    """Train until the last step, an interruption, or a loss that is not finite; then close the run."""
    from lmcore.experiments.runs.listing import command
    from lmcore.hooks.catalogue import HookError
    from lmcore.memory import MemoryFull
    from lmcore.training.nonfinite import NonFinite

    status: Status = "finished"
    way_on = f"go on with: {command('resume', experiment.folder)}"
    code, beginning, may_save = ExitCode.DONE, experiment.step, True
    try:
        with interruption(ASKED) as interrupted:
            try:
                _tell_beginning(experiment, narration, as_json)
                while not experiment.finished and not interrupted.is_set():
                    for record in experiment.advance():
                        _tell(record, experiment, narration, as_json)
            except NonFinite as stop:
                status, code = "failed", ExitCode.FAILED
                narration.line(f"Training ended: {stop}.")
                way_on = f"go on from an earlier step with a lower learning rate: {experiment.gentler}"
            except MemoryFull as stop:
                status, code, may_save = "failed", ExitCode.FAILED, stop.is_whole
                narration.line(f"Training ended: {stop}")
                way_on = f"go on with smaller batches: {_with_less(experiment)}"
            except (HookError, UserCodeError) as stop:
                status, code = "failed", ExitCode.FAILED
                trace = stop.trace if isinstance(stop, UserCodeError) else ""
                narration.line(f"{trace}\nTraining ended: {stop}".strip())
                way_on = "change the hook while the run is open in the lab (lmlab), or begin a new run."
            except ReaderGone:
                as_json = False
                status = "finished" if experiment.finished else "stopped"
            if interrupted.is_set() and not experiment.finished:
                status, code = "stopped", ExitCode.INTERRUPTED
            if not experiment.finished and may_save:
                _save(experiment, narration, even_if_refused=status == "failed")
            experiment.close(status)
    except BaseException as error:
        with suppress(LabError, OSError):  # the first error is the one to tell
            experiment.close("failed")
        if isinstance(error, LabError) and experiment.step > beginning:
            raise Failure(str(error)) from error  # it began well, so the input was not what was wrong
        raise
    _tell_end(experiment, narration, status, way_on, as_json)
    return code


def _save(experiment: "Experiment", narration: Narration, even_if_refused: bool) -> None:
    """Save a checkpoint; after a step that failed, weights that cannot be saved are no further error."""
    try:
        experiment.save_checkpoint()
    except (LabError, MemoryError) as refusal:
        if not even_if_refused:
            raise
        narration.line(str(refusal) or "Memory is full: the present step cannot be saved.")


def _fits(config: "TrainingConfig", batch_size: int, free: int) -> bool:
    from lmcore.config import estimate

    training = config.training.model_copy(update={"batch_size": batch_size})
    return estimate(config.model_copy(update={"training": training})).memory_bytes <= free


def _with_less(experiment: "Experiment") -> str:
    """The command line that goes on where a step needs more memory than there is: with a batch that may well fit."""
    from lmcore.experiments.runs.listing import command
    from lmcore.memory import free_bytes

    config, free = experiment.config, free_bytes()
    whole, times = config.training.batch_size, 2
    while times < min(whole, MOST_TIMES) and free is not None and not _fits(config, whole // times, free):
        times *= 2
    batch, passes = max(1, whole // times), times * config.training.gradient_accumulation_steps
    options = [f"training.batch_size={batch}", f"training.gradient_accumulation_steps={passes}"]
    settings = [word for option in options for word in ("--set", option)]
    return command("fork", experiment.folder, *settings, "--confounded", "memory", "--train")


MOST_TIMES = 1024
"""So many times smaller a batch is proposed at most: as many passes make one step then."""

ASKED = "Finishing this step and saving. Ctrl+C once more ends at once."


def _tell_beginning(experiment: "Experiment", narration: Narration, as_json: bool) -> None:
    narration.end_bar()
    parameters = sum(parameter.numel() for parameter in experiment.model.parameters())
    notes = list(dict.fromkeys((*experiment.dataset.notes, *experiment.notes)))
    for note in notes:
        narration.line(note)
    narration.line(
        f"{experiment.folder.name}: {count_text(parameters)} parameters on {experiment.device}, "
        f"step {experiment.step:,} of {experiment.max_steps:,}"
    )
    if as_json:
        facts = {"name": experiment.folder.name, "folder": experiment.folder, "device": str(experiment.device)}
        steps = {"step": experiment.step, "max_steps": experiment.max_steps, "damaged": experiment.damaged}
        give_json(
            {"event": "run", **facts, **steps, "parameters": parameters, "floor": experiment.floor, "notes": notes}
        )


def _tell(record: object, experiment: "Experiment", narration: Narration, as_json: bool) -> None:
    from lmcore.protocol.messages import CheckpointSaved, Evaluation, LogLine, Metrics

    if isinstance(record, Metrics):
        [(step, tokens, seconds, metrics)] = record.rows
        narration.training(step, experiment.max_steps, seconds, metrics)
        event: dict[str, Any] = {"event": "step", "step": step, "tokens": tokens, "seconds": seconds, **metrics}
    elif isinstance(record, Evaluation):
        floor = "" if experiment.floor is None else f"  floor {loss_text(experiment.floor)}"
        narration.line(f"step {record.step:,}: validation loss {loss_text(record.metrics.get('loss/val'))}{floor}")
        if record.sample:
            narration.line("    " + (record.prompt + record.sample).strip().replace("\n", "\n    "))
        sample = {"prompt": record.prompt, "sample": record.sample}
        event = {"event": "evaluation", "step": record.step, **record.metrics, **sample}
    elif isinstance(record, CheckpointSaved):
        event = {"event": "checkpoint", "step": record.step, "folder": record.folder}
    elif isinstance(record, LogLine):
        narration.line(record.text)
        event = {"event": "notice", "step": record.step, "sentence": record.text}
    else:
        return
    if as_json:
        give_json(event)


def _tell_end(experiment: "Experiment", narration: Narration, status: str, way_on: str, as_json: bool) -> None:
    narration.end_bar()
    if status == "finished":
        narration.line(f"Finished at step {experiment.step:,}.")
    else:
        narration.line(f"Ended at step {experiment.step:,}; {way_on}")
    if as_json:
        give_json({"event": "end", "status": status, "step": experiment.step, "folder": experiment.folder})
    else:
        give(str(experiment.folder))
