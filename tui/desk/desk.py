"""What decisions are made from: what is known of the core, the configuration on the screen, what is waited for."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lmcore.protocol.messages import Command
from tui.lab.state import LabState

if TYPE_CHECKING:  # what needs the schema is loaded after the first frame
    from lmcore.config import Problem, TrainingConfig


class Sheet(Protocol):
    """The configuration on the screen, as far as decisions read it."""

    text: str
    path: Path | None
    running: TrainingConfig | None  # what the run that is open trains with

    @property
    def config(self) -> TrainingConfig | None:
        """What the text says; None while something in it is wrong."""

    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with the text."""

    @property
    def is_changed(self) -> bool:
        """Whether the text differs from the file's."""

    @property
    def is_behind(self) -> bool:
        """Whether another program wrote the file, and its text is not what the screen shows."""

    @property
    def open_run_config(self) -> TrainingConfig | None:
        """What the run trains with that is open or looked at."""


@dataclass
class Leaving:
    """How far the lab is on its way out."""

    is_going: bool = False  # the core was asked to save and to end
    by: signal.Signals | None = None  # the signal that ends the lab; nobody is asked anything then
    problem: str = ""  # why the run could not be saved
    broken: str = ""  # what is told of the first error that should not have been


@dataclass
class Desk:
    """What the lab knows and what it waits for. Decisions read it, and write down what they wait for."""

    given_runs_folder: Path | None = None  # by the command line
    lab: LabState = field(default_factory=LabState)
    sheet: Sheet | None = None  # its pane comes after the first frame
    sent: dict[str, Command] = field(default_factory=dict)  # the last of each kind, to be sent again once agreed to
    waits_to_start: bool = False  # F5 was pressed before the core was ready
    resumes_when_open: bool = False  # a run is being opened in order to train on
    reopens: str = ""  # the run to open when the core that was started again is ready
    is_asked: bool = False  # a new run waits for an answer: whether files may run, why it makes several changes
    leaving: Leaving = field(default_factory=Leaving)

    @property
    def runs_folder(self) -> Path:
        """Where runs are: as the command line says, or else the configuration."""
        config = self.sheet.config if self.sheet is not None else None
        return self.given_runs_folder or Path(config.other.runs_folder if config is not None else "runs")

    def has_open(self, folder: Path) -> bool:
        """Whether a run is the one that is open."""
        return self.lab.run is not None and Path(self.lab.run.folder).resolve() == folder.resolve()
