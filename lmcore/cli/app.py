"""The commands put together, and the one place where errors become sentences and exit codes."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from lmcore.cli import (
    ablate,
    compare,
    config,
    data,
    evaluate,
    fork,
    hooks,
    notebook,
    replay,
    runs,
    sample,
    train,
    verify,
    workspace,
)
from lmcore.cli.exits import ExitCode, Failure
from lmcore.cli.output import ReaderGone, give, say, to_nowhere
from lmcore.errors import LabError, UserCodeError, fault_sentence
from lmcore.memory import LESS, MemoryFull, is_memory_full, memory_sentence

ClickException = typer.BadParameter.__mro__[2]
"""The base of typer's own errors (typer carries click inside, so it is reached from what typer exports)."""

app = typer.Typer(
    name="lmcore",
    help="Train and examine small language models, without a screen. `lmlab` opens the screens.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        give(f"lmlab {version('lmlab')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error came from.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Train and examine small language models, without a screen."""


app.command("train")(train.train)
app.command("resume")(train.resume)
app.command("fork")(fork.fork)
app.command("verify")(verify.verify_run)
app.command("replay")(replay.replay_session)
app.command("sample")(sample.sample)
app.command("eval")(evaluate.evaluate_run)
app.command("ablate")(ablate.ablate)
app.command("compare")(compare.compare_runs)
app.command("notebook")(notebook.notebook)
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
app.add_typer(hooks.app, name="hooks")
app.command("init")(workspace.init)


def run(arguments: Sequence[str]) -> int:
    """Carry out a command line and return its exit code. Errors are told in a sentence on stderr."""
    try:
        _check_text(arguments)
        code = _command_line().main(args=list(arguments), prog_name="lmcore", standalone_mode=False)
        if code == ExitCode.INTERRUPTED and not isinstance(code, ExitCode):
            raise KeyboardInterrupt  # typer caught it, and made of it the bare number
        return code if isinstance(code, int) else ExitCode.DONE
    except ReaderGone:
        return ExitCode.DONE
    except (BrokenPipeError, SystemExit):  # of what typer prints by itself: rich makes the latter of the former
        to_nowhere(sys.stdout)
        return ExitCode.DONE
    except (KeyboardInterrupt, typer.Abort):
        say("Interrupted.")
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _explain(error, debug="--debug" in arguments)


def _command_line() -> Any:
    """The commands as typer runs them, without its mark of a type beside what takes no value."""
    whole = typer.main.get_command(app)
    waiting: list[tuple[Any, typer.Context | None]] = [(whole, None)]
    while waiting:
        command, parent = waiting.pop()
        context = typer.Context(command, parent=parent, **command.context_settings)
        waiting += [(inner, context) for inner in getattr(command, "commands", {}).values()]
        for option in command.get_params(context):
            if getattr(option, "is_flag", False):
                option.metavar = ""
    return whole


def _check_text(arguments: Sequence[str]) -> None:
    """Refuse an argument that is no text; the name of a file may be of any bytes."""
    for argument in arguments:
        is_text = not any("\ud800" <= char <= "\udfff" for char in argument)
        if not is_text and not os.path.lexists(argument):
            raise Failure(
                f"{argument[:100]}: this argument is not UTF-8, and no such file is there.", ExitCode.WRONG_INPUT
            )


def _explain(error: Exception, debug: bool) -> ExitCode:
    """Say what went wrong, and return the exit code for it."""
    if isinstance(error, ClickException):
        say(f"{_message(error)}\nTry `{_command(error)} --help`.")
        return ExitCode.WRONG_INPUT
    if debug:
        say("".join(traceback.format_exception(error)))
    if isinstance(error, Failure):
        say(str(error))
        return error.code
    if is_memory_full(error) or isinstance(error, MemoryFull):
        say(str(error) if isinstance(error, MemoryFull) else memory_sentence(error, LESS))
        return ExitCode.FAILED
    if isinstance(error, LabError):
        if isinstance(error, UserCodeError) and error.trace:
            say(error.trace.rstrip())
        say(str(error))
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT)
        return ExitCode.FAILED if full else ExitCode.WRONG_INPUT
    if isinstance(error, OSError) and error.strerror:
        say(f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}.")
        return ExitCode.WRONG_INPUT if error.errno == errno.ENAMETOOLONG else ExitCode.FAILED
    say(fault_sentence(error, "which stands above" if debug else "`lmcore --debug …` shows it"))
    return ExitCode.FAILED


def _message(error: Exception) -> str:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    return (str(text) or "A command is missing.") + _setting_meant(error)


def _setting_meant(error: Exception) -> str:
    """How the value is set that an unknown option was meant for, as the end of the message; "" if it is none."""
    from lmcore.config.other_names import keys_for

    name, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    takes_settings = context is not None and any("--set" in option.opts for option in context.command.params)
    keys = keys_for(name.lstrip("-")) if isinstance(name, str) and takes_settings else ()
    return f"; values are set by {' or '.join(f'--set {key}=VALUE' for key in keys)}" if keys else ""


def _command(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else "lmcore"
