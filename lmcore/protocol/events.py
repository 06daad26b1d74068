"""What the core tells: one frozen dataclass of plain data for each event.

What an experiment tells after a step is among them (`Record`), so that nothing is said in two forms.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from lmcore.protocol.results import AblationResult
from lmcore.protocol.rows import HookEntry, HookRow, LayerRow, MetricRow, MomentSource, OwnFile, RunInfo

State = Literal["loading", "idle", "preparing", "running", "paused", "finished"]
"""loading: the core imports its libraries; idle: no run; preparing: data and model are being made; running: training;
paused: a run (or a loaded checkpoint) that can go on; finished: a run at its last step."""


CellState = Literal["running", "finished", "reused", "failed", "stopped"]
"""How one run of an ablation stands; reused: an earlier run took its place."""


@dataclass(frozen=True)
class Event:
    """Something that the core tells."""


@dataclass(frozen=True)
class Ready(Event):
    """The core has loaded its libraries and takes commands."""

    pid: int
    torch_version: str
    threads: int
    devices: tuple[str, ...]  # what `auto` may choose from, best first


@dataclass(frozen=True)
class LayerStatistics(Event):
    """The norms of every component in one step, in the model's order."""

    step: int
    rows: tuple[LayerRow, ...]


@dataclass(frozen=True)
class HookStatistics(Event):
    """One row for each declared hook, in their listed order; with layer statistics, and after each change."""

    step: int
    rows: tuple[HookRow, ...]


@dataclass(frozen=True)
class MomentRecord:
    """A moment of a run that one looks at."""

    step: int
    source: MomentSource
    config_text: str  # the values that acted from there on
    layers: LayerStatistics | None  # the newest norms that were measured up to there
    hooks: tuple[HookRow, ...]  # how each declared hook did


@dataclass(frozen=True)
class StateChanged(Event):
    """The core entered a state. `reason` is a sentence where there is something to explain (a non-finite loss, say)."""

    state: State
    step: int = 0
    max_steps: int = 0
    run: RunInfo | None = None
    reason: str = ""
    begun: bool = False  # the run was made here or has trained here: it must be stopped before another is opened
    moment: MomentRecord | None = None  # the earlier moment that one looks at; None: the present


@dataclass(frozen=True)
class MomentList(Event):
    """The answer to `ListMoments`: the steps that one can go to, in their order, and from where."""

    request: int
    present: int | None  # the step of the run that is open, which is later than all; None: another run
    moments: tuple[tuple[int, MomentSource], ...]


@dataclass(frozen=True)
class Progress(Event):
    """A slow preparation goes on: what, and how far (0 to 1, or None where it cannot be known)."""

    what: str
    fraction: float | None = None


@dataclass(frozen=True)
class Metrics(Event):
    """Logged metrics, of several steps at once where they come quickly."""

    rows: tuple[MetricRow, ...]


@dataclass(frozen=True)
class Evaluation(Event):
    """A finished evaluation; its numbers are also in `metrics` by their names."""

    step: int
    metrics: dict[str, float]
    sample: str = ""  # the fixed prompt's continuation, without the prompt
    prompt: str = ""
    tokens: int = 0  # learned from up to then
    seconds: float = 0.0  # of training up to then


@dataclass(frozen=True)
class ValueChanged(Event):
    """One value changed after `step` steps were done, live or repeated from the journal: it acts from the next step on.

    Values stand as YAML text. Keys are those of the configuration; `hooks` (the whole list) and `hooks.NAME.enabled`
    (`at`, `with`, …); and `code.FILE`, whose values are digests. A run tells also what the change leads to: the whole
    configuration, as text and as plain values, and of a list of hooks the difference in words. A journal has the change
    alone.
    """

    step: int
    key: str
    old: str
    new: str
    time: str = field(default="", compare=False)  # ISO 8601, when a person did it
    config_text: str = field(default="", compare=False)
    values: dict[str, Any] | None = field(default=None, compare=False)
    words: str = field(default="", compare=False)


