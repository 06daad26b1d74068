"""The core's process: it serves commands between steps, trains while it may, and tells what happens."""

import os
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from typing import Any

import torch

from lmcore.errors import LabError
from lmcore.experiments.identity.consent import ConsentNeeded, agree
from lmcore.experiments.identity.one_change import TooManyChanges
from lmcore.memory import LESS, is_memory_full, memory_sentence
from lmcore.process.core.ablation_control import Ablating
from lmcore.process.core.answers import generation_of, inspection_of
from lmcore.process.core.hook_description import description_of
from lmcore.process.core.inbox import Inbox
from lmcore.process.core.lanes import tell_failure
from lmcore.process.core.outbox import Telling
from lmcore.process.core.own_files import consent_wanted
from lmcore.process.core.run_control import PreparationEnded, Refused, RunControl
from lmcore.process.core.sessions import SessionRecorder
from lmcore.process.core.witness import Witness
from lmcore.protocol import messages
from lmcore.protocol.queues import Queue
from lmcore.training.devices import available_devices

TRAINING = (messages.Start, messages.Resume, messages.Step, messages.RunUntil)
"""The commands that let a run train."""


def recorded_server(commands: Queue, outbox: Telling) -> "Server":
    """A server that records everything that is done as a session of the lab."""
    return Server(commands, Witness(outbox, SessionRecorder()))


class Server:
    """Takes commands from the inbox and has them carried out, one after the other."""

    def __init__(self, commands: Queue, outbox: Witness) -> None:
        self._inbox = Inbox(commands)
        self._outbox = outbox
        self._run = RunControl(self._inbox, outbox, self._between_batches)
        self._ablating = Ablating(outbox)
        self._carry_out: dict[type[messages.Command], Callable[[Any], None]] = {
            messages.Agree: self._agree,
            messages.Start: self._run.start,
            messages.Load: self._run.load,
            messages.Fork: self._run.fork,
            messages.Pause: self._run.pause,
            messages.Rewind: self._run.rewind,
            messages.ListMoments: self._run.list_moments,
            messages.Resume: self._run.resume,
            messages.Step: self._run.step,
            messages.RunUntil: self._run.run_until,
            messages.Stop: self._run.stop,
            messages.SetValue: self._run.set_value,
            messages.SaveCheckpoint: self._run.save_checkpoint,
            messages.Ablate: self._ablate,
            messages.StopAblation: self._ablating.stop,
            messages.Generate: self._generate,
            messages.Cancel: self._cancel,
            messages.Inspect: self._inspect,
            messages.DescribeHooks: self._describe_hooks,
        }

    @property
    def control(self) -> RunControl:
        """The run that is open, and the state that the core is in."""
        return self._run

    def run(self) -> None:
        """Serve until the end: a ShutDown, a SIGTERM, or a parent that is gone. What can be saved is saved."""
        threading.Thread(target=self._watch_parent, name="parent-watch", daemon=True).start()
        self._outbox.send(messages.Ready(os.getpid(), torch.__version__, torch.get_num_threads(), available_devices()))
        self._run.enter("idle")
        try:
            while not self._may_end():
                self._inbox.receive(wait=0.0 if self._run.state == "running" or self._inbox.waiting else 0.2)
                if self._inbox.waiting:
                    self._serve(self._inbox.waiting.popleft())
                elif self._run.state == "running":
                    self._run.train()
        finally:
            self._outbox.ended(self._run)
            try:
                self._run.close()
            except LabError as refusal:
                print(refusal, flush=True)
            self._ablating.end()

    def _may_end(self) -> bool:
        """Whether to end now. Where a person asked for it, not before the run that is open is saved."""
        if self._inbox.must_end or not self._inbox.is_ending:
            return self._inbox.must_end
        try:
            self._run.save()
        except LabError as refusal:
            self._inbox.stay()
            self._run.enter("paused", str(refusal))
            self._outbox.send(messages.Rejected(messages.ShutDown.__name__, str(refusal)))
            return False
        return True

    def end(self) -> None:
        """End after the present step."""
        self._inbox.end()

    def _watch_parent(self) -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            self._outbox.forsake()
            self.end()

    # Serving

    def _serve(self, command: messages.Command) -> None:
        with self._outbox.watching(command, self._run):
            self._answer(command)

    def _answer(self, command: messages.Command) -> None:
        name, request = type(command).__name__, getattr(command, "request", None)
        try:
            if isinstance(command, TRAINING):
                self._ablating.refuse_training()
            self._carry_out[type(command)](command)
        except ConsentNeeded as needed:
            self._leave_preparation()
            self._outbox.send(consent_wanted(name, needed, request))
        except TooManyChanges as refusal:
            self._leave_preparation()
            self._outbox.send(messages.ReasonWanted(name, refusal.against, refusal.differences))
        except LabError as refusal:
            self._leave_preparation()
            self._outbox.send(messages.Rejected(name, str(refusal), request))
        except PreparationEnded:
            self._run.enter("idle", "The start was cancelled.")
        except Exception as error:
            if is_memory_full(error):
                self._outbox.send(messages.Rejected(name, memory_sentence(error, LESS), request))
            else:
                tell_failure(error, self._outbox)
            self._leave_preparation()

    def _leave_preparation(self) -> None:
        if self._run.state == "preparing":
            self._run.enter("idle")

    def _between_batches(self) -> None:
        """Serve what may be served in the middle of an evaluation; the rest waits for the end of the step."""
        self._inbox.receive()
        for command in [c for c in self._inbox.waiting if isinstance(c, messages.Generate | messages.Cancel)]:
            self._inbox.waiting.remove(command)
            self._serve(command)

    def _agree(self, command: messages.Agree) -> None:
        agree(command.digests)
        listed = ", ".join(digest[:12] for digest in command.digests)
        self._outbox.send(messages.LogLine(f"Code of your own may run now, and from now on: {listed}"))

    def _ablate(self, command: messages.Ablate) -> None:
        if self._run.state == "running":
            raise Refused(
                f"The run {self._run.opened.folder.name} is training and would share the processor's cores with the "
                "ablation; pause or stop it first."
            )
        self._ablating.start(command)

    # Questions

    def _generate(self, command: messages.Generate) -> None:
        wanted = command.request
        for event in generation_of(self._run.opened, command, lambda: self._inbox.is_cancelled(wanted)):
            self._outbox.send(event)
        self._inbox.forget_cancellation(wanted)

    def _cancel(self, command: messages.Cancel) -> None:
        self._inbox.forget_cancellation(command.request)

    def _inspect(self, command: messages.Inspect) -> None:
        self._outbox.send(inspection_of(self._run.opened, command))

    def _describe_hooks(self, command: messages.DescribeHooks) -> None:
        self._outbox.send(description_of(command, None if command.config_text else self._run.opened))
