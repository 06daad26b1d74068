"""What panes and screens tell the app: textual messages that go up the tree (attributes and events go down)."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from lmcore.protocol.messages import Command, Event
from tui.lab.ablation import AblationRequest
from tui.lab.state import Severity

if TYPE_CHECKING:
    from lmcore.config import HookConfig

_requests = itertools.count(1)


def next_request() -> int:
    """A number for `Generate` or `Inspect` that no other pane uses in this session."""
    return next(_requests)


class CoreEvents(Message, bubble=False):
    """A batch of events from the core, posted to the app by the client's reader thread.

    The app advances its `LabState`, and hands the same batch to every pane that has a method `receive_events(events)`.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = tuple(events)
        super().__init__()


class SendCommand(Message):
    """A pane asks the app to send a command to the core."""

    def __init__(self, command: Command) -> None:
        self.command = command
        super().__init__()


class ConfigEdited(Message):
    """The configuration on the screen says something else now; `hooks` is None while something in it is wrong."""

    def __init__(self, text: str, path: Path | None, hooks: "tuple[HookConfig, ...] | None") -> None:
        self.text = text
        self.path = path
        self.hooks = hooks
        super().__init__()


class ChangeHooks(Message):
    """The hooks are to be these: of the run that is open, or else of the configuration."""

    def __init__(self, hooks: "tuple[HookConfig, ...]") -> None:
        self.hooks = hooks
        super().__init__()


class OpenConfig(Message):
    """Show another configuration file; without a path the app asks for one."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        super().__init__()


class NewRun(Message):
    """Start a new run from the text of a configuration. The app asks first if a run is going, unless `agreed`."""

    def __init__(self, config_text: str, agreed: bool = False) -> None:
        self.config_text = config_text
        self.agreed = agreed
        super().__init__()


class ResumeRun(Message):
    """Open a run from its folder at a checkpoint, and go on training with it if `train`."""

    def __init__(self, folder: Path, at: str = "last", train: bool = False) -> None:
        self.folder = folder
        self.at = at
        self.train = train
        super().__init__()


class OverlayRun(Message):
    """Draw another run's curves behind the present ones, or no longer."""

    def __init__(self, folder: Path, on: bool = True) -> None:
        self.folder = folder
        self.on = on
        super().__init__()


class CompareRuns(Message):
    """Compare runs, given by their folders; the others are compared with the first."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        super().__init__()


class Notice(Message):
    """A sentence for the person, shown as a notice. Plain text, never markup."""

    def __init__(self, text: str, severity: Severity = "information") -> None:
        self.text = text
        self.severity: Severity = severity
        super().__init__()


class AskAblation(Message):
    """What the screens of ablations ask for: the form of a new one, the list, one to look at or to go on with (by its
    folder), or that the one that goes on stops."""

    def __init__(self, what: AblationRequest, folder: Path | None = None) -> None:
        self.what = what
        self.folder = folder
        super().__init__()


class ShowRuns(Message):
    """Open the list of runs."""


class ShowMoments(Message):
    """List the checkpoints of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__()


class ForkRun(Message):
    """Ask what is to be changed, and fork a run at a step; `name` is what it is called."""

    def __init__(self, folder: Path, step: int, name: str) -> None:
        self.folder = folder
        self.step = step
        self.name = name
        super().__init__()


class ShowLog(Message):
    """Open the log."""
