"""The one run that is open in the core: how commands open it, train it, change it and let it go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmcore.config import OtherConfig
from lmcore.errors import LabError, UserCodeError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import ConsentNeeded
from lmcore.experiments.identity.run_plan import plan_run
from lmcore.experiments.moments import moments_on_disk
from lmcore.experiments.runs.listing import find_run
from lmcore.process.core.answers import state_of
from lmcore.process.core.deeds import FileEdited
from lmcore.process.core.inbox import Inbox
from lmcore.process.core.lanes import is_met, tell_failure
from lmcore.process.core.own_files import FileWatch, consent_wanted
from lmcore.process.core.witness import Witness
from lmcore.protocol import messages
from lmcore.protocol.messages import State
from lmcore.training.nonfinite import NonFinite


class Refused(LabError):
    """A command cannot be carried out; the sentence says why."""


class PreparationEnded(Exception):
    """A run was stopped while its data and model were being made."""


class RunControl:
    """One experiment at a time, and the state that the core is in. Every change of either is told in the outbox."""

    def __init__(self, inbox: Inbox, outbox: Witness, between_batches: Callable[[], None]) -> None:
        """`between_batches` is called in the middle of evaluations, to serve what may be served there."""
        self._inbox = inbox
        self._outbox = outbox
        self._between_batches = between_batches
        self._is_saved = False  # nothing was done to the run since it was saved in order to end
        self._begun = False  # this process has made a step of the run, and so holds its lock
        self._until: messages.RunUntil | None = None
        self._stepping = False  # the condition is that of `Step`, which may be asked for again meanwhile
        self._watch: FileWatch | None = None
        self._named: set[Path] = set()  # folders in which the person opened a configuration, in this session
        self.experiment: Experiment | None = None
        self.state: State = "loading"

    @property
    def opened(self) -> Experiment:
        """The run that is open. Refused where there is none."""
        if self.experiment is None:
            raise Refused("There is no run yet; start one or load one first.")
        return self.experiment

    def enter(self, state: State, reason: str = "") -> None:
        """Be in a state from now on, and tell of it."""
        self.state = state
        if self.experiment is None:
            self._outbox.send(messages.StateChanged(state, reason=reason))
        else:
            self._outbox.send(state_of(self.experiment, state, reason, self._begun))

    # Opening and closing

    def start(self, command: messages.Start) -> None:
        """Make a new run and train it, unless it is to be paused at its beginning."""
        self._refuse_if_busy()
        self._named.add(Path(command.config_folder).resolve())
        plan = plan_run(  # before the run that is open is let go
            command.config_text,
            name=command.name,
            config_folder=Path(command.config_folder),
            confounded=command.confounded,
        )
        self._open(lambda: Experiment.begin(plan, self._preparing), is_new=True)
        self._begun = True
        self.enter("paused" if command.paused else "running")

    def load(self, command: messages.Load) -> None:
        """Open a run as it was at a checkpoint."""
        self._refuse_if_busy()
        folder = self._find(command.run)
        self._open(lambda: Experiment.open(folder, command.at, on_progress=self._preparing))
        self.enter("finished" if self.opened.finished else "paused", self.opened.fallback)

    def fork(self, command: messages.Fork) -> None:
        """Make a new run that goes on from another's checkpoint, or from a moment of the one that is open."""
        folder = self._find(command.run)
        if self._is_moment(folder, command.at):
            self._fork_open_run(command)
            return
        self._refuse_if_busy()
        self._open(
            lambda: Experiment.fork(
                folder,
                command.at,
                command.changes,
                runs_folder=folder.parent,
                name=command.name,
                on_progress=self._preparing,
                confounded=command.confounded,
                from_weights=command.from_weights,
            )
        )
        self._begun = True
        self.enter("paused", self.opened.fallback)

    def _is_moment(self, folder: Path, at: str) -> bool:
        """Whether a run at some step is the one that is open, now or earlier."""
        experiment = self.experiment
        if experiment is None or folder.resolve() != experiment.folder.resolve():
            return False
        return at.isdecimal() and int(at) <= experiment.step

    def _fork_open_run(self, command: messages.Fork) -> None:
        """Save the run that is open and let its fork take its place. Where that cannot be, it stays as it is."""
        parent, reason = self.opened, ""
        try:
            at, why, bare = int(command.at), command.confounded, command.from_weights
            fork = parent.fork_at(at, command.changes, command.name, self._preparing, why, bare)
        except PreparationEnded as ended:
            raise Refused("The fork was cancelled.") from ended
        if self._begun:
            try:
                self._outbox.send(parent.save_checkpoint())
            except LabError:
                fork.close("stopped")
                raise
            reason = f"{parent.folder.name} is stopped and saved at step {parent.step:,}; this is its fork."
            parent.close("finished" if parent.finished else "stopped")
        self._take(fork)
        self._begun = True
        self.enter("paused", reason)

    def _find(self, run: str) -> Path:
        folder = Path(run)
        return folder if folder.is_absolute() else find_run(Path(OtherConfig().runs_folder), run)

    def _open(self, make: Callable[[], Experiment], is_new: bool = False) -> None:
        self.close()
        self.enter("preparing")
        self._take(make(), is_new)

    def _take(self, experiment: Experiment, is_new: bool = False) -> None:
        """Let a run be the one that is open."""
        self.experiment = experiment
        experiment.moments.keep_snapshots()
        folder = experiment.own.folder
        self._watch = FileWatch(experiment.own, is_new, is_named=folder is not None and folder.resolve() in self._named)
        self._write_log_in(experiment.folder)
        for note in (*experiment.notes, *self._watch.notes):
            self._outbox.send(messages.LogLine(note, "warning"))
        self._begun, self._until = False, None
        self._outbox.step = experiment.step
        self._outbox.send(experiment.hook_statistics())

    def _write_log_in(self, folder: Path) -> None:
        """From now on what is printed goes to the run's log; where that cannot be written, it stays where it went."""
        log = folder / "log.txt"
        try:
            self._outbox.write_log(log)
        except OSError as error:
            self._outbox.send(messages.LogLine(f"{log} cannot be written: {error.strerror}", "warning"))

    def close(self) -> None:
        """Let go of the run that is open; when it was training here, save it first. One that cannot be saved stays."""
        self.save()
        experiment, begun = self.experiment, self._begun
        self.experiment, self._begun, self._is_saved = None, False, False
        if experiment is not None and begun:
            experiment.close("finished" if experiment.finished else "stopped")

    def save(self) -> None:
        """Save the run that is training here, unless that is done: it has reached its end, or was just saved."""
        experiment = self.experiment
        if experiment is not None and self._begun and not experiment.finished and not self._is_saved:
            self._outbox.send(experiment.save_checkpoint())
            self._is_saved = True

    def _preparing(self, what: str, fraction: float | None) -> None:
        self._outbox.send(messages.Progress(what, fraction))
        self._inbox.receive()
        if self._inbox.is_ending or any(isinstance(command, messages.Stop) for command in self._inbox.waiting):
            self._inbox.waiting.clear()
            raise PreparationEnded

    def _refuse_if_busy(self) -> None:
        if self.experiment is not None and self._begun and self.state in ("running", "paused"):
            raise Refused(f"The run {self.experiment.folder.name} is open; stop it first.")

    # Training

    def train(self) -> None:
        """Make one step; what stops it pauses the run with a sentence, and nothing is lost."""
        try:
            self._use_edited_files(self.opened)
            self._advance(self.opened)
        except ConsentNeeded as needed:
            self.enter("paused", str(needed))
            self._outbox.send(consent_wanted("Resume", needed))
        except UserCodeError as stop:
            if stop.trace:
                self._outbox.send(messages.Failed(str(stop), stop.trace))
            self.enter("paused", str(stop))
        except NonFinite as stop:
            way_on = f"Fork an earlier step with a lower learning rate, or: {self.opened.gentler}"
            self.enter("paused", f"{str(stop)[:1].upper()}{str(stop)[1:]}. {way_on}")
        except LabError as stop:
            self.enter("paused", str(stop))
        except PreparationEnded:
            self.enter("paused", "The start was cancelled.")
        except Exception as error:
            tell_failure(error, self._outbox)
            self.enter("paused", f"The step failed: {error}")

    def _use_edited_files(self, experiment: Experiment) -> None:
        """Let the step begin with own files as the person has saved them."""
        while self._watch is not None and (file := self._watch.edited()) is not None:
            with self._outbox.watching(FileEdited(file.name, file.digest), self):
                self._outbox.send(experiment.use_file(file))
                self._outbox.send(experiment.hook_statistics())

    def _advance(self, experiment: Experiment) -> None:
        records = experiment.advance(on_batch=self._between_batches)
        for record in records:
            self._outbox.send(record)
        if experiment.finished:
            self._finish("finished")
        elif self._until is not None and is_met(self._until, experiment.step, records):
            self._until = None
            self.enter("paused", "" if self._stepping else "The condition is met.")

    def pause(self, _: messages.Pause) -> None:
        """Stop training after the present step."""
        if self.state != "running":
            raise Refused("No run is training, so there is nothing to pause.")
        self.enter("paused")

    def rewind(self, command: messages.Rewind) -> None:
        """Look at an earlier moment of the run, or at the present again; a run that trains is paused for that."""
        moments, reasons = self.opened.moments, []
        if command.step is None:
            moments.leave()
        else:
            step = moments.nearest(command.step) if command.nearest else command.step
            moments.look_at(step)
            if self.state == "running":
                reasons.append("Training is paused while you look back.")
            if step != command.step:
                reasons.append(f"Step {command.step:,} is not kept; this is step {step:,}, the nearest that is.")
        self.enter("paused" if self.state == "running" else self.state, " ".join(reasons))

    def list_moments(self, command: messages.ListMoments) -> None:
        """Tell which earlier moments of the run are kept, or which checkpoints another has."""
        if command.run:
            present, moments = None, moments_on_disk(self._find(command.run))
        else:
            present, moments = self.opened.step, self.opened.moments.reachable()
        self._outbox.send(messages.MomentList(command.request, present, tuple(moments.items())))

    def _refuse_if_looking_back(self) -> None:
        if (moment := self.opened.moments.record) is not None:
            raise Refused(
                f"You look at step {moment.step:,}, and what is done cannot change: go back to the present to change "
                "the run, or fork it here."
            )

    def _may_train(self) -> None:
        experiment = self.opened
        if self.state == "running":
            raise Refused("The run is training already; pause it first.")
        if experiment.finished:
            raise Refused(
                f"The run {experiment.folder.name} has made all of its {experiment.max_steps} steps; fork it with a "
                f"larger training.max_steps, or: {experiment.longer}"
            )
        experiment.moments.leave()

    def resume(self, _: messages.Resume) -> None:
        """Go on training."""
        self._may_train()
        self._begun = True
        self._until = None
        self.enter("running")

    def step(self, command: messages.Step) -> None:
        """Make so many steps."""
        if command.n < 1:
            raise Refused(f"A number of steps must be at least 1, not {command.n}.")
        if self.state == "running" and self._stepping and self._until is not None and self._until.step is not None:
            self._until = messages.RunUntil(step=self._until.step + command.n)  # asked again before the last one ended
        else:
            self.run_until(messages.RunUntil(step=self.opened.step + command.n))
            self._stepping = True

    def run_until(self, command: messages.RunUntil) -> None:
        """Train until a condition holds."""
        if command.step is None and not command.metric:
            raise Refused("Say a step or a metric to run until.")
        self._may_train()
        self._begun = True
        self._until, self._stepping = command, False
        self.enter("running")

    def stop(self, _: messages.Stop) -> None:
        """End the run and save it; its model stays."""
        experiment = self.opened
        if not self._begun:
            raise Refused(f"The run {experiment.folder.name} is not training, so there is nothing to stop.")
        experiment.moments.leave()
        self._outbox.send(experiment.save_checkpoint())
        self._finish("stopped")

    def _finish(self, status: Any) -> None:
        experiment = self.opened
        experiment.close(status)
        self._begun = False
        self._outbox.send(messages.Finished(experiment.folder.name, status, experiment.step))
        self.enter("finished")

    def set_value(self, command: messages.SetValue) -> None:
        """Change a value from the next step on."""
        self._refuse_if_looking_back()
        experiment = self.opened
        try:
            changed = experiment.set_value(command.key, command.value)
        except ConsentNeeded:
            raise
        except LabError as refusal:
            where = "" if command.key in str(refusal) else f"{command.key}: "
            raise Refused(f"{where}{refusal}") from refusal
        self._outbox.send(changed)
        self._outbox.send(experiment.hook_statistics())

    def save_checkpoint(self, _: messages.SaveCheckpoint) -> None:
        """Save the present state."""
        if not self._begun:
            raise Refused("The run is not training here, so there is nothing new to save.")
        self._outbox.send(self.opened.save_checkpoint())
