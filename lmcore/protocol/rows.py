"""The rows and descriptions that messages carry: frozen dataclasses of plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunInfo:
    """What a front end shows about the run that is open."""

    name: str  # the run directory's name
    folder: str  # the run directory
    title: str  # the short name that a person gave
    config_text: str  # as resolved
    parameters: int
    tokens_per_step: int
    max_steps: int
    device: str
    threads: int
    vocabulary: int
    floor: float | None  # nats per token of a perfect model on the validation split, where it is known
    confounded: str = ""  # why it makes several changes at once against its baseline or parent, where it does


@dataclass(frozen=True)
class CodeFile:
    """A person's own Python file that a configuration names, as it would run now."""

    name: str  # as the configuration names it, e.g. my_hooks.py
    path: str  # where it was read
    digest: str  # sha256 of its bytes, in hexadecimal
    text: str


@dataclass(frozen=True)
class HookArgument:
    """One argument that `with` may set; `default` as YAML text, None where one must be given."""

    name: str
    type: str  # in words, e.g. "a number"
    default: str | None


@dataclass(frozen=True)
class HookEntry:
    """One function that a configuration can name under `use`."""

    kind: str  # forward, backward, update or loss
    name: str  # e.g. zero, or my_hooks.py:function
    summary: str  # the first sentence of its docstring
    doc: str  # the whole docstring
    stage: str  # e.g. activation, gradient_at, direction, term
    arguments: tuple[HookArgument, ...]
