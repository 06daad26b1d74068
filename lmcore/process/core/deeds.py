"""What was done in a session: each command, where the core stood when it was carried out, and what came of it."""

import hashlib
import math
import re
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from lmcore.experiments.runs.folder import RunError
from lmcore.protocol import messages
from lmcore.protocol.messages import Command, Event, OwnFile, State

T = TypeVar("T")


@dataclass(frozen=True)
class FileEdited(Command):
    """The person saved an own file, and the run uses it from here on. No front end sends this; the core notices it."""

    name: str
    digest: str


@dataclass(frozen=True)
class Moment:
    """Where the core stood: the run that was open ("" for none), the steps it had made, and the core's state."""

    run: str
    step: int
    state: State


@dataclass(frozen=True)
class OpenedRun:
    """A run that a command opened, new or old; `identity` holds those parts of run.json that say what it is."""

    name: str
    folder: str
    step: int
    parent: str = ""
    parent_step: int | None = None
    journal_bytes: int = 0  # of the journal of the run that was opened, or forked, at that time
    identity: dict[str, Any] = field(default_factory=dict)
    weights_step: int | None = None  # of the parent, where its weights alone were taken

    @property
    def source_step(self) -> int:
        """The step of what was opened: of the run itself, or of the parent that was forked."""
        return self.step if self.weights_step is None else self.weights_step


@dataclass(frozen=True)
class Answer:
    """What the model said; `reason` is that of `GenerationDone`."""

    text: str
    tokens: int
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What came of a command, as far as it can be compared when the command is repeated."""

    refused: str = ""  # why nothing was done
    opened: OpenedRun | None = None
    changed: tuple[tuple[str, str, str], ...] = ()  # key, old and new value as text
    answer: Answer | None = None
    table: str = ""  # SHA-256 (hex) of the rows of an inspection


@dataclass(frozen=True)
class Deed:
    """One command and what came of it; `own` are the person's own files that acted when it was done."""

    command: Command
    at: Moment
    outcome: Outcome = Outcome()
    own: tuple[OwnFile, ...] = ()
    time: str = ""  # ISO 8601, when it began


def outcome_of(events: Iterable[Event], opened: OpenedRun | None) -> Outcome:
    """What the events say that a command was answered with; `opened`: the run that is open since."""
    refused, text, table = "", [], ""
    changed: list[tuple[str, str, str]] = []
    answer: Answer | None = None
    for event in events:
        match event:
            case messages.Rejected(reason=reason):
                refused = refused or reason
            case messages.ConsentWanted(files=files):
                refused = refused or "Files that had not been agreed to: " + ", ".join(file.name for file in files)
            case messages.ReasonWanted(against=against, differences=differences):
                refused = refused or f"{len(differences)} changes at once against {against}, and no reason for that"
            case messages.Failed(message=message):
                refused = refused or message
            case messages.StateChanged(state="idle", reason=reason):
                refused = refused or reason
            case messages.ValueChanged(key=key, old=old, new=new):
                changed.append((key, old, new))
            case messages.Token(text=piece):
                text.append(piece)
            case messages.GenerationDone(reason=reason, tokens=tokens):
                answer = Answer("".join(text), tokens, reason)
            case messages.Inspection(headings=headings, rows=rows):
                table = hashlib.sha256(repr((headings, rows)).encode()).hexdigest()
            case _:
                pass
    return Outcome(refused, None if refused else opened, tuple(changed), answer, table)


def plain_command(command: Command) -> dict[str, Any]:
    """A command's fields as JSON knows them; `command_from` makes the same command of them."""
    return cast(dict[str, Any], plain_value(asdict(command)))


def plain_value(value: Any) -> Any:
    """A value as JSON knows it: tuples as lists, numbers that are not finite by name, text without half characters."""
    if isinstance(value, dict):
        return {key: plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def command_kinds() -> dict[str, type[Command]]:
    """Every command by the name that it is recorded under."""
    return {kind.__name__: kind for kind in Command.__subclasses__()}


def command_from(name: str, values: dict[str, Any]) -> Command:
    """The command that was recorded. RunError for one that is not known, or has values that it cannot have."""
    kind = command_kinds().get(name)
    if kind is None:
        raise RunError(f"there is no command {name}; perhaps another version of lmlab recorded it")
    known = {field.name for field in fields(kind)}
    if unknown := sorted(values.keys() - known):
        raise RunError(f"{name} has no {', '.join(unknown)}; perhaps another version of lmlab recorded it")
    return checked(kind, values, name)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def checked(kind: type[T], values: Any, name: str) -> T:
    """A dataclass made from plain values. RunError with the first thing that is wrong with them."""
    try:
        adapter: TypeAdapter[T] = _adapter(cast(Hashable, kind))
        return adapter.validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *map(str, first["loc"])])
        raise RunError(f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}") from error


def words_of(deed: Deed) -> str:
    """A deed in a few words, for a person."""
    command, outcome = deed.command, deed.outcome
    if outcome.opened is not None:
        run = outcome.opened
        match command:
            case messages.Load():
                return f"opened {run.name} at step {run.step:,}"
            case messages.Fork(changes=changes):
                changed = "".join(f", {key}={value}" for key, value in changes)
                alone = ", the weights alone" if run.weights_step is not None else ""
                return f"forked {run.parent} at step {run.source_step:,}{alone} as {run.name}{changed}"
            case _:
                return f"started {run.name}"
    if outcome.changed:
        return ", ".join(f"{key}: {_short(old)} → {_short(new)}" for key, old, new in outcome.changed)
    match command:
        case messages.Generate(prompt=prompt):
            tokens = outcome.answer.tokens if outcome.answer is not None else 0
            return f"asked {_short(prompt)!r}: {tokens:,} tokens"
        case messages.Step(n=n):
            return f"went on for {n:,} step{'' if n == 1 else 's'}"
        case messages.RunUntil(step=step, metric=metric, below=below):
            return f"went on until step {step:,}" if step is not None else f"went on until {metric} < {below:g}"
        case messages.Inspect(what=what, target=target):
            return f"looked at {what} {target}".rstrip()
        case messages.Rewind(step=step):
            return "came back to the present" if step is None else f"looked back at step {step:,}"
        case messages.Resume():
            return "went on"
        case messages.Pause():
            return "paused"
        case messages.Stop():
            return "stopped and saved"
        case _:  # SaveCheckpoint: save checkpoint
            return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(command).__name__).lower()


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
