"""`lmcore ablate`: one change at a time, over several seeds, with a verdict on each."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcore.cli.ablation_progress import AblationProgress
from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.interruption import interruption
from lmcore.cli.narration import Narration
from lmcore.cli.options import MAX_STEPS, AllowCode, AsJson, Compared, Set, complete_key, overrides_of
from lmcore.cli.output import give, give_json, give_table, say

if TYPE_CHECKING:
    from lmcore.experiments.ablation.plan import Ablation
    from lmcore.protocol.results import AblationResult

ASKED = "Saving the runs that are under way. Ctrl+C once more ends at once."


def ablate(
    base: Compared,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--change",
            metavar="KEY=VALUE",
            help="One change, such as training.optimizer=muon: an arm of its own. Any number of times.",
            autocompletion=complete_key,
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds each arm has, from other.seed on. At least 2.")] = 5,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="How many runs go side by side. Default: one for each core.", show_default=False),
    ] = None,
    settings: Set = None,
    max_steps: Annotated[int | None, typer.Option(help=MAX_STEPS)] = None,
    name: Annotated[str | None, typer.Option(help="A name for the ablation. Default: made from base and arms.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the page of the result there too.")
    ] = None,
    allow_code: AllowCode = False,
    as_json: AsJson = False,
) -> int:
    """Compare a base with arms that differ from it in one change each, and say whether that made a difference.

    Keys that belong together make one change: --change "training.schedule=linear training.max_steps=800".
    All arms share seeds and the order of data; each run judges its last step on the whole validation split. Finished
    runs of the same identity are used again. Ctrl+C saves; the same command goes on. The result is kept in
    RUNS/ablations/NAME. --set acts on all arms.
    """
    from lmcore.config import to_yaml_value
    from lmcore.experiments.ablation.plan import plan_ablation
    from lmcore.experiments.identity.named import find_named

    overrides = overrides_of(settings)
    start = find_named(base, Path(dict(overrides).get("other.runs_folder", "runs")))
    for note in start.notes:
        say(note)
    if start.run is not None:  # its own runs lie beside it
        overrides.insert(0, ("other.runs_folder", to_yaml_value(str(start.folder.parent))))
    if max_steps is not None:
        overrides.append(("training.max_steps", str(max_steps)))
    plan = plan_ablation(
        start.text,
        start.name,
        change or [],
        seeds=seeds,
        overrides=overrides,
        name=name or "",
        code_folder=start.code_folder,
    )
    if markdown is not None and not markdown.parent.is_dir():
        raise Failure(f"--markdown {markdown}: there is no folder {markdown.parent}.", ExitCode.WRONG_INPUT)
    result = _carry_out(plan, jobs, allow_code, as_json)
    return _tell(plan, result, markdown, as_json)


def _carry_out(plan: "Ablation", jobs: int | None, allow_code: bool, as_json: bool) -> "AblationResult":
    """Prepare the data, then run until all is done or the person interrupts; the result as it stands then."""
    from lmcore.process.ablation.cells import lay_ground
    from lmcore.process.ablation.conductor import conduct, default_jobs
    from lmcore.protocol.messages import AblationStands

    with Narration(as_json) as narration:
        ground = lay_ground(plan, allow_code, narration.preparing)
    at_once = jobs or default_jobs(ground)
    runs = f"{len(plan.arms)} arms × {len(plan.seeds)} seeds"
    for note in plan.notes:
        say(note)
    say(f"{plan.name}: {runs}, {plan.baseline.config.training.max_steps:,} steps each, {at_once} at once")
    result = None
    progress = AblationProgress([arm.name for arm in plan.arms], plan.seeds, as_json)
    with interruption(ASKED) as interrupted, progress:
        for event in conduct(plan, ground, at_once, interrupted):
            if isinstance(event, AblationStands):
                result = event.result
            else:
                progress.cell(event)
                if as_json:
                    give_json({"event": "cell", **asdict(event)})
    assert result is not None
    return result


def _tell(plan: "Ablation", result: "AblationResult", markdown: Path | None, as_json: bool) -> ExitCode:
    """Print the result, and say how the ablation ended."""
    from lmcore.experiments.ablation import page
    from lmcore.experiments.ablation.result import as_json as plain_result
    from lmcore.experiments.runs.folder import plainly
    from lmcore.files import write_whole

    if as_json:
        give_json({"event": "result", "folder": plan.folder, **plain_result(result)})
    else:
        give_table(page.HEADINGS, page.table_rows(result), right=page.NUMBERS)
        give(f"\n{plan.folder / page.PAGE}")
    if markdown is not None:
        with plainly("write", markdown):
            write_whole(markdown, page.markdown(result))
    for note in result.notes:
        if note not in plan.notes:  # those were said before it began
            say(note)
    failures: Mapping[str, str] = {
        f"{arm.name}, seed {cell.seed}": cell.failure for arm in result.arms for cell in arm.cells if cell.failure
    }
    for which, why in failures.items():
        say(f"{which}: {why}")
    if result.status != "finished":
        say("Not finished; the same command goes on from here.")
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if failures else ExitCode.DONE
