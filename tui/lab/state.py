"""What the screens know about the core: one frozen state, advanced by a pure function of the events that arrive."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from lmcore.protocol.messages import (
    AblationBegan,
    AblationCell,
    AblationEnded,
    AblationStands,
    CheckpointSaved,
    CoreDied,
    Evaluation,
    Event,
    Failed,
    Finished,
    Heartbeat,
    HookRow,
    HookStatistics,
    LayerRow,
    LayerStatistics,
    LogLine,
    Metrics,
    MomentRecord,
    Progress,
    Ready,
    Rejected,
    RunInfo,
    State,
    StateChanged,
    ValueChanged,
)
from tui.lab.ablation import AblationState, advance_ablation

if TYPE_CHECKING:  # it brings the schema along, which the first frame need not wait for
    from lmcore.config import TrainingConfig

LOG_LINES = 2000
"""How many of the last log lines are kept for the log screen; all of them are in the run's log file."""

LOOKING_BACK = "What is done cannot change: go back to the present (n) to change the run, or fork it here (m, then f)."
"""What is said where somebody would change a moment that is past."""

Severity = Literal["information", "warning", "error"]
"""How a notice is shown."""

_SECONDS_MEMORY = 0.8
"""Weight of the past in the measured seconds of a step."""


@dataclass(frozen=True)
class LabState:
    """Everything that the screens show about the core and its run."""

    core: Literal["starting", "ready", "dead"] = "starting"
    ready: Ready | None = None
    is_silent: bool = False  # it is there, and says nothing any more
    state: State = "loading"
    reason: str = ""  # why the core is in this state, where there is something to explain
    run: RunInfo | None = None  # with the configuration as it is now
    config: "TrainingConfig | None" = None  # what the run trains with now
    has_begun: bool = (
        False  # the run has trained, or was made, in this core: it must be stopped before another is opened
    )
    is_stepping: bool = False  # the run goes on only until the steps of F6 are made
    step: int = 0
    max_steps: int = 0
    moment: MomentRecord | None = None  # the earlier moment that one looks at; None: the present
    moment_config: "TrainingConfig | None" = None  # what the run trained with then
    tokens: int = 0
    seconds: float = 0.0  # of training, as the run counts them
    metrics: dict[str, float] = field(default_factory=dict)  # the latest value of each
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    seconds_per_step: float | None = None  # measured over the latest steps
    memory_bytes: int | None = None
    layers: tuple[LayerRow, ...] = ()
    layers_step: int = 0
    hooks: tuple[HookRow, ...] = ()
    hooks_step: int = 0
    changes: tuple[ValueChanged, ...] = ()
    samples: tuple[Evaluation, ...] = ()
    checkpoint_step: int | None = None
    progress: Progress | None = None  # a slow preparation that is going on
    last_rejected: Rejected | None = None
    last_failed: Failed | None = None
    last_finished: Finished | None = None
    died: CoreDied | None = None
    ablation: AblationState | None = None  # the one that goes on, or the last of this session
    log: tuple[LogLine, ...] = ()

    @property
    def seen_step(self) -> int:
        """The step whose model is asked and looked into: of an earlier moment, or the present."""
        return self.step if self.moment is None else self.moment.step

    @property
    def seen_config(self) -> "TrainingConfig | None":
        """What the run trains with; of an earlier moment that one looks at, what it trained with then."""
        return self.config if self.moment is None else self.moment_config

    @property
    def is_training(self) -> bool:
        """Whether a run goes on, or is being prepared, right now."""
        return self.core == "ready" and self.state in ("running", "preparing")

    @property
    def has_open_run(self) -> bool:
        """Whether a run is there that has not reached its end."""
        return self.core == "ready" and self.state in ("running", "preparing", "paused")

    @property
    def shows_run(self) -> bool:
        """Whether panes show what the run does, rather than what the configuration says of the next one."""
        return self.has_open_run or (self.core == "ready" and self.moment is not None)

    @property
    def seen_hooks(self) -> tuple[HookRow, ...]:
        """How each hook does, or did at the moment that one looks at."""
        return self.hooks if self.moment is None else self.moment.hooks

    @property
    def has_model(self) -> bool:
        """Whether there is a model that can be asked and inspected."""
        return self.core == "ready" and self.run is not None and self.state in ("running", "paused", "finished", "idle")

    @property
    def seconds_left(self) -> float | None:
        """Expected seconds of training until max_steps, from measured steps; None while unknown."""
        if self.seconds_per_step is None or self.max_steps <= 0:
            return None
        return max(0, self.max_steps - self.step) * self.seconds_per_step


