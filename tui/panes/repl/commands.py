"""The words that may follow a `/` in the prompt: what they are called, what they take, what they do."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.config import field_of
from lmcore.errors import LabError
from lmcore.protocol.messages import HookDescription
from tui.panes.repl.completion import Completion
from tui.panes.repl.hooks import hook_completions


@dataclass(frozen=True)
class ReplCommand:
    """One command: its name, what it takes, what it does."""

    name: str
    takes: str
    help: str
    is_setting: bool = False
    takes_text: bool = False  # blanks and line ends belong to it


def _setting(name: str, takes: str) -> ReplCommand:
    help = field_of(f"sampling.{name}").description or ""
    return ReplCommand(name, takes, help, is_setting=True, takes_text=name == "stop")


COMMANDS: tuple[ReplCommand, ...] = (
    _setting("temperature", "NUMBER"),
    _setting("top_k", "NUMBER"),
    _setting("top_p", "NUMBER"),
    _setting("max_tokens", "NUMBER"),
    _setting("seed", "NUMBER"),
    _setting("stop", "[TEXT]"),
    ReplCommand("greedy", "", "Always the likeliest token: temperature 0."),
    ReplCommand("reset", "", "All settings as the configuration has them."),
    ReplCommand("again", "", "Ask the last prompt once more, with the next seed."),
    ReplCommand(
        "hook", "[FUNCTION PLACE NAME=VALUE … | off]", "A hook that acts on answers only; alone it lists them."
    ),
    ReplCommand(
        "ab", "PROMPT", "Answer twice with one seed: without the hooks of /hook, and with them.", takes_text=True
    ),
    ReplCommand("load", "RUN [STEP|best|last]", "Ask another run's model, as it was at a checkpoint."),
    ReplCommand("timeline", "", "What the model made of the fixed prompt, evaluation by evaluation."),
    ReplCommand("copy", "", "Copy the last answer."),
    ReplCommand("save", "FILE", "Save everything above in a text file."),
    ReplCommand("clear", "", "Empty the page."),
    ReplCommand("help", "", "This list."),
)

_BY_NAME = {command.name: command for command in COMMANDS}


class CommandError(LabError):
    """A command line that cannot be carried out; the text says what would be right."""


def parse(line: str) -> tuple[ReplCommand, str]:
    """The command that a line such as `/temp 0.8` names, by any unambiguous beginning, and its argument."""
    word, _, argument = line.removeprefix("/").partition(" ")
    name = word.strip().lower().replace("-", "_")
    if name in _BY_NAME:
        return _checked(_BY_NAME[name], argument)
    fitting = [command for command in COMMANDS if name and command.name.startswith(name)]
    if len(fitting) == 1:
        return _checked(fitting[0], argument)
    if fitting:
        raise CommandError(f"/{word} may mean {', '.join('/' + command.name for command in fitting)}.")
    raise CommandError(f"There is no command /{word}. /help lists them; a prompt that begins with / is written //.")


def _checked(command: ReplCommand, argument: str) -> tuple[ReplCommand, str]:
    argument = argument if command.takes_text else argument.strip()
    if argument and not command.takes:
        raise CommandError(f"/{command.name} takes nothing after it.")
    if not argument and command.takes and not command.takes.startswith("["):
        raise CommandError(f"/{command.name} needs {command.takes}. {command.help}")
    return command, argument


def completions(line: str, runs: Sequence[str] = (), described: HookDescription | None = None) -> list[Completion]:
    """How a line that begins with `/` may go on; empty for a prompt."""
    if not line.startswith("/") or line.startswith("//"):
        return []
    word, space, argument = line[1:].partition(" ")
    if not space:
        typed = word.lower().replace("-", "_")
        return [
            Completion(
                f"/{command.name}{' ' if command.takes else ''}", f"/{command.name} {command.takes}", command.help
            )
            for command in COMMANDS
            if command.name.startswith(typed)
        ]
    command = _BY_NAME.get(word.lower().replace("-", "_"))
    if command is None:
        return []
    if command.name == "load":
        typed, more, at = argument.partition(" ")
        if more:
            words = [word for word in ("best", "last") if word.startswith(at)]
            return [Completion(f"/load {typed} {word}", f"/load {typed} {word}", "or a step") for word in words]
        fitting = [run for run in runs if typed.lower() in run.lower()]
        return [Completion(f"/load {run}", run, "") for run in fitting[:8]]
    if command.name == "hook" and (found := hook_completions(argument, described)):
        return found
    return [Completion(line, f"/{command.name} {command.takes}", command.help)]
