"""The whole protocol between a front end and the core: frozen dataclasses of plain data, commands one way, events back.

Anything that a screen does is one of these commands, so a test, a script and a screen drive the same core. Events
travel in envelopes that carry the generation of the core that sent them (see `connection.py`), so that late messages of
a core that was killed can be told apart.
"""

from dataclasses import dataclass, field
from typing import Literal

from lmcore.experiments.records import HookRow as HookRow
from lmcore.experiments.records import LayerRow as LayerRow
from lmcore.process.rows import CodeFile as CodeFile
from lmcore.process.rows import HookArgument as HookArgument
from lmcore.process.rows import HookEntry as HookEntry
from lmcore.process.rows import RunInfo as RunInfo

State = Literal["loading", "idle", "preparing", "running", "paused", "finished"]
"""loading: the core imports its libraries; idle: no run; preparing: data and model are being made; running: training;
paused: a run (or a loaded checkpoint) that can go on; finished: a run at its last step."""


@dataclass(frozen=True)
class Command:
    """Something that the front end asks for. Answered by events, or by `Rejected`, never by silence."""


@dataclass(frozen=True)
class Start(Command):
    """Begin a new run from the text of a configuration; training begins at once unless `paused`.

    `config_folder` is where the configuration's own files lie (`use: my_hooks.py:function`); "" is the working folder.
    """

    config_text: str
    name: str = ""
    paused: bool = False
    config_folder: str = ""


@dataclass(frozen=True)
class Agree(Command):
    """The person read these files of their own and lets them run: their digests, remembered on this machine.

    The command that was answered by `ConsentWanted` is then sent again."""

    digests: tuple[str, ...]


@dataclass(frozen=True)
class Load(Command):
    """Open a run as it was at a checkpoint: a step, or "last" or "best". It can then be asked, inspected, and gone on
    with from its last checkpoint by `Resume`."""

    run: str
    at: str = "last"


@dataclass(frozen=True)
class Fork(Command):
    """Begin a new run from another run's checkpoint, with `changes` (dotted key → value as YAML text) applied."""

    run: str
    at: str = "last"
    changes: tuple[tuple[str, str], ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Pause(Command):
    """Stop training after the current step, ready to go on."""


@dataclass(frozen=True)
class Resume(Command):
    """Go on training with the run that is paused or loaded."""


@dataclass(frozen=True)
class Step(Command):
    """Make n training steps, then pause."""

    n: int = 1


@dataclass(frozen=True)
class RunUntil(Command):
    """Train until a condition holds, then pause: a step is reached, or a metric falls below a value."""

    step: int | None = None
    metric: str = ""
    below: float = 0.0


@dataclass(frozen=True)
class Stop(Command):
    """End the run: finish the step, save a checkpoint, close the run directory. The model stays for generation."""


@dataclass(frozen=True)
class SetValue(Command):
    """Change one value of the configuration that may change while a run goes on; it is written to the journal.

    Of hooks: `hooks` (the whole list: add, remove, reorder), or `hooks.NAME.enabled` (`at`, `with`, `from_step`,
    `until_step`)."""

    key: str
    value: str  # as YAML text


@dataclass(frozen=True)
class ToggleHook(Command):
    """Switch a declared hook on or off by its name; it is written to the journal."""

    name: str
    enabled: bool


@dataclass(frozen=True)
class Generate(Command):
    """Continue a prompt with the present model; answered by `Token`s and one `GenerationDone` with the same request."""

    request: int
    prompt: str
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0
    max_tokens: int = 300
    stop: str = ""
    seed: int = 0
    hooks: tuple[str, ...] = ()  # declarations as YAML text that act on this answer only, after the run's own


@dataclass(frozen=True)
class Cancel(Command):
    """End a generation early; what was produced stands."""

    request: int


@dataclass(frozen=True)
class Inspect(Command):
    """Look inside the present model; answered by one `Inspection` with the same request.

    `what`: "parameters" (norms of each parameter of a component such as `blocks.0.attn`), "attention" (pattern of a
    layer, as `blocks.0.attn`, over `prompt`), "logit_lens" (likeliest next token after each block), "token_losses"
    (loss of each token of `prompt`).
    """

    request: int
    what: Literal["parameters", "attention", "logit_lens", "token_losses"]
    target: str = ""
    prompt: str = ""


@dataclass(frozen=True)
class DescribeHooks(Command):
    """What hooks a configuration may use, and where; answered by one `HookDescription` with the same request.

    Of the run that is open when `config_text` is empty. Own files are described once they are agreed to.
    """

    request: int
    config_text: str = ""
    config_folder: str = ""


@dataclass(frozen=True)
class SaveCheckpoint(Command):
    """Save a checkpoint now."""


@dataclass(frozen=True)
class ShutDown(Command):
    """Save what there is to save and end the core's process."""


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
class StateChanged(Event):
    """The core entered a state. `reason` is a sentence where there is something to explain (a non-finite loss, say)."""

    state: State
    step: int = 0
    max_steps: int = 0
    run: RunInfo | None = None
    reason: str = ""


@dataclass(frozen=True)
class Progress(Event):
    """A slow preparation goes on: what, and how far (0 to 1, or None where it cannot be known)."""

    what: str
    fraction: float | None = None


@dataclass(frozen=True)
class Metrics(Event):
    """Logged metrics of several steps at once. Each row: (step, tokens seen, seconds of training, {metric: value})."""

    rows: tuple[tuple[int, int, float, dict[str, float]], ...]


@dataclass(frozen=True)
class LayerStatistics(Event):
    """One row for each component, in the model's order."""

    step: int
    rows: tuple[LayerRow, ...]


@dataclass(frozen=True)
class HookStatistics(Event):
    """One row for each declared hook, in their listed order; with layer statistics, and after each change."""

    step: int
    rows: tuple[HookRow, ...]


@dataclass(frozen=True)
class Evaluation(Event):
    """A finished evaluation; its numbers are also in `metrics` by their names."""

    step: int
    metrics: dict[str, float]
    sample: str = ""  # the fixed prompt's continuation, without the prompt
    prompt: str = ""


@dataclass(frozen=True)
class ValueChanged(Event):
    """A value was changed, a hook toggled, or an own file read anew (`code.NAME`, values are digests), at a step."""

    step: int
    key: str
    old: str
    new: str


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
    files: tuple[CodeFile, ...]
    request: int | None = None


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
