"""`lmcore sample`: text from a run's model, streamed as it is drawn."""

from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.narration import Narration
from lmcore.cli.opened import open_at
from lmcore.cli.options import AllowCode, AsJson, Checkpoint, FromCheckpoint, Run, RunsFolder, given_text
from lmcore.cli.output import give, give_json, say


def sample(
    run: Run,
    prompt: Annotated[
        str | None, typer.Option(help="The text to continue; - reads it from stdin. Default: the run's own prompt.")
    ] = None,
    checkpoint: Checkpoint = "last",
    temperature: Annotated[float | None, typer.Option(help="0: always the likeliest token.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest only. 0: all.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the likeliest that hold this share.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="How many tokens the answer may have.")] = None,
    stop: Annotated[str | None, typer.Option(help="End where this text appears.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draws.")] = None,
    runs_folder: RunsFolder = Path("runs"),
    allow_code: AllowCode = False,
    from_checkpoint: FromCheckpoint = False,
    as_json: AsJson = False,
) -> None:
    """Continue a prompt. What is not given is as the run's configuration has it."""
    from lmcore.config import with_value

    with Narration(as_json) as narration:
        experiment = open_at(run, runs_folder, checkpoint, allow_code, narration, from_checkpoint)
        if experiment.fallback:
            narration.line(experiment.fallback)
    config = experiment.config
    given = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "max_tokens": max_tokens, "stop": stop}
    for name, value in {**given, "seed": seed}.items():
        if value is not None:
            config = with_value(config, f"sampling.{name}", value)
    text = config.evaluation.prompt if prompt is None else given_text(prompt)
    if note := experiment.prompt_note(text):
        say(note)
    answer = []
    if not as_json:
        give(text, end="")
    for piece in experiment.generate(text, config.sampling):
        answer.append(piece.text)
        if not as_json:
            give(piece.text, end="")
    if as_json:
        facts = {"run": experiment.folder.name, "step": experiment.step, "damaged": experiment.damaged}
        give_json({**facts, "prompt": text, "text": "".join(answer), "note": note})
    else:
        give("")