@dataclass(frozen=True)
class Token(Event):
    """The next piece of an answer. `text` may hold several characters, or none while a character is incomplete."""

    request: int
    text: str


@dataclass(frozen=True)
class GenerationDone(Event):
    """An answer is complete. `reason`: "length", "stop", "cancelled" or "failed" (then `note` says why)."""

    request: int
    reason: str
    tokens: int
    seconds: float
    note: str = ""  # e.g. characters of the prompt that the tokenizer replaced


@dataclass(frozen=True)
class Inspection(Event):
    """The answer to `Inspect`: a table with headings and rows of plain values."""

    request: int
    headings: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True)
class HookDescription(Event):
    """The answer to `DescribeHooks`: the catalogue, and the model's points and parameters as (name, shape in words)."""

    request: int
    entries: tuple[HookEntry, ...]
    points: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class AblationBegan(Event):
    """An ablation is carried out from now on; the first arm is the baseline, and every arm has every seed."""

    name: str
    base: str
    folder: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    max_steps: int
    jobs: int  # runs side by side
    at: float  # when it began, by the machine's monotonic clock


@dataclass(frozen=True)
class AblationCell(Event):
    """How the run of one arm and seed stands; of one that trains only the newest is sent, at most 20 times a second.

    `loss` is that of its last step on the whole validation split; `run` is its directory's name, `said` why it failed.
    """

    arm: str
    seed: int
    state: CellState
    step: int
    max_steps: int
    loss: float | None = None
    run: str = ""
    said: str = ""


@dataclass(frozen=True)
class AblationStands(Event):
    """An ablation's result as it stands: after each run that finished, and, with its verdicts, at the end."""

    result: AblationResult


@dataclass(frozen=True)
class AblationEnded(Event):
    """An ablation goes on no more: all is done, it was stopped and saved, or it broke, and `reason` says why."""

    name: str
    status: Literal["finished", "stopped", "failed"]
    reason: str = ""


@dataclass(frozen=True)
class CheckpointSaved(Event):
    """A checkpoint is on disk."""

    step: int
    folder: str
    seconds: float


@dataclass(frozen=True)
class LogLine(Event):
    """One line for the log pane; also in the run's log file."""

    text: str
    level: Literal["info", "warning", "error"] = "info"
    step: int | None = None  # of the run that it is about, where it is about one


@dataclass(frozen=True)
class Rejected(Event):
    """A command that could not be carried out, and why; nothing has changed."""

    command: str  # the command's class name
    reason: str
    request: int | None = None


@dataclass(frozen=True)
class ConsentWanted(Event):
    """A command would run files that the person has not agreed to yet; none of them ran.

    After `Agree` with their digests the front end sends its command again.
    """

    command: str  # the command's class name
    files: tuple[OwnFile, ...]
    request: int | None = None


@dataclass(frozen=True)
class ReasonWanted(Event):
    """A new run would make more than one change against its baseline or its parent; it was not made.

    The front end may send its command again with the person's reason as `confounded`.
    """

    command: str  # Start or Fork
    against: str  # what it is compared with, in words
    differences: tuple[str, ...]  # each change in words


@dataclass(frozen=True)
class Failed(Event):
    """Something broke inside the core. The core goes on where it can (state follows); the run is kept as it was."""

    message: str
    traceback: str


@dataclass(frozen=True)
class Finished(Event):
    """A run ended: "finished" (all steps), "stopped" (by the person) or "failed"."""

    run: str
    status: Literal["finished", "stopped", "failed"]
    step: int
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Heartbeat(Event):
    """The core lives. Sent at least once a second, also while a step takes long."""

    step: int
    memory_bytes: int


@dataclass(frozen=True)
class CoreDied(Event):
    """Made by the client, not by the core: the process is gone. `log_tail` holds its last lines."""

    exit_code: int | None
    log_tail: tuple[str, ...] = ()
    run: str = ""  # the run that was open, if any


Record = Metrics | LayerStatistics | HookStatistics | ValueChanged | Evaluation | CheckpointSaved | LogLine
"""What an experiment tells of itself, for whoever drives it."""
