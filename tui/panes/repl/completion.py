"""What is offered while a command is being typed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Completion:
    """One way to go on: the whole line it makes, and what it would mean."""

    line: str
    label: str
    help: str
