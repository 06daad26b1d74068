"""What panes and screens tell the app: textual messages that go up the tree (attributes and events go down)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from lmcore.protocol.messages import Command, Event
from tui.lab.ablation import AblationRequest
from tui.lab.state import Severity

if TYPE_CHECKING:  # what needs the schema is loaded after the first frame
    from lmcore.config import HookConfig

_requests = itertools.count(1)


def next_request() -> int:
    """A number for `Generate` or `Inspect` that no other pane uses in this session."""
    return next(_requests)


@dataclass
class CoreEvents(Message, bubble=False):
    """A batch of events from the core, posted to the app by the client's reader thread."""

    events: Sequence[Event]


@dataclass
class SendCommand(Message):
    """A pane asks the app to send a command to the core."""

    command: Command


@dataclass
class ConfigEdited(Message):
    """The configuration on the screen says something else now; `hooks` is None while something in it is wrong."""

    text: str
    path: Path | None
    hooks: tuple[HookConfig, ...] | None


@dataclass
class ChangeHooks(Message):
    """The hooks are to be these: of the run that is open, or else of the configuration."""

    hooks: tuple[HookConfig, ...]


@dataclass
class NewRun(Message):
    """Start a new run from the text of a configuration. The app asks first if a run is going, unless `agreed`."""

    config_text: str
    agreed: bool = False


@dataclass
class ResumeRun(Message):
    """Open a run from its folder at a checkpoint, and go on training with it if `train`."""

    folder: Path
    at: str = "last"
    train: bool = False


@dataclass
class OverlayRun(Message):
    """Draw another run's curves behind the present ones, or no longer."""

    folder: Path
    on: bool = True


@dataclass
class CompareRuns(Message):
    """Compare runs, given by their folders; the others are compared with the first."""

    folders: tuple[Path, ...]


@dataclass
class Notice(Message):
    """A sentence for the person, shown as a notice. Plain text, never markup."""

    text: str
    severity: Severity = "information"


@dataclass
class AskAblation(Message):
    """What the screens of ablations ask for; `folder` is that of one to look at or to go on with."""

    what: AblationRequest
    folder: Path | None = None


@dataclass
class ShowMoments(Message):
    """List the checkpoints of a run."""

    folder: Path


@dataclass
class ForkRun(Message):
    """Ask what is to be changed, and fork a run at a step; `name` is what it is called."""

    folder: Path
    step: int
    name: str
