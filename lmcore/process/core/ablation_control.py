"""An ablation carried out beside the core's serving: on a thread of its own, told in events. Its runs are processes."""

import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from threading import Event, Thread

from lmcore.errors import LabError
from lmcore.experiments.ablation.plan import Ablation, plan_ablation
from lmcore.experiments.identity.consent import ConsentNeeded
from lmcore.process.ablation.cells import lay_ground
from lmcore.process.ablation.conductor import conduct, default_jobs
from lmcore.process.core.lanes import tell_failure
from lmcore.process.core.outbox import Telling
from lmcore.process.core.own_files import consent_wanted
from lmcore.process.core.run_control import Refused
from lmcore.protocol import messages


class _Stopped(Exception):
    """It was stopped while its data were being prepared."""


class Ablating:
    """At most one ablation at a time. Commands come on the server's thread; events leave on the ablation's own."""

    def __init__(self, outbox: Telling) -> None:
        self._outbox = outbox
        self._stop = Event()
        self._thread: Thread | None = None
        self.going = ""  # the name of the ablation that goes on

    def refuse_training(self) -> None:
        """Refused while an ablation goes on: a run beside it would change how long its runs take."""
        if self.going:
            raise Refused(
                f"The ablation {self.going} is going and has the processor's cores; stop it first, or wait for its end."
            )

    def start(self, command: messages.Ablate) -> None:
        """Plan the ablation and begin to carry it out. Refused, AblationError, TooFewSeeds, ConfigError."""
        if self.going:
            raise Refused(f"The ablation {self.going} is going; stop it first, or wait for its end.")
        plan = plan_ablation(
            command.config_text,
            command.base,
            command.changes,
            seeds=command.seeds,
            overrides=command.overrides,
            name=command.name,
            code_folder=Path(command.config_folder),
        )
        self._stop.clear()
        self.going = plan.name
        self._thread = Thread(target=self._work, args=(plan, command.jobs), name="ablation")
        self._thread.start()

    def stop(self, _: messages.StopAblation) -> None:
        """Let the runs that train save and end, and begin no more; `AblationEnded` follows when they have."""
        if not self.going:
            raise Refused("No ablation is going, so there is nothing to stop.")
        self._stop.set()

    def end(self) -> None:
        """Stop what goes on, and wait until it is saved."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self, plan: Ablation, jobs: int | None) -> None:
        try:
            last = self._carry_out(plan, jobs)
        except _Stopped:
            last = messages.AblationEnded(plan.name, "stopped")
        except ConsentNeeded as needed:
            last = consent_wanted("Ablate", needed)
        except LabError as refusal:
            last = messages.Rejected("Ablate", str(refusal))
        except Exception as error:
            tell_failure(error, self._outbox)
            last = messages.AblationEnded(plan.name, "failed", f"It broke: {error}")
        self.going = ""  # before the last word: who hears it may begin another
        self._outbox.send(last)

    def _carry_out(self, plan: Ablation, jobs: int | None) -> messages.Event:
        ground = lay_ground(plan, on_progress=self._preparing)
        at_once = jobs or default_jobs(ground)
        events = conduct(plan, ground, at_once, self._stop)
        first = next(events)  # before it: what refuses the ablation as a whole
        self._outbox.send(
            messages.AblationBegan(
                plan.name,
                plan.base,
                str(plan.folder),
                tuple(arm.name for arm in plan.arms),
                plan.seeds,
                plan.baseline.config.training.max_steps,
                at_once,
                time.monotonic(),
            )
        )
        try:
            status = self._tell_all(chain([first], events))
        except LabError as error:
            return messages.AblationEnded(plan.name, "failed", str(error))
        return messages.AblationEnded(plan.name, "finished" if status == "finished" else "stopped")

    def _tell_all(self, events: Iterable[messages.AblationCell | messages.AblationStands]) -> str:
        """Tell what happens until the end; how the result stands then."""
        status = ""
        for event in events:
            self._outbox.send(event)
            if isinstance(event, messages.AblationStands):
                status = event.result.status
        return status

    def _preparing(self, what: str, fraction: float | None) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._outbox.send(messages.Progress(what, fraction))
