"""What a front end may ask of the core: one frozen dataclass of plain data for each command."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Command:
    """Something that the front end asks for. Answered by events, or by `Rejected`, never by silence."""


@dataclass(frozen=True)
class Start(Command):
    """Begin a new run from the text of a configuration; training begins at once unless `paused`.

    `config_folder` is where the configuration's own files lie (`use: my_hooks.py:function`); "" is the working folder.
    `confounded` is why it makes more than one change against its baseline; without it that is answered by
    `ReasonWanted`.
    """

    config_text: str
    name: str = ""
    paused: bool = False
    config_folder: str = ""
    confounded: str = ""


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
    """Begin a new run from another run's checkpoint, with `changes` (dotted key → value as YAML text) applied.

    Of the run that is open, `at` may be any of its moments (`ListMoments`); it is stopped and saved once the fork is
    made. `confounded` is why it makes more than one change against its parent, as in `Start`. `from_weights`: it begins
    at step 0 with the weights of that moment alone.
    """

    run: str
    at: str = "last"
    changes: tuple[tuple[str, str], ...] = ()
    name: str = ""
    confounded: str = ""
    from_weights: bool = False


@dataclass(frozen=True)
class Pause(Command):
    """Stop training after the current step, ready to go on."""


@dataclass(frozen=True)
class Rewind(Command):
    """Look at the open run as it was after `step` steps, or without a step at the present again.

    What is asked and inspected is then the model of that step; training goes on from the present. A run that trains is
    paused. `nearest`: look at the nearest step that is kept, where this one is not.
    """

    step: int | None = None
    nearest: bool = False


@dataclass(frozen=True)
class ListMoments(Command):
    """Which earlier moments of the open run, or the checkpoints of another (`run`: its name or folder), there are;
    answered by one `MomentList` with the same request."""

    request: int
    run: str = ""


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
class Ablate(Command):
    """Carry out an ablation beside all else: a baseline and one arm for each of `changes` (KEY=VALUE), over seeds.

    `base` is how the person calls the configuration in `config_text`; `overrides` (dotted key → value as YAML text) act
    on all arms; `jobs` runs go side by side (None: as the cores allow). Answered by `AblationBegan`, or refused.
    """

    config_text: str
    base: str
    changes: tuple[str, ...]
    seeds: int
    overrides: tuple[tuple[str, str], ...] = ()
    name: str = ""
    jobs: int | None = None
    config_folder: str = ""


@dataclass(frozen=True)
class StopAblation(Command):
    """End the ablation: runs that train are saved, and the same ablation goes on from there another time."""


@dataclass(frozen=True)
class SaveCheckpoint(Command):
    """Save a checkpoint now."""


@dataclass(frozen=True)
class ShutDown(Command):
    """Save what there is to save and end the core's process."""
