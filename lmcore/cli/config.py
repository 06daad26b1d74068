"""`lmcore config`: check, show, compare, write and hash configurations. Nothing here loads torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmcore.cli.exits import ExitCode
from lmcore.cli.options import AsJson, Config, Set, complete_config, overrides_of
from lmcore.cli.output import count_text, give, give_json, give_table, say

if TYPE_CHECKING:
    from lmcore.config import TrainingConfig

app = typer.Typer(help="Check, show, compare, write and hash configurations.", no_args_is_help=True)


@app.command()
def check(
    configs: Annotated[
        list[str],
        typer.Argument(metavar="CONFIG…", help="Files or names.", autocompletion=complete_config, show_default=False),
    ],
    as_json: AsJson = False,
) -> int:
    """Say what is wrong with configurations: one line for each problem, with its line and column."""
    from lmcore.config import ConfigError, find_config, load_config

    code = ExitCode.DONE
    for name in configs:
        try:
            load_config(find_config(name))
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


@app.command()
def show(config: Config, settings: Set = None, as_json: AsJson = False) -> None:
    """Show a configuration in full: every field with its value and its description, and what it would mean."""
    from lmcore.config import estimate, parse_config, read_config_text, resolved_text
    from lmcore.config.values import to_dict

    path = _path_of(config)
    text, overrides = read_config_text(path), overrides_of(settings)
    typed = parse_config(text, str(path), overrides)
    meant = estimate(typed)
    if as_json:
        give_json({"config": to_dict(typed), "estimate": vars(meant), "config_hash": _hash(typed)})
        return
    say(
        f"{count_text(meant.parameters)} parameters, {meant.tokens_per_step:,} tokens a step, "
        f"{count_text(meant.flops_per_token)}FLOPs a token, about {count_text(meant.memory_bytes)}B of memory"
    )
    give(resolved_text(text, overrides), end="")


@app.command()
def diff(first: Config, second: Config, as_json: AsJson = False) -> None:
    """Show the fields in which two configurations (or runs, by their folders) differ."""
    from lmcore.config import differences, load_config, to_yaml_value

    found = differences(load_config(_path_of(first)), load_config(_path_of(second)))
    if as_json:
        for item in found:
            give_json({"key": item.key, "old": item.old, "new": item.new, "live": item.live, "learned": item.learned})
        return
    if not found:
        say("They do not differ.")
        return
    rows = [(item.key, to_yaml_value(item.old), to_yaml_value(item.new)) for item in found]
    give_table(("field", first, second), rows)


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

    for path in refresh or []:
        path.write_text(refresh_comments(read_config_text(path)), encoding="utf-8")
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
    from lmcore.experiments.identity import config_hash

    return config_hash(config)