def advance_state(state: LabState, events: Iterable[Event]) -> LabState:
    """The state after `events`. Pure: the same state and events give the same result. Unknown events change nothing."""
    log: list[LogLine] = []
    if state.is_silent:
        state = replace(state, is_silent=False)
    for event in events:
        match event:
            case Metrics():
                state = _after_metrics(state, event)
            case LayerStatistics():
                state = replace(state, layers=event.rows, layers_step=event.step)
            case HookStatistics():
                state = replace(state, hooks=event.rows, hooks_step=event.step)
            case Evaluation():
                state = replace(state, metrics={**state.metrics, **event.metrics}, samples=(*state.samples, event))
            case Heartbeat():
                state = replace(state, step=max(state.step, event.step), memory_bytes=event.memory_bytes)
            case StateChanged():
                state = _after_state_changed(state, event)
                if event.reason:
                    log.append(LogLine(event.reason, "warning"))
            case Progress():
                state = replace(state, progress=event)
            case ValueChanged():
                state = _after_change(state, event)
            case CheckpointSaved():
                state = replace(state, checkpoint_step=event.step)
            case LogLine():
                log.append(event)
            case Rejected():
                state = replace(state, last_rejected=event)
            case Failed():
                state = replace(state, last_failed=event)
            case Finished():
                state = replace(state, last_finished=event, metrics={**state.metrics, **event.metrics})
            case Ready():
                state = replace(state, core="ready", ready=event, state="idle", reason="", died=None, progress=None)
            case CoreDied():
                ablation = advance_ablation(state.ablation, event)
                state = replace(state, core="dead", ready=None, died=event, progress=None, ablation=ablation)
            case AblationBegan() | AblationCell() | AblationStands() | AblationEnded():
                state = replace(state, ablation=advance_ablation(state.ablation, event))
            case _:
                pass
    if log:
        state = replace(state, log=(*state.log, *log)[-LOG_LINES:])
    return state


def restarting(state: LabState) -> LabState:
    """The state while a new core is started after the old one died: the log and the run's curves stay."""
    return replace(state, core="starting", state="loading", reason="", died=None, ready=None, progress=None)


def _after_metrics(state: LabState, event: Metrics) -> LabState:
    if not event.rows:
        return state
    latest: dict[str, float] = dict(state.metrics)
    for _, _, _, metrics in event.rows:
        latest.update(metrics)
    step, tokens, seconds, _ = event.rows[-1]
    per_step = state.seconds_per_step
    if step > state.step and seconds > state.seconds and state.tokens:
        measured = (seconds - state.seconds) / (step - state.step)
        per_step = measured if per_step is None else _SECONDS_MEMORY * per_step + (1 - _SECONDS_MEMORY) * measured
    elif len(event.rows) > 1 and event.rows[-1][0] > event.rows[0][0]:
        per_step = (seconds - event.rows[0][2]) / (step - event.rows[0][0])
    return replace(
        state,
        metrics=latest,
        step=step,
        tokens=tokens,
        seconds=seconds,
        seconds_per_step=per_step,
        learning_rate=latest.get("learning_rate", state.learning_rate),
        tokens_per_second=latest.get("throughput/tokens_per_second", state.tokens_per_second),
    )


def _after_change(state: LabState, event: ValueChanged) -> LabState:
    state = replace(state, changes=(*state.changes, event))
    if state.run is None or event.values is None:
        return state
    from lmcore.config import TrainingConfig

    run = replace(state.run, config_text=event.config_text)
    return replace(state, run=run, config=TrainingConfig.model_validate(event.values))


def _parsed(text: str) -> "TrainingConfig | None":
    """A configuration; None for one that this version cannot read."""
    from lmcore.config import ConfigError, parse_config

    try:
        return parse_config(text)
    except ConfigError:
        return None


def _after_state_changed(state: LabState, event: StateChanged) -> LabState:
    if event.state == "preparing" or (event.run and (state.run is None or event.run.folder != state.run.folder)):
        state = LabState(
            core=state.core,
            ready=state.ready,
            memory_bytes=state.memory_bytes,
            log=state.log,
            ablation=state.ablation,
            state=state.state,
            is_stepping=state.is_stepping,
            last_rejected=state.last_rejected,
            last_failed=state.last_failed,
        )
    run, moment = event.run, event.moment
    now = state.config if run == state.run else _parsed(run.config_text) if run else None
    then = state.moment_config if moment == state.moment else _parsed(moment.config_text) if moment else None
    goes_on = event.state in ("running", "preparing") or (event.state == "paused" and state.state == "preparing")
    return replace(
        state,
        core="starting" if event.state == "loading" else "ready",
        state=event.state,
        reason=event.reason,
        run=run,
        config=now,
        has_begun=event.begun
        or event.state == "running"
        or (event.state == "paused" and (state.has_begun or (state.state == "preparing" and event.step == 0))),
        is_stepping=state.is_stepping and goes_on,
        step=event.step,
        moment=moment,
        moment_config=then,
        max_steps=event.max_steps or (run.max_steps if run else 0),
        progress=state.progress if event.state == "preparing" else None,
    )
