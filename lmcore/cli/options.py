"""Arguments and options that several commands share, with their completion."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from lmcore.cli.exits import ExitCode, Failure
from lmcore.plain_text import printable


def _offered(names: Iterable[str]) -> list[str]:
    """Those names that can be typed: the shell shows them as they are."""
    return [name for name in names if printable(name) == name]


def complete_config(incomplete: str) -> list[str]:
    """Names of configurations for the shell."""
    from lmcore.config.locate import list_configs

    try:
        return _offered(path.stem for path in list_configs() if path.stem.startswith(incomplete))
    except OSError:
        return []


def complete_run(incomplete: str) -> list[str]:
    """Names of runs, in ./runs, that contain what was typed, or whose titles do."""
    from lmcore.experiments.runs.listing import LAST, RunError, list_titles

    try:
        titles = list_titles(Path("runs"))
    except (RunError, OSError):
        return []
    fitting = [name for name, title in titles.items() if incomplete in name or incomplete.lower() in title.lower()]
    return [*([LAST] if titles and LAST.startswith(incomplete) else []), *_offered(fitting)]


def complete_session(incomplete: str) -> list[str]:
    """Names of sessions of the lab, in ./runs, that contain what was typed."""
    names = ["last", *(path.stem for path in sorted(Path("runs/sessions").glob("*.jsonl"), reverse=True))]
    return _offered(name for name in names if incomplete in name)


def complete_named(incomplete: str) -> list[str]:
    """Names of configurations and of runs."""
    return [*complete_config(incomplete), *complete_run(incomplete)]


def complete_key(incomplete: str) -> list[str]:
    """Dotted keys of the schema for `--set`."""
    from lmcore.config import leaf_keys

    return [f"{key}=" for key in leaf_keys() if key.startswith(incomplete)]


Config = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG",
        help="A configuration: a file, or a name such as baseline.",
        autocompletion=complete_config,
        show_default=False,
    ),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: last, its title, any part of its name that no other run has, or its folder.",
        autocompletion=complete_run,
        show_default=False,
    ),
]
Compared = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG|RUN",
        help="A configuration (a name or file), or a run (last, its title, any part of its name, or its folder).",
        autocompletion=complete_named,
        show_default=False,
    ),
]
Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN…",
        help="Runs: of each last, its title, any part of its name that no other run has, or its folder.",
        autocompletion=complete_run,
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a value, such as training.learning_rate=1e-3. Any number of times.",
        autocompletion=complete_key,
        show_default=False,
    ),
]
RunsFolder = Annotated[
    Path, typer.Option("--runs-folder", metavar="DIR", help="Where the runs are.", show_default="runs")
]
Checkpoint = Annotated[
    str, typer.Option("--checkpoint", metavar="last|best|STEP", help="Which of the run's checkpoints.")
]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code", help="Let Python files of one's own that it names run, and remember them as they are now."
    ),
]
FromCheckpoint = Annotated[
    bool,
    typer.Option(
        "--from-checkpoint",
        help="Where journal.jsonl is damaged, follow the changes that the checkpoint itself knows.",
    ),
]
Confounded = Annotated[
    str | None,
    typer.Option(
        "--confounded",
        metavar="WHY",
        help="Why this run makes more than one change against its baseline or parent. Recorded, and shown for ever.",
        show_default=False,
    ),
]
MAX_STEPS = "Short for --set training.max_steps=N. A warm-up that does not fit is shortened with the run."
AsJson = Annotated[bool, typer.Option("--json", help="Print data as JSON on stdout; all else goes to stderr.")]


def given_text(value: str) -> str:
    """The text of an argument; of `-` what stdin says. Fails where that is not UTF-8."""
    if value != "-":
        return value
    try:
        text = sys.stdin.read()
        text.encode("utf-8")
    except UnicodeError as error:
        raise Failure(
            "What stdin says is not UTF-8. Convert it first, for example with iconv.", ExitCode.WRONG_INPUT
        ) from error
    return text


def reason_of(confounded: str | None) -> str:
    """What `--confounded` says; "" where it is not given. Fails on one that says nothing."""
    if confounded is not None and not confounded.strip():
        raise Failure(
            '--confounded needs a reason, such as --confounded "muon wants its own rate".', ExitCode.WRONG_INPUT
        )
    return confounded or ""


def overrides_of(settings: list[str] | None) -> list[tuple[str, str]]:
    """`--set` options as keys and values. Fails on one without '='."""
    pairs = []
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise Failure(f"--set {setting}: write it as KEY=VALUE, such as model.d_model=64", ExitCode.WRONG_INPUT)
        pairs.append((key.strip(), value))
    return pairs
