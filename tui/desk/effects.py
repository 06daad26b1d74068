"""What a decision can lead to: a closed set of effects, with the pages and questions that are shown over the screen."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lmcore.protocol.messages import Command, CoreDied, Event, Failed, OwnFile
from tui.lab.state import Severity

if TYPE_CHECKING:  # what needs the schema is loaded after the first frame
    from lmcore.experiments.ablation.listing import AblationSummary
    from tui.lab.ablation_draft import Baseline, Draft


@dataclass(frozen=True)
class Confirm:
    """Yes or no. Answered with True, False, or None for escape."""

    title: str
    text: str
    yes: str
    no: str = "Stay"
    note: str = ""


@dataclass(frozen=True)
class ConfirmQuit:
    """Whether to stop, save and leave while a run trains. Answered with "save", or else it stays."""

    run: str
    step: int
    max_steps: int


@dataclass(frozen=True)
class Consent:
    """Whether files may run. Answered with True, or else they may not."""

    files: tuple[OwnFile, ...]


@dataclass(frozen=True)
class Reason:
    """Why a new run makes several changes at once. Answered with the reason, or None."""

    against: str
    differences: tuple[str, ...]


@dataclass(frozen=True)
class OneChange:
    """What a fork changes. Answered with the changes and whether the weights alone are taken; or None."""

    name: str
    step: int
    config_text: str
    is_open: bool


@dataclass(frozen=True)
class AskRestart:
    """Whether to start a new core in the place of one that died. Answered with "restart", or else not."""

    died: CoreDied


@dataclass(frozen=True)
class DrawUp:
    """An ablation to be filled in. Answered with the `Draft`, or None."""

    baseline: Baseline
    draft: Draft
    work_rate: Callable[[], float | None]
    problem: str


Question = Confirm | ConfirmQuit | Consent | Reason | OneChange | AskRestart | DrawUp


@dataclass(frozen=True)
class Moments:
    """The moments of the open run, or the checkpoints of the run in `folder`."""

    folder: Path | None = None


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other."""

    folders: tuple[Path, ...]


@dataclass(frozen=True)
class AblationPage:
    """The ablation of this session, or an earlier one by its summary."""

    summary: AblationSummary | None = None


@dataclass(frozen=True)
class Traceback:
    """What broke, with its traceback."""

    failed: Failed


Page = Moments | Comparison | AblationPage | Traceback | Literal["runs", "notes", "log", "ablations"]


@dataclass(frozen=True)
class Tell:
    """Show a sentence as a notice."""

    text: str
    severity: Severity = "information"


@dataclass(frozen=True)
class Send:
    """Send commands to the core."""

    commands: tuple[Command, ...]


@dataclass(frozen=True)
class Ask:
    """Put a question; the decision goes on with the answer."""

    question: Question


@dataclass(frozen=True)
class Show:
    """Show a page over the home screen. Answered with False where such a page lies on top already."""

    page: Page


@dataclass(frozen=True)
class Close:
    """Close what lies over the home screen, or the pages of ablations alone that lie on top."""

    what: Literal["all", "ablations"] = "all"


@dataclass(frozen=True)
class GoToField:
    """Go to the configuration, and to a field in it; "" for none."""

    key: str


@dataclass(frozen=True)
class SeeLoss:
    """Go to the loss where the configuration is the one pane that is shown."""


@dataclass(frozen=True)
class Overlay:
    """Draw another run's curves behind the open one."""

    folder: Path


@dataclass(frozen=True)
class FollowFile:
    """Look whether the configuration's file was changed by another program."""


@dataclass(frozen=True)
class ChangeText:
    """Bring the configuration on the screen to another text."""

    text: str


@dataclass(frozen=True)
class Hand:
    """Hand an event to the panes, as if the core had told it."""

    event: Event


@dataclass(frozen=True)
class Redraw:
    """Show the present state at once."""


@dataclass(frozen=True)
class StartCore:
    """Start a new core in the place of the one that died."""


@dataclass(frozen=True)
class EndCore:
    """Let the core save and end within so many seconds, on a thread; `must_save` keeps it alive where it cannot."""

    timeout: float
    must_save: bool


@dataclass(frozen=True)
class Exit:
    """End the app."""


Effect = (
    Tell | Send | Ask | Show | Close | GoToField | SeeLoss | Overlay | FollowFile | ChangeText | Hand | Redraw
) | (StartCore | EndCore | Exit)
Way = Generator[Effect, Any, None]
"""A decision: it yields its effects in their order, and goes on after a question with the answer."""
