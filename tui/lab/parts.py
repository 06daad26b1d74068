"""What the app asks of its parts: of the core, and of panes and screens."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lmcore.protocol.messages import Command, Event
from tui.lab.state import LabState


class Core(Protocol):
    """What the app needs of a core: `lmcore.process.client.client.CoreClient`, or a stand-in."""

    @property
    def is_alive(self) -> bool:
        """Whether the core's process is there."""
        ...

    def start(self) -> None:
        """Begin to load the core; returns at once."""
        ...

    def send(self, command: Command) -> None:
        """Hand over a command; never waits."""
        ...

    def restart(self) -> None:
        """Start a new core in the place of one that died."""
        ...

    def ask_to_end(self, timeout: float = 60.0) -> str:
        """Let the core save and end; "" once it has, else why it has not."""
        ...

    def shut_down(self, timeout: float = 10.0) -> None:
        """End the core; waits at most `timeout` seconds before it is killed."""
        ...


@runtime_checkable
class ShowsLab(Protocol):
    """It shows a state, and draws itself anew when it is given another."""

    lab: LabState


@runtime_checkable
class Listens(Protocol):
    """It takes each batch of events from the core."""

    def receive_events(self, events: Sequence[Event]) -> None:
        """Take a batch."""


@runtime_checkable
class DrawsLater(Protocol):
    """It draws what it has received when the render budget allows."""

    def show_received(self) -> None:
        """Draw it."""


@runtime_checkable
class Waits(Protocol):
    """It opened at once, and what its keys are about may be on its way."""

    @property
    def waits(self) -> bool:
        """Whether it is."""
