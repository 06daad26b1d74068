"""`lmcore hooks`: which hooks there are, where they can act, a file for one's own, and what a configuration's do."""

import inspect
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.options import AllowCode, AsJson, Config, Set, overrides_of
from lmcore.cli.output import give, give_json, give_table, say

if TYPE_CHECKING:
    from lmcore.config import HookConfig, TrainingConfig
    from lmcore.hooks.catalogue import CatalogueEntry

app = typer.Typer(help="List the hooks, show where they can act, write and check one's own.", no_args_is_help=True)

ACTS_ON = {
    "activation": "an activation",
    "gradient_at": "the gradient that comes back",
    "value": "a value and its gradient",
    "linear": "a linear layer",
    "gradient": "each gradient",
    "gradients": "all gradients at once",
    "step": "the optimizer's step",
    "direction": "all that is added",
    "term": "the loss",
}
"""What a hook of each stage changes, in words."""


@app.command("list")
def list_hooks(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the built-in hooks: kind, name, arguments, and what each does."""
    from lmcore.config.hook_functions import SIGNATURES
    from lmcore.hooks.catalogue import catalogue

    order = [(kind, stage) for kind, stages in SIGNATURES.items() for stage in stages]
    entries = sorted(catalogue(), key=lambda entry: (order.index((entry.kind, entry.stage)), entry.name))
    if as_json:
        for entry in entries:
            give_json(_described(entry))
        return
    headings = ("kind", "acts on", "use", "arguments", "what it does")
    rows = [(e.kind, ACTS_ON[e.stage], e.name, _arguments(e), e.summary) for e in entries]
    if not markdown:
        give_table(headings, rows)
        return
    give(f"| {' | '.join(headings)} |\n|{' --- |' * len(headings)}")
    for kind, acts_on, name, arguments, summary in rows:
        cells = (kind, acts_on, f"`{name}`", f"`{arguments}`" if arguments else "", summary.replace("|", "\\|"))
        give(f"| {' | '.join(cells)} |")


@app.command()
def points(
    config: Config,
    glob: Annotated[
        str, typer.Argument(metavar="[GLOB]", help="Only names that it matches, such as 'blocks.0.*'.")
    ] = "*",
    settings: Set = None,
    as_json: AsJson = False,
) -> None:
    """Show the places that `at` can name: a configuration's hook points and parameters, with their shapes."""
    from fnmatch import fnmatchcase

    of_points, of_parameters = _shapes(_loaded(config, settings)[1])
    rows = [
        (name, shape, what)
        for what, shapes in (("hook point", of_points), ("parameter", of_parameters))
        for name, shape in shapes.items()
        if fnmatchcase(name, glob)
    ]
    if not rows:
        from difflib import get_close_matches

        near = get_close_matches(glob, [*of_points, *of_parameters], n=3, cutoff=0.3)
        advice = f"; near are: {', '.join(near)}" if near else ""
        raise Failure(f"No hook point or parameter matches {glob!r}{advice}.", ExitCode.WRONG_INPUT)
    if not as_json:
        give_table(("name", "shape", "what it is"), rows)
        return
    for name, shape, what in rows:
        give_json({"name": name, "shape": shape, "is": what})


@app.command()
def new(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="By default my_hooks.py, in configs/ if there is such a folder.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a commented starting point for hooks of one's own. A file that is there already stays as it is."""
    from lmcore.experiments.identity.own_code import PLAIN_NAME
    from lmcore.files import write_new

    path = file or (Path("configs") if Path("configs").is_dir() else Path()) / "my_hooks.py"
    if not PLAIN_NAME.fullmatch(path.name):
        raise Failure(
            f"A configuration cannot name {path.name!r}; it takes letters, digits and _ before .py, as in my_hooks.py.",
            ExitCode.WRONG_INPUT,
        )
    text = files("lmcore.cli").joinpath("my_hooks.py").read_text(encoding="utf-8").replace("my_hooks.py", path.name)
    try:
        write_new(path, text)
    except FileExistsError as error:
        raise Failure(f"{path} is there already, and stays as it is.", ExitCode.WRONG_INPUT) from error
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}.", ExitCode.WRONG_INPUT) from error
    say(f"{path}: hooks to begin with. A configuration beside it names them, for example with")
    example = text.split('"""')[1].split("\n\n")[1]
    say(f"\n{example}\n\nNext: lmcore hooks check CONFIG, and then lmlab CONFIG.")
    if as_json:
        give_json({"file": path})


@app.command()
def check(config: Config, settings: Set = None, allow_code: AllowCode = False, as_json: AsJson = False) -> int:
    """Say of each hook of a configuration where it acts, or what is wrong with it."""
    from lmcore.experiments.identity.consent import require_consent
    from lmcore.experiments.identity.own_code import named_files, read_own_files

    path, typed = _loaded(config, settings)
    own = read_own_files(named_files(typed), path.parent)
    require_consent(own, allow_code)
    sources = {file.name: file.text for file in own}

    from lmcore.hooks.active import Hooks
    from lmcore.hooks.catalogue import HookError

    model = _shapeless_model(typed)
    of_points, of_parameters = _shapes(typed)
    hooks = Hooks((), model, sources=sources)
    problems: list[str] = []
    rows: list[tuple[str, ...]] = []
    for hook in typed.hooks:
        try:
            hooks.declare([hook])
        except HookError as error:
            problems.append(str(error))
            continue
        places = hooks.hooks[0].places
        shapes = [(place, of_points.get(place) or of_parameters[place]) for place in places]
        if as_json:
            give_json({**hook.model_dump(by_alias=True), "places": dict(shapes)})
        facts = (hook.name, hook.kind, hook.use, _window(hook))
        for number, (place, shape) in enumerate(shapes or [("", "")]):
            rows.append((*(facts if number == 0 else ("",) * len(facts)), place, shape))
    if rows and not as_json:
        give_table(("hook", "kind", "use", "acts", "at", "shape"), rows)
    if not typed.hooks:
        say(f"{config} declares no hooks.")
    for problem in problems:
        say(problem)
    if problems:
        return ExitCode.WRONG_INPUT
    hooks.check(typed.hooks)  # whether they can stand side by side
    _check_optimizer(typed, model, sources)
    return ExitCode.DONE


def _loaded(config: str, settings: list[str] | None) -> "tuple[Path, TrainingConfig]":
    from lmcore.config import find_config, load_config

    path = find_config(config)
    return path, load_config(path, overrides_of(settings))


def _shapes(config: "TrainingConfig") -> tuple[dict[str, str], dict[str, str]]:
    """The shapes, as text, of hook points and of parameters, by name."""
    from lmcore.config import vocabulary_of
    from lmcore.inspection.shapes import shapes_of

    return shapes_of(config.model, vocabulary_of(config.dataset))


def _shapeless_model(config: "TrainingConfig") -> Any:
    """The configuration's Transformer, without a single number in it."""
    import torch

    from lmcore.config import vocabulary_of
    from lmcore.model.transformer import Transformer

    with torch.device("meta"):
        return Transformer(config.model, vocabulary_of(config.dataset))


def _check_optimizer(config: "TrainingConfig", model: Any, sources: dict[str, str]) -> None:
    """Make an optimizer of one's own, as a run would. HookError."""
    if ":" in config.training.optimizer:
        from lmcore.training.optimizers import build_optimizer

        build_optimizer(model, config.training, sources=sources)
        say(f"optimizer {config.training.optimizer}: right")


def _described(entry: "CatalogueEntry") -> dict[str, Any]:
    from lmcore.config.hook_functions import type_name

    arguments = [
        {"name": p.name, "type": type_name(p.annotation)} | ({} if p.default is p.empty else {"default": p.default})
        for p in entry.parameters
    ]
    doc = inspect.getdoc(entry.function) or ""
    facts = {"kind": entry.kind, "stage": entry.stage, "use": entry.name}
    return {**facts, "arguments": arguments, "summary": entry.summary, "doc": doc}


def _arguments(entry: "CatalogueEntry") -> str:
    """`factor, heads=null`: arguments with a default may be left out. Choices are told."""
    return ", ".join(map(_argument, entry.parameters))


def _argument(parameter: inspect.Parameter) -> str:
    from lmcore.config import to_yaml_value

    default = "" if parameter.default is parameter.empty else f"={to_yaml_value(parameter.default)}"
    chosen = get_origin(parameter.annotation) is Literal
    choices = f" ({', '.join(map(str, get_args(parameter.annotation)))})" if chosen else ""
    return f"{parameter.name}{default}{choices}"


def _window(hook: "HookConfig") -> str:
    """When a hook acts, in words."""
    if not hook.enabled:
        return "not (enabled: false)"
    begins = "always" if hook.from_step is None and hook.until_step is None else f"from step {hook.from_step or 0}"
    return begins if hook.until_step is None else f"{begins} until {hook.until_step}"
