"""The laboratory's app: it composes the screens, routes commands to the core and events to the panes, and no more."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from textual.app import App

from lmcore.process.messages import Command, Event
from tui.lab_state import LabState, advance_state
from tui.messages import CoreEvents, SendCommand


class Core(Protocol):
    """What the app needs of a core: `lmcore.process.client.CoreClient`, or a stand-in."""

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

    def shut_down(self, timeout: float = 10.0) -> None:
        """End the core; waits at most `timeout` seconds before it is killed."""
        ...


CoreFactory = Callable[[Callable[[list[Event]], None]], Core]


class LabApp(App[None]):
    """The laboratory."""

    CSS_PATH = "lab.tcss"
    TITLE = "lmlab"

    def __init__(self, config_path: Path | None, core_factory: CoreFactory, runs_folder: Path) -> None:
        super().__init__()
        self.config_path = config_path
        self.runs_folder = runs_folder
        self.lab = LabState()
        self.core = core_factory(self._hear)

    def on_mount(self) -> None:
        """Start the core once the first frame is on its way."""
        self.call_after_refresh(self.core.start)

    def _hear(self, events: Sequence[Event]) -> None:
        """Called on the client's reader thread."""
        self.post_message(CoreEvents(events))

    def on_core_events(self, message: CoreEvents) -> None:
        """Advance the state and hand the events down."""
        self.lab = advance_state(self.lab, message.events)

    def on_send_command(self, message: SendCommand) -> None:
        """Pass a pane's command on to the core."""
        self.core.send(message.command)
