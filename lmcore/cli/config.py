"""`lmcore config`: check, show, compare, write and hash configurations. Nothing here loads torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcore.cli.exits import ExitCode
from lmcore.cli.options import AsJson, Compared, Config, RunsFolder, Set, complete_config, overrides_of
from lmcore.cli.output import count_text, give, give_json, give_table, say

if TYPE_CHECKING:
    from lmcore.config import TrainingConfig
    from lmcore.experiments.identity.one_change import Change

app = typer.Typer(help="Check, show, compare, write and hash configurations.", no_args_is_help=True)


@app.command()
def check(
    configs: Annotated[
        list[str],
        typer.Argument(metavar="CONFIG…", help="Files or names.", autocompletion=complete_config, show_default=False),
    ],
    as_json: AsJson = False,
) -> int:
    """Say what is wrong with configurations: one line for each problem, with its line and column.

    Hooks, their arguments and places, and own files are checked by reading: none of their code runs.
    """
    from lmcore.config import ConfigError, find_config, parse_config, read_config_text

    code = ExitCode.DONE
    for name in configs:
        try:
            path = find_config(name)
            text = read_config_text(path)
            _check_names(text, parse_config(text, str(path)), path)
            problems = []
            say(f"{name}: right")
        except ConfigError as error:
            code = ExitCode.WRONG_INPUT
            say(str(error))
            problems = [
                {"line": p.line, "column": p.column, "key": p.key, "message": p.message} for p in error.problems
            ]
        if as_json:
            give_json({"config": name, "problems": problems})
    return code


def _check_names(text: str, config: "TrainingConfig", path: Path) -> None:
    """Refuse with ConfigError what only code resolves, and cannot. What that needs is slow to import."""
    if config.names_code:
        from lmcore.config import ConfigError
        from lmcore.experiments.identity.named_code import code_problems

        if problems := code_problems(text, config, path.parent):
            raise ConfigError(problems, str(path))


@app.command()
def show(config: Config, settings: Set = None, as_json: AsJson = False) -> None:
    """Show a configuration in full: every field with its value and its description, and what it would mean."""
    from lmcore.config import estimate, parse_config, read_config_text, resolved_text, shortening_notes
    from lmcore.config.values import to_dict

    path = _path_of(config)
    text, overrides = read_config_text(path), overrides_of(settings)
    typed = parse_config(text, str(path), overrides)
    meant = estimate(typed)
    for note in shortening_notes(text, overrides):
        say(note)
    if as_json:
        give_json({"config": to_dict(typed), "estimate": vars(meant), "config_hash": _hash(typed)})
        return
    say(
        f"{count_text(meant.parameters)} parameters, {meant.tokens_per_step:,} tokens a step, "
        f"{count_text(meant.flops_per_token)}FLOPs a token, about {count_text(meant.memory_bytes)}B of memory"
    )
    give(resolved_text(text, overrides), end="")


@app.command()
def diff(first: Compared, second: Compared, runs_folder: RunsFolder = Path("runs"), as_json: AsJson = False) -> None:
    """Show what differs between two configurations or runs, by its meaning: learned differently, seed, presentation.

    What is learned differently is counted in changes: fields that belong together (the schedule and its length) are
    one. A run stands for the values that it began with.
    """
    from lmcore.experiments.identity.named import find_named
    from lmcore.experiments.identity.one_change import compare

    named = [find_named(name, runs_folder) for name in (first, second)]
    found = compare(named[0].recipe, named[1].recipe)
    for note in (*named[0].notes, *named[1].notes):
        say(note)
    learned = [leaf for change in found.changes for leaf in change.leaves]
    groups = {"learned": learned, "seed": [found.seed] if found.seed else [], "presentation": found.presentation}
    if as_json:
        for meaning, leaves in groups.items():
            for leaf in leaves:
                values = {"key": leaf.key, "old": leaf.old, "new": leaf.new, "live": leaf.live}
                give_json({**values, "learned": meaning == "learned", "meaning": meaning, "group": leaf.group})
        return
    if not any(groups.values()):
        say("They do not differ.")
        return
    headings = ("field", first, second)
    count = f"{len(found.changes)} changes" if len(found.changes) != 1 else "one change"
    give(f"What is learned differently: {count if found.changes else 'nothing'}")
    if found.changes:
        give_table(headings, [row for change in found.changes for row in _rows(change)])
    for title, leaves in (("Seed", groups["seed"]), ("Only presentation", groups["presentation"])):
        if leaves:
            give(f"\n{title}")
            give_table(headings, [(leaf.key, leaf.old_text, leaf.new_text) for leaf in leaves])


def _rows(change: "Change") -> list[tuple[str, str, str]]:
    """A change as rows: one, or its leaves below the name of their group."""
    leaves = change.leaves
    if len(leaves) == 1:
        return [(leaves[0].key, leaves[0].old_text, leaves[0].new_text)]
    rows = [(f"  {leaf.key}", leaf.old_text, leaf.new_text) for leaf in leaves]
    return [(change.name, "", ""), *rows]


@app.command()
def template(
    refresh: Annotated[
        list[Path] | None,
        typer.Option("--refresh", metavar="FILE", help="Rewrite the comments above the fields of a file instead."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a configuration with every field, its default and its description."""
    from lmcore.config import TrainingConfig, read_config_text
    from lmcore.config import template as whole
    from lmcore.config.template import refresh_comments
    from lmcore.config.values import to_dict
    from lmcore.experiments.runs.folder import plainly
    from lmcore.files import write_whole

    for path in refresh or []:
        target = path.resolve()  # a link stays one
        text = refresh_comments(read_config_text(path))
        with plainly("write", path):
            mode = target.stat().st_mode
            write_whole(target, text)
            target.chmod(mode)
        say(f"{path}: comments are the schema's")
    if not refresh and as_json:
        give_json(to_dict(TrainingConfig()))
    elif not refresh:
        give(whole(), end="")


@app.command("hash")
def hash_of(config: Config, settings: Set = None, as_json: AsJson = False) -> None:
    """Print the hash over everything that affects what is learned (not names, paths, device, or the seed)."""
    from lmcore.config import load_config

    digest = _hash(load_config(_path_of(config), overrides_of(settings)))
    if as_json:
        give_json({"config": config, "config_hash": digest})
    else:
        give(digest)


def _path_of(name: str) -> Path:
    """The file of a configuration, or of a run's folder."""
    from lmcore.config import find_config

    inside = Path(name) / "config.yaml"
    return inside if "\x00" not in name and len(name) < 4096 and inside.is_file() else find_config(name)


def _hash(config: "TrainingConfig") -> str:
    from lmcore.experiments.identity.identity import config_hash

    return config_hash(config)
