"""What each command led to, seen between the core and its outbox, for whoever records a session or repeats one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import get_ident
from typing import Protocol

from lmcore.clock import stamp
from lmcore.errors import LabError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.identity import WEIGHTS
from lmcore.experiments.identity.own_code import files_of_hooks
from lmcore.experiments.questions import hooks_of_answer
from lmcore.experiments.runs.folder import JOURNAL
from lmcore.process.core.deeds import Deed, Moment, OpenedRun, outcome_of
from lmcore.process.core.outbox import Telling
from lmcore.protocol.events import Event, State, StateChanged
from lmcore.protocol.messages import (
    CheckpointSaved,
    Command,
    Fork,
    LogLine,
    OwnFile,
)

IDENTITY = (
    "id",
    "config_hash",
    "seed",
    "data_fingerprint",
    "tokenizer_fingerprint",
    "own_code",
    "code_digest",
    "device",
    "environment",
    "baseline",
)
"""What of run.json says which run it is, and what its bits depend on."""


class Core(Protocol):
    """What is seen of the core: the run that is open, and the state that it is in."""

    experiment: Experiment | None
    state: State


class Chronicle(Protocol):
    """Who is told what is done in a session."""

    def done(self, deed: Deed) -> Sequence[LogLine]:
        """A command was carried out, or refused. What it returns is told to the person."""

    def reached(self, moment: Moment) -> None:
        """Without a command, training came to a pause, an end or a checkpoint."""

    def ended(self, moment: Moment) -> None:
        """The core ends; the run that is open is saved as it is now."""


class Witness:
    """Passes on everything that the core tells, and tells a chronicle of each command with what came of it."""

    def __init__(self, outbox: Telling, chronicle: Chronicle) -> None:
        self._outbox = outbox
        self._chronicle = chronicle
        self._heard: list[Event] | None = None  # while a command is carried out, on the thread that does it
        self._thread = get_ident()
        self._last = Moment("", 0, "idle")  # as last told

    @contextmanager
    def watching(self, command: Command, core: Core) -> Iterator[None]:
        """Whatever is told meanwhile is what came of the command. Where it raises an error, nothing was done."""
        at, before = moment_of(core), core.experiment
        began = stamp()
        heard: list[Event] = []
        self._heard, self._thread = heard, get_ident()
        try:
            yield
        finally:
            self._heard = None
        opened = None if core.experiment is None or core.experiment is before else _opened(core.experiment, command)
        outcome = outcome_of(heard, opened)
        own = () if core.experiment is None or outcome.refused else _own_files(core.experiment, command)
        for line in self._chronicle.done(Deed(command, at, outcome, own, began)):
            self._outbox.send(line)

    def ended(self, core: Core) -> None:
        """The core ends as it stands now."""
        self._chronicle.ended(moment_of(core))

    def send(self, event: Event) -> None:
        """Pass on an event."""
        if isinstance(event, StateChanged):
            self._last = Moment(event.run.name if event.run is not None else "", event.step, event.state)
        if get_ident() != self._thread:
            pass  # what goes on beside all commands, such as an ablation
        elif self._heard is not None:
            self._heard.append(event)
        elif isinstance(event, CheckpointSaved):
            self._chronicle.reached(replace(self._last, step=event.step))
        elif isinstance(event, StateChanged) and event.run is not None:
            self._chronicle.reached(self._last)
        self._outbox.send(event)

    @property
    def step(self) -> int:
        """The step that heartbeats say."""
        return self._outbox.step

    @step.setter
    def step(self, step: int) -> None:
        self._outbox.step = step

    def write_log(self, log_path: Path) -> None:
        """Pass on where what is printed goes."""
        self._outbox.write_log(log_path)

    def forsake(self) -> None:
        """Pass on that nobody listens any more."""
        self._outbox.forsake()


def moment_of(core: Core) -> Moment:
    """Where the core stands now."""
    experiment = core.experiment
    return (
        Moment("", 0, core.state) if experiment is None else Moment(experiment.folder.name, experiment.step, core.state)
    )


def _opened(experiment: Experiment, command: Command) -> OpenedRun:
    run, folder = experiment.run, experiment.folder
    parent = run.get("parent") or {}
    name = str(parent.get("run", ""))
    journal = (folder.with_name(name) if name and isinstance(command, Fork) else folder) / JOURNAL
    weights = run.get(WEIGHTS) or {}
    takes_weights = isinstance(command, Fork) and command.from_weights
    return OpenedRun(
        folder.name,
        str(folder),
        experiment.step,
        name,
        parent.get("step"),
        journal.stat().st_size if journal.exists() else 0,
        {name: run[name] for name in IDENTITY if name in run},
        weights.get("step", 0) if takes_weights else None,
    )


def _own_files(experiment: Experiment, command: Command) -> tuple[OwnFile, ...]:
    """The own files that act in the run now, and those that acted in the answer to a command alone."""
    files = tuple(experiment.own.files.values())
    hooks = getattr(command, "hooks", ())
    if hooks:
        with suppress(LabError):  # then the answer failed, and says why
            files += experiment.own.read_new(files_of_hooks(hooks_of_answer(hooks)))
    return files
