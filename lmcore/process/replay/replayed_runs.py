"""The runs of a session that is repeated: each original, and what takes its place in a folder of the replay's own."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from lmcore.config import set_in_text, to_yaml_value
from lmcore.errors import LabError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import ConsentNeeded
from lmcore.experiments.runs.folder import CHECKPOINTS, JOURNAL, RunError, load_run, plainly, write_run
from lmcore.experiments.runs.listing import is_run, read_run
from lmcore.experiments.runs.metrics import is_of_time
from lmcore.experiments.starting_point import beginning_of, copy_recipe, lay_starting_point
from lmcore.experiments.verification.bitwise import first_difference, first_tensor_that_differs, logged_rows
from lmcore.files import kind_of, make_folder, make_path, read_regular, shorten, write_whole
from lmcore.process.core.deeds import Deed, OpenedRun
from lmcore.process.core.sessions import Session
from lmcore.process.replay.outcome import Difference
from lmcore.protocol.messages import Command, Fork, Generate, Load, Metrics, OwnFile, Resume, RunUntil, Start
from lmcore.training.checkpoints import CheckpointError, is_valid, list_checkpoints, step_of
from lmcore.training.nonfinite import NonFinite

OWN_FILES = "own-files"
"""Where the versions of own files lie that the session used: one folder for each run that was started."""


class Audience(Protocol):
    """Who is told how a replay goes on."""

    def preparing(self, what: str, fraction: float | None) -> None:
        """Something slow goes on."""

    def training(self, step: int, max_steps: int, seconds: float, metrics: dict[str, float]) -> None:
        """A step was made."""

    def line(self, text: str) -> None:
        """One thing was done, or is to be known."""


@dataclass
class ReplayedRun:
    """A run of the session, and what takes its place."""

    name: str  # of the original
    folder: Path  # of what takes its place
    opened: OpenedRun
    first: int  # trained again from here on
    last: int  # to here


class ReplayedRuns:
    """Where each run of a session lies now. Originals are read, and never written."""

    def __init__(self, session: Session, folder: Path, audience: Audience, allow_code: bool) -> None:
        self._session = session
        self._folder = folder
        self._audience = audience
        self._allow_code = allow_code
        self._copies: dict[str, Path] = {}  # of runs that are older than the session, by name
        self._own_folders: dict[str, Path] = {}  # by the original's name
        self.runs: dict[str, ReplayedRun] = {}  # by the original's name

    def command_for(self, deed: Deed) -> Command:
        """What is to be done so that a deed is done again, here. RunError where what it needs is gone."""
        command, opened = deed.command, deed.outcome.opened
        match command:
            case Start(config_text=text):
                text = set_in_text(text, "other.runs_folder", to_yaml_value(str(self._folder)))
                if opened is not None and (baseline := self._baseline(opened)) is not None:
                    text = set_in_text(text, "other.baseline", to_yaml_value(str(baseline)))
                command = replace(command, config_text=text)
                if self._session.files and opened is not None:
                    command = replace(command, config_folder=str(self._own_folder(opened.name)))
                    self._lay(opened.name, deed.own)
            case Load() if opened is not None:
                folder = self._source(opened.name, Path(opened.folder), deed)
                self._lay(opened.name, deed.own)
                command = replace(command, run=str(folder), at=str(opened.source_step))
            case Fork() if opened is not None:
                original = Path(opened.folder).with_name(opened.parent)
                folder = self._source(opened.parent, original, deed)
                self._own_folders[opened.name] = self._own_folder(opened.parent)
                self._lay(opened.name, deed.own)
                command = replace(command, run=str(folder), at=str(opened.source_step))
            case Load() | Fork():
                raise RunError("The session does not say which run was opened.")
            case RunUntil(metric=metric) if is_of_time(metric):
                command = Resume()  # how fast a machine is cannot be repeated; the session says where it paused
            case Generate() if deed.outcome.answer is not None and deed.outcome.answer.reason == "cancelled":
                command = replace(command, max_tokens=deed.outcome.answer.tokens)
                self._lay(deed.at.run, deed.own)
            case _:
                self._lay(deed.at.run, deed.own)
        return command

    def opened(self, then: OpenedRun, now: OpenedRun) -> None:
        """A run was opened again."""
        if (run := self.runs.get(then.name)) is None:
            self.runs[then.name] = ReplayedRun(then.name, Path(now.folder), then, now.step, now.step)
        else:
            run.first = min(run.first, now.step)

    def trained(self, folder: Path, step: int) -> None:
        """A run has come to a step."""
        for run in self.runs.values():
            if run.folder == folder:
                run.last = max(run.last, step)

    def name_of(self, folder: Path) -> str:
        """The original in whose place a run lies; "" for another."""
        return next((run.name for run in self.runs.values() if run.folder == folder), "")

    def original(self, name: str, recorded: Path) -> Path:
        """Where an original lies: beside the session, or where it was."""
        beside = self._session.path.absolute().parent.parent / name
        return beside if is_run(beside) else recorded

    def recorded_end(self, name: str) -> int:
        """The last step that a run's own record shows whose core was killed, or goes on still; 0 if it shows none."""
        run = self.runs.get(name)
        if run is None:
            return 0
        original = self.original(name, Path(run.opened.folder))
        try:
            is_open = read_run(original)["status"] in ("interrupted", "running")
        except RunError:
            return 0
        return max(logged_rows(original), default=0) if is_open else 0

    def differences(self, run: ReplayedRun) -> list[Difference]:
        """What did not come out as it is recorded of the original, the first of each kind. RunError if it is gone."""
        original = self.original(run.name, Path(run.opened.folder))
        if load_run(original).get("id") != run.opened.identity.get("id"):
            raise RunError(f"{original} is not the run that it was.")
        found = []
        recorded, repeated = logged_rows(original), logged_rows(run.folder)
        for step in sorted(step for step in {*recorded, *repeated} if run.first < step <= run.last):
            is_cut_short = step == run.last and self._session.end is None
            different = first_difference(step, recorded.get(step, []), repeated.get(step, []), is_cut_short)
            if different is not None:
                found.append(Difference(run.name, step, f"{run.name}, {different.sentence}"))
                break
        then, now = ({step_of(path): path for path in list_checkpoints(place)} for place in (original, run.folder))
        for step in sorted(step for step in then.keys() & now.keys() if run.first <= step <= run.last):
            if (tensor := first_tensor_that_differs(then[step], now[step])) is not None:
                found.append(Difference(run.name, step, f"{run.name}: {tensor.sentence}"))
                break
        return found

    def _baseline(self, opened: OpenedRun) -> Path | None:
        """The run that a run is held against, where it is one."""
        said = opened.identity.get("baseline")
        if not isinstance(said, dict) or not said.get("is_run"):
            return None
        name = Path(str(said.get("name"))).name
        run = self.runs.get(name)
        return run.folder if run is not None else self.original(name, Path(opened.folder).with_name(name))

    def _source(self, name: str, recorded: Path, deed: Deed) -> Path:
        """The run that takes the place of one that is loaded or forked; it has that step, in a checkpoint at least."""
        opened = deed.outcome.opened
        assert opened is not None
        is_at_hand = name not in self._copies or (deed.at.run == name and opened.source_step <= deed.at.step)
        if (run := self.runs.get(name)) is not None and is_at_hand:
            return run.folder
        original = self.original(name, recorded)
        try:
            return self._copy(name, original, opened)
        except ConsentNeeded:
            raise
        except (NonFinite, LabError) as error:
            raise RunError(
                f"The session opened {name} at step {opened.source_step:,}, which is not possible now: {error}"
            ) from error

    def _copy(self, name: str, original: Path, opened: OpenedRun) -> Path:
        """An older run as it was when the session opened it: what the session did with it is still to come."""
        run, copy = load_run(original), self._folder / name
        if name not in self._copies:
            if os.path.lexists(copy):
                raise RunError(f"{copy} is there already; let the replay put its runs into another folder.")
            with plainly("write", self._folder):
                make_path(self._folder)
            copy_recipe(original, run, copy)
            with plainly("shorten", copy / JOURNAL), suppress(FileNotFoundError):
                shorten(copy / JOURNAL, opened.journal_bytes)
            if run.get("code_folder"):
                write_run(copy, {**load_run(copy), "code_folder": str(self._own_folder(name))})
            self._copies[name] = copy
        step = opened.source_step
        if step > 0 and not (copy / CHECKPOINTS / f"step-{step:06d}").exists():
            try:
                lay_starting_point(original, run, copy, step)
            except CheckpointError:
                self._train_to(step, original, run, copy)
        return copy

    def _train_to(self, step: int, original: Path, run: dict[str, Any], copy: Path) -> None:
        """Give a copy a checkpoint that its original has no more: trained again from an earlier one."""
        earlier = [step_of(path) for path in list_checkpoints(original) if step_of(path) < step and is_valid(path)]
        start = max([*earlier, beginning_of(run)])
        self._audience.line(
            f"{original.name} has no checkpoint of step {step:,} any more: trained again from {start:,}."
        )
        if start > 0:
            lay_starting_point(original, run, copy, start)
        told = self._audience
        experiment = Experiment.open(copy, str(start), on_progress=told.preparing, allow_code=self._allow_code)
        try:
            while experiment.step < step:
                for record in experiment.advance():
                    for number, _, seconds, metrics in record.rows if isinstance(record, Metrics) else ():
                        told.training(number, step, seconds, metrics)
            experiment.save_checkpoint()
        finally:
            experiment.close("stopped")

    def _own_folder(self, name: str) -> Path:
        """Where the own files of a run are read and watched, in place of the folder in which the person had them."""
        number = len(set(self._own_folders.values())) + 1
        return self._own_folders.setdefault(name, self._folder / OWN_FILES / str(number))

    def _lay(self, name: str, files: Iterable[OwnFile]) -> None:
        """Let own files be as they were."""
        for file in files:
            folder = self._own_folder(name)
            with plainly("write", folder / file.name):
                make_path(self._folder)
                make_folder(folder.parent)
                make_folder(folder)
                if kind_of(folder / file.name) is None or read_regular(folder / file.name) != file.text.encode():
                    write_whole(folder / file.name, file.text)

    def lay_edited(self, deed: Deed) -> None:
        """Save an own file as the person did, for the core to notice."""
        self._lay(deed.at.run, deed.own)
