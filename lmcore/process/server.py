"""The core's process: it serves commands between steps, trains while it may, and tells what happens."""

import os
import queue
import threading
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import torch

from lmcore.config import OtherConfig, parse_config
from lmcore.experiments.consent import ConsentNeeded, agree
from lmcore.experiments.experiment import Experiment, Record
from lmcore.experiments.runs import find_run
from lmcore.hooks.catalogue import HookError
from lmcore.process import messages
from lmcore.process.answers import generation_of, inspection_of, state_of
from lmcore.process.child import redirect_output
from lmcore.process.connection import Queue
from lmcore.process.describing import description_of
from lmcore.process.messages import State
from lmcore.process.outbox import Outbox
from lmcore.process.own_files import FileWatch, consent_wanted
from lmcore.process.telling import is_met, tell
from lmcore.training.devices import available_devices
from lmcore.training.nonfinite import NonFinite


class Refused(ValueError):
    """A command cannot be carried out; the sentence says why."""


class PreparationEnded(Exception):
    """A run was stopped while its data and model were being made."""


class Server:
    """One experiment at a time, driven by commands."""

    def __init__(self, commands: Queue, outbox: Outbox) -> None:
        self._commands = commands
        self._outbox = outbox
        self._waiting: deque[messages.Command] = deque()  # received, not yet carried out
        self._cancelled: set[int] = set()  # generations
        self._experiment: Experiment | None = None
        self._state: State = "loading"
        self._begun = False  # this process has made a step of the run, and so holds its lock
        self._until: messages.RunUntil | None = None
        self._stepping = False  # the condition is that of `Step`, which may be asked for again meanwhile
        self._watch: FileWatch | None = None
        self._ending = threading.Event()
        self._carry_out: dict[type[messages.Command], Callable[[Any], None]] = {
            messages.Agree: self._agree,
            messages.Start: self._start,
            messages.Load: self._load,
            messages.Fork: self._fork,
            messages.Pause: self._pause,
            messages.Resume: self._resume,
            messages.Step: self._step,
            messages.RunUntil: self._run_until,
            messages.Stop: self._stop,
            messages.SetValue: self._set_value,
            messages.ToggleHook: self._toggle_hook,
            messages.Generate: self._generate,
            messages.Cancel: self._cancel,
            messages.Inspect: self._inspect,
            messages.DescribeHooks: self._describe_hooks,
            messages.SaveCheckpoint: self._save_checkpoint,
            messages.ShutDown: lambda _: self.end(),
        }

    def run(self) -> None:
        """Serve until the end: a ShutDown, a SIGTERM, or a parent that is gone. What can be saved is saved."""
        threading.Thread(target=self._watch_parent, name="parent-watch", daemon=True).start()
        self._outbox.send(messages.Ready(os.getpid(), torch.__version__, torch.get_num_threads(), available_devices()))
        self._enter("idle")
        try:
            while not self._ending.is_set():
                self._receive(wait=0.0 if self._state == "running" or self._waiting else 0.2)
                if self._waiting:
                    self._serve(self._waiting.popleft())
                elif self._state == "running":
                    self._train()
        finally:
            try:
                self._close()
            except ValueError as refusal:
                print(refusal, flush=True)

    def end(self) -> None:
        """End after the present step."""
        self._ending.set()

    def _watch_parent(self) -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            self._outbox.forsake()
            self.end()

    # Commands

    def _receive(self, wait: float = 0.0) -> None:
        """Move what has arrived from the queue into `_waiting`."""
        while True:
            try:
                command = self._commands.get(wait > 0, wait)
            except queue.Empty:
                return
            wait = 0.0
            if isinstance(command, messages.Cancel):
                self._cancelled.add(command.request)
            if isinstance(command, messages.ShutDown):
                self.end()
            self._waiting.append(command)

    def _serve(self, command: messages.Command) -> None:
        try:
            self._carry_out[type(command)](command)
        except ConsentNeeded as needed:
            if self._state == "preparing":
                self._enter("idle")
            self._outbox.send(consent_wanted(type(command).__name__, needed, getattr(command, "request", None)))
        except ValueError as refusal:
            self._reject(command, str(refusal))
        except PreparationEnded:
            self._enter("idle", "The start was cancelled.")
        except Exception as error:
            self._fail(error)
            if self._state == "preparing":
                self._enter("idle")

    def _reject(self, command: messages.Command, reason: str) -> None:
        if self._state == "preparing":
            self._enter("idle")
        self._outbox.send(messages.Rejected(type(command).__name__, reason, getattr(command, "request", None)))

    def _fail(self, error: BaseException) -> None:
        trace = "".join(traceback.format_exception(error))
        print(trace, flush=True)
        self._outbox.send(messages.Failed(f"{type(error).__name__}: {error}", trace))

    # Opening and closing runs

    def _start(self, command: messages.Start) -> None:
        self._refuse_if_busy()
        runs_folder = Path(parse_config(command.config_text).other.runs_folder)
        self._open(
            lambda: Experiment.create(
                command.config_text,
                runs_folder=runs_folder,
                name=command.name,
                on_progress=self._preparing,
                config_folder=Path(command.config_folder),
            ),
            is_new=True,
        )
        self._begun = True
        self._enter("paused" if command.paused else "running")

    def _load(self, command: messages.Load) -> None:
        self._refuse_if_busy()
        folder = self._find(command.run)
        self._open(lambda: Experiment.open(folder, command.at, on_progress=self._preparing))
        self._enter("finished" if self._opened.finished else "paused")

    def _fork(self, command: messages.Fork) -> None:
        self._refuse_if_busy()
        folder = self._find(command.run)
        self._open(
            lambda: Experiment.fork(
                folder,
                command.at,
                command.changes,
                runs_folder=folder.parent,
                name=command.name,
                on_progress=self._preparing,
            )
        )
        self._begun = True
        self._enter("paused")

    def _find(self, run: str) -> Path:
        folder = Path(run)
        return folder if folder.is_absolute() else find_run(Path(OtherConfig().runs_folder), run)

    def _open(self, make: Callable[[], Experiment], is_new: bool = False) -> None:
        self._close()
        self._enter("preparing")
        experiment = self._experiment = make()
        self._watch = FileWatch(experiment.own, just_read=is_new)
        self._write_log_in(experiment.folder)
        for note in (*experiment.notes, *self._watch.notes):
            self._outbox.send(messages.LogLine(note, "warning"))
        self._begun, self._until = False, None
        self._outbox.step = experiment.step
        self._record(experiment.hook_record())

    def _agree(self, command: messages.Agree) -> None:
        agree(command.digests)
        listed = ", ".join(digest[:12] for digest in command.digests)
        self._outbox.send(messages.LogLine(f"Code of your own may run now, and from now on: {listed}"))

    def _write_log_in(self, folder: Path) -> None:
        """From now on what is printed goes to the run's log; where that cannot be written, it stays where it went."""
        log = folder / "log.txt"
        try:
            redirect_output(str(log))
        except OSError as error:
            self._outbox.send(messages.LogLine(f"{log} cannot be written: {error.strerror}", "warning"))
        else:
            self._outbox.follow_log(log)

    def _close(self) -> None:
        """Let go of the run that is open; when it was training here, save it first."""
        experiment, self._experiment = self._experiment, None
        if experiment is None or not self._begun:
            return
        self._begun = False
        if not experiment.finished:
            self._record(experiment.save_checkpoint())
        experiment.close("finished" if experiment.finished else "stopped")

    def _preparing(self, what: str, fraction: float | None) -> None:
        self._outbox.send(messages.Progress(what, fraction))
        self._receive()
        if self._ending.is_set() or any(isinstance(command, messages.Stop) for command in self._waiting):
            self._waiting.clear()
            raise PreparationEnded

    def _refuse_if_busy(self) -> None:
        if self._experiment is not None and self._begun and self._state in ("running", "paused"):
            raise Refused(f"The run {self._experiment.folder.name} is open; stop it first.")

    @property
    def _opened(self) -> Experiment:
        if self._experiment is None:
            raise Refused("There is no run yet; start one or load one first.")
        return self._experiment

    # Training

    def _train(self) -> None:
        """Make one step; what stops it pauses the run with a sentence, and nothing is lost."""
        try:
            self._use_edited_files(self._opened)
            self._advance(self._opened)
        except ConsentNeeded as needed:
            self._enter("paused", str(needed))
            self._outbox.send(consent_wanted("Resume", needed))
        except HookError as stop:
            if stop.trace:
                self._outbox.send(messages.Failed(str(stop), stop.trace))
            self._enter("paused", str(stop))
        except (NonFinite, ValueError) as stop:
            self._enter("paused", str(stop))
        except PreparationEnded:
            self._enter("paused", "The start was cancelled.")
        except Exception as error:
            self._fail(error)
            self._enter("paused", f"The step failed: {error}")

    def _use_edited_files(self, experiment: Experiment) -> None:
        """Let the step begin with own files as the person has saved them."""
        while self._watch is not None and (file := self._watch.edited()) is not None:
            self._record(experiment.use_file(file))
            self._record(experiment.hook_record())

    def _advance(self, experiment: Experiment) -> None:
        records = experiment.advance(on_batch=self._between_batches)
        for record in records:
            self._record(record)
        if experiment.finished:
            self._finish("finished")
        elif self._until is not None and is_met(self._until, experiment.step, records):
            self._until = None
            self._enter("paused", "" if self._stepping else "The condition is met.")

    def _record(self, record: Record) -> None:
        tell(record, self._outbox)

    def _between_batches(self) -> None:
        """Serve what may be served in the middle of an evaluation; the rest waits for the end of the step."""
        self._receive()
        for command in [c for c in self._waiting if isinstance(c, messages.Generate | messages.Cancel)]:
            self._waiting.remove(command)
            self._serve(command)

    def _pause(self, _: messages.Pause) -> None:
        if self._state != "running":
            raise Refused("No run is training, so there is nothing to pause.")
        self._enter("paused")

    def _may_train(self) -> None:
        experiment = self._opened
        if self._state == "running":
            raise Refused("The run is training already; pause it first.")
        if experiment.finished:
            raise Refused(
                f"The run {experiment.folder.name} has made all of its {experiment.max_steps} steps; start a new "
                "one, or fork it with a larger training.max_steps."
            )

    def _resume(self, _: messages.Resume) -> None:
        self._may_train()
        self._begun = True
        self._until = None
        self._enter("running")

    def _step(self, command: messages.Step) -> None:
        if command.n < 1:
            raise Refused(f"A number of steps must be at least 1, not {command.n}.")
        if self._state == "running" and self._stepping and self._until is not None and self._until.step is not None:
            self._until = messages.RunUntil(step=self._until.step + command.n)  # asked again before the last one ended
        else:
            self._run_until(messages.RunUntil(step=self._opened.step + command.n))
            self._stepping = True

    def _run_until(self, command: messages.RunUntil) -> None:
        if command.step is None and not command.metric:
            raise Refused("Say a step or a metric to run until.")
        self._may_train()
        self._begun = True
        self._until, self._stepping = command, False
        self._enter("running")

    def _stop(self, _: messages.Stop) -> None:
        experiment = self._opened
        if not self._begun:
            raise Refused(f"The run {experiment.folder.name} is not training, so there is nothing to stop.")
        self._record(experiment.save_checkpoint())
        self._finish("stopped")

    def _finish(self, status: Any) -> None:
        experiment = self._opened
        experiment.close(status)
        self._begun = False
        self._outbox.send(messages.Finished(experiment.folder.name, status, experiment.step))
        self._enter("finished")

    def _set_value(self, command: messages.SetValue) -> None:
        experiment = self._opened
        try:
            old, new = experiment.set_value(command.key, command.value)
        except ConsentNeeded:
            raise
        except ValueError as refusal:
            where = "" if command.key in str(refusal) else f"{command.key}: "
            raise Refused(f"{where}{refusal}") from refusal
        self._outbox.send(messages.ValueChanged(experiment.step, command.key, old, new))
        self._record(experiment.hook_record())

    def _toggle_hook(self, command: messages.ToggleHook) -> None:
        experiment = self._opened
        experiment.toggle_hook(command.name, command.enabled)
        old, new = ("off", "on") if command.enabled else ("on", "off")
        self._outbox.send(messages.ValueChanged(experiment.step, f"hooks.{command.name}", old, new))
        self._record(experiment.hook_record())

    def _save_checkpoint(self, _: messages.SaveCheckpoint) -> None:
        if not self._begun:
            raise Refused("The run is not training here, so there is nothing new to save.")
        self._record(self._opened.save_checkpoint())

    # Questions

    def _generate(self, command: messages.Generate) -> None:
        def is_cancelled() -> bool:
            self._receive()
            return command.request in self._cancelled or self._ending.is_set()

        for event in generation_of(self._opened, command, is_cancelled):
            self._outbox.send(event)
        self._cancelled.discard(command.request)

    def _cancel(self, command: messages.Cancel) -> None:
        self._cancelled.discard(command.request)

    def _inspect(self, command: messages.Inspect) -> None:
        self._outbox.send(inspection_of(self._opened, command))

    def _describe_hooks(self, command: messages.DescribeHooks) -> None:
        self._outbox.send(description_of(command, None if command.config_text else self._opened))

    # Telling

    def _enter(self, state: State, reason: str = "") -> None:
        self._state = state
        if self._experiment is None:
            self._outbox.send(messages.StateChanged(state, reason=reason))
        else:
            self._outbox.send(state_of(self._experiment, state, reason))
