"""A session carried out once more, by the core itself: what was recorded takes the place of the front end."""

import queue
import sys
from collections.abc import Callable, Sequence
from contextlib import chdir, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from lmcore.errors import LabError
from lmcore.experiments.identity.consent import ConsentNeeded, agree, require_consent
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.verification.drift import drifts_between
from lmcore.process.core.deeds import Answer, Deed, FileEdited, Moment, words_of
from lmcore.process.core.server import Server
from lmcore.process.core.sessions import Session
from lmcore.process.core.witness import Witness
from lmcore.process.replay.outcome import Difference, Replayed, ReplayedRunReport
from lmcore.process.replay.replayed_runs import Audience, ReplayedRuns
from lmcore.protocol import messages
from lmcore.protocol.messages import Command, Event, LogLine, OwnFile, Pause, ShutDown


def replay(
    session: Session,
    folder: Path,
    audience: Audience,
    *,
    allow_code: bool = False,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Carry out a session once more; its runs go into `folder`, and their originals are only read.

    Everything is done at the step at which it was done then, without the pauses between. RunError where something that
    the session opened is gone; ConsentNeeded for own files that were not agreed to, unless they are by `allow_code`.
    """
    require_consent(session.files, allow_code)
    folder = folder.absolute()
    runs = ReplayedRuns(session, folder, audience, allow_code)
    found = Replayed(session.path.stem, folder, has_end=session.end is not None)
    conductor = _Conductor(session, runs, found, audience, allow_code, is_interrupted)
    place = chdir(session.working_folder) if session.working_folder.is_dir() else nullcontext()
    with place, redirect_stdout(sys.stderr):  # of hooks that print
        conductor.server.run()
    if conductor.problem is not None:
        raise conductor.problem
    if any(isinstance(deed.command, messages.Ablate) for deed in session.deeds if not deed.outcome.refused):
        found.notes.append(
            "Its ablations were not carried out again: `lmcore ablate` does that, and reuses their runs."
        )
    for run in runs.runs.values():
        is_compared = False
        if run.last > run.first:
            try:
                found.differences += runs.differences(run)
                is_compared = True
            except LabError as error:
                found.notes.append(f"The numbers of {run.name} could not be compared: {error}")
        found.runs.append(ReplayedRunReport(run.name, run.folder, run.first, run.last, is_compared))
    order = ["", *runs.runs]
    found.differences.sort(key=lambda difference: (order.index(difference.run), difference.step))
    return found


class _Conductor:
    """The commands of a session, each handed to the core when it stands where it stood; and what comes of them."""

    def __init__(
        self,
        session: Session,
        runs: ReplayedRuns,
        found: Replayed,
        audience: Audience,
        allow_code: bool,
        is_interrupted: Callable[[], bool],
    ) -> None:
        self.runs = runs
        self.server = Server(self, Witness(_Ear(self, audience), self))
        self.found = found
        self.problem: ValueError | None = None
        self.wanted: tuple[OwnFile, ...] = ()  # files that the core asks about
        self.reason = ""  # why it paused, as it says
        self._session = session
        self._audience = audience
        self._allow_code = allow_code
        self._is_interrupted = is_interrupted
        self._left = [deed for deed in session.deeds if _is_repeatable(deed)]
        self._handed: Deed | None = None  # the deed that is being done again
        self._is_served = True  # whether the command that was given last has been carried out
        self._is_over = False
        self._last_step: int | None = None  # to which training goes on after the last command

    # The commands, as the core's inbox takes them

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Nobody else sends commands."""
        raise RunError("A session that is repeated takes no other commands.")

    def get(self, block: bool = True, timeout: float | None = None) -> Command:
        """The next command of the session if its moment has come; queue.Empty otherwise."""
        control = self.server.control
        if self._is_over or control.state in ("loading", "preparing"):
            raise queue.Empty
        if control.experiment is not None:
            self.runs.trained(control.experiment.folder, control.experiment.step)
        if self._is_interrupted():
            self.found.is_interrupted = True
            return self._end()
        if self._handed is not None and isinstance(self._handed.command, FileEdited):
            if control.state != "running":
                return self._differ(f"the core did not take {self._handed.command.name}: {self.reason}")
            raise queue.Empty
        if not self._is_served:
            if block:  # the core waits for a command, so it has let go of this one
                return self._differ("the core did not carry out what it was given")
            raise queue.Empty
        command = self._next() if self._left else self._to_the_end()
        self._is_served = False
        return command

    def _next(self) -> Command:
        deed, control = self._left[0], self.server.control
        if control.experiment is None or not deed.at.run:
            if deed.at.run or control.state == "running":
                return self._differ(f"{words_of(deed)}: then {deed.at.run or 'no run'} was open, and now it is not")
        elif control.experiment.step < deed.at.step:
            if control.state == "running":
                raise queue.Empty
            return self._differ(f"training stopped ({self.reason or control.state}), then it went on")
        elif control.experiment.step > deed.at.step:
            return self._differ(f"training went on, and then it did not ({words_of(deed)} at {deed.at.step:,})")
        elif control.state == "running" and deed.at.state == "paused":
            return Pause()  # it paused for a reason that is not repeated: a condition on speed, a file half saved
        elif control.state == "running" and deed.at.state == "finished":
            raise queue.Empty  # its last evaluation goes on
        elif control.state != deed.at.state:
            return self._differ(f"the run is {control.state} ({self.reason}), and then it was {deed.at.state}")
        return self._hand(deed)

    def _hand(self, deed: Deed) -> Command:
        self._handed, self.wanted = deed, ()
        if isinstance(deed.command, FileEdited):
            self.runs.lay_edited(deed)
            raise queue.Empty
        return self.runs.command_for(deed)

    def _to_the_end(self) -> Command:
        """Train on to the last step that is recorded, without a command."""
        control, last = self.server.control, self._session.end or self._session.last
        if self._last_step is None:  # asked for once: a long record takes as long to read as some steps to make
            killed_at = 0 if self._session.end else self.runs.recorded_end(last.run)
            self._last_step = max(last.step, killed_at)
        step = self._last_step
        if control.experiment is not None and control.experiment.step < step:
            if control.state == "running":
                raise queue.Empty
            if self._session.end is not None:
                return self._differ(
                    f"training stopped ({self.reason or control.state}) and then it went on to {step:,}"
                )
        return self._end()

    def _end(self) -> Command:
        self._is_over = True
        self.server.end()  # nobody is there who could be asked about what cannot be saved
        return ShutDown()

    def _differ(self, sentence: str) -> Command:
        self._note(sentence)
        return self._end()

    def _note(self, sentence: str) -> None:
        experiment = self.server.control.experiment
        run, step, where = "", 0, "Before a run was open"
        if experiment is not None:
            run, step = self.runs.name_of(experiment.folder), experiment.step
            where = f"At step {step:,} of {experiment.title}"
        self.found.differences.append(Difference(run, step, f"{where}, {sentence.rstrip('.')}."))

    # What comes of them, as the core's witness tells it

    def done(self, now: Deed) -> Sequence[LogLine]:
        """A command was carried out again: compare what came of it."""
        self._is_served = True
        then = self._handed
        if then is None or isinstance(then.command, FileEdited) != isinstance(now.command, FileEdited):
            return ()
        self._handed = None
        if self.found.is_interrupted:  # and an answer perhaps cut off
            return ()
        if now.outcome.refused and self.wanted:
            self._consent()
            return ()
        del self._left[0]
        if now.outcome.refused:
            self._note(f"{words_of(then)}: refused now: {now.outcome.refused}")
            self._is_over = True
            self.server.end()
            return ()
        before = len(self.found.differences)
        self._compare(then, now)
        is_same = len(self.found.differences) == before
        self._audience.line(f"{_place(now.at)}  {words_of(then)}{'' if is_same else '   (not as it was)'}")
        return ()

    def reached(self, moment: Moment) -> None:
        """Training came to a pause, an end or a checkpoint by itself."""

    def ended(self, moment: Moment) -> None:
        """The core ends."""

    def _consent(self) -> None:
        wanted, self.wanted = self.wanted, ()
        if self._allow_code:
            agree(file.digest for file in wanted)  # and the command is handed once more
            return
        self.problem = ConsentNeeded(wanted)
        self._is_over = True
        self.server.end()

    def _compare(self, then: Deed, now: Deed) -> None:
        was, came = then.outcome, now.outcome
        if was.opened is not None and came.opened is not None:
            self.runs.opened(was.opened, came.opened)
            drifts = drifts_between(was.opened.identity, came.opened.identity)
            self.found.drifts += [drift for drift in drifts if drift not in self.found.drifts]
            for drift in drifts:
                if drift.is_tampering:
                    self._note(f"{words_of(then)}: its {drift.part} was {drift.then}, now {drift.now}")
        if was.changed or came.changed:
            self.found.changes += 1
            if was.changed != came.changed:
                self._note(f"{words_of(then)}: now {_changes(came.changed)}")
        if was.answer is not None:
            self.found.answers += 1
            if came.answer is None or not _is_same_answer(was.answer, came.answer):
                self._note(f"{words_of(then)}: {_other_answer(was.answer, came.answer)}")
        if was.table != came.table:
            self._note(f"{words_of(then)}: other numbers came out")


class _Ear:
    """The core's outbox in a replay: what a person should see goes to the audience."""

    def __init__(self, conductor: _Conductor, audience: Audience) -> None:
        self.step = 0
        self._conductor = conductor
        self._audience = audience
        self._max_steps = 0

    def send(self, event: Event) -> None:
        """An event; numbers of layers and hooks are in the metrics, and ablations are not repeated."""
        match event:
            case messages.Metrics(rows=rows):
                for step, _, seconds, metrics in rows:
                    if "loss/train" in metrics:
                        self._audience.training(step, self._max_steps, seconds, metrics)
            case messages.Progress(what=what, fraction=fraction):
                self._audience.preparing(what, fraction)
            case messages.LogLine(text=text, level="warning" | "error"):
                self._audience.line(text)
            case messages.Failed(message=message):
                self._audience.line(message)
            case messages.StateChanged(max_steps=max_steps, reason=reason):
                self._max_steps, self._conductor.reason = max_steps, reason
            case messages.ConsentWanted(files=files):
                self._conductor.wanted = files
            case _:
                pass

    def write_log(self, log_path: Path) -> None:
        """What is printed stays where it goes."""

    def forsake(self) -> None:
        """There is always somebody."""


NOT_REPEATED = (messages.Agree, messages.Ablate, messages.StopAblation)
"""That files may run is said by the person who repeats a session, never by the session. An ablation goes on beside it,
keeps a record of its own, and is continued or repeated by `lmcore ablate`."""


def _is_repeatable(deed: Deed) -> bool:
    """Whether a deed can be done again: not one that was refused, or an answer cut off before its first token."""
    is_empty = deed.outcome.answer is not None and deed.outcome.answer == Answer("", 0, "cancelled")
    return not deed.outcome.refused and not is_empty and not isinstance(deed.command, NOT_REPEATED)


def _is_same_answer(then: Answer, now: Answer) -> bool:
    if then.reason == "cancelled":  # a character that was not complete when it was cut off is shown now as it is
        return now.text.startswith(then.text) and now.tokens == then.tokens
    return now == then


def _other_answer(then: Answer, now: Answer | None) -> str:
    if now is None:
        return "no answer came"
    if then.text == now.text:
        return f"it had {then.tokens:,} tokens ({then.reason}), now {now.tokens:,} ({now.reason})"
    pairs = enumerate(zip(then.text, now.text, strict=False))
    alike = next((index for index, (a, b) in pairs if a != b), min(len(then.text), len(now.text)))
    was, came = (_excerpt(answer.text, alike) for answer in (then, now))
    return f"the answer was {was!r}, now {came!r}" + (f", from its character {alike + 1:,} on" if alike else "")


def _excerpt(text: str, start: int) -> str:
    return text[start : start + 40] + ("…" if len(text) > start + 40 else "")


def _place(at: Moment) -> str:
    return f"step {at.step:>6,}" if at.run else " " * 11


def _changes(changed: tuple[tuple[str, str, str], ...]) -> str:
    return ", ".join(f"{key} {old} → {new}" for key, old, new in changed) or "nothing changed"
