"""What a part of the screen may be able to do, as the app and the home screen ask for it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lmcore.protocol.messages import Event
from tui.lab.state import LabState


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
