"""A stand-in for `CoreClient`: it records the commands that are sent, and a test pushes the events that come back."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lmcore.config import parse_config
from lmcore.experiments.runs.live import LiveConfig
from lmcore.protocol.messages import (
    Command,
    Event,
    HookArgument,
    HookDescription,
    HookEntry,
    HookRow,
    LayerRow,
    Metrics,
    OwnFile,
    Ready,
    RunInfo,
    StateChanged,
    ValueChanged,
)
from tui.lab.state import LabState

C = TypeVar("C", bound=Command)

READY = Ready(pid=4242, torch_version="2.13.0", threads=2, devices=("cpu",))


class FakeCore:
    """What the app uses of `CoreClient`, without a process."""

    def __init__(self, on_events: Callable[[list[Event]], None]) -> None:
        self.on_events = on_events
        self.commands: list[Command] = []
        self.started = 0
        self.restarts = 0
        self.is_shut_down = False
        self.problem = ""  # why it cannot save
        self.is_alive = False
        self.generation = 0

    def start(self) -> None:
        """Count a start; no event comes by itself."""
        self.started += 1
        self.is_alive = True

    def send(self, command: Command) -> None:
        """Record a command."""
        self.commands.append(command)

    def restart(self) -> None:
        """Count a restart."""
        self.restarts += 1
        self.generation += 1
        self.is_alive = True

    def ask_to_end(self, timeout: float = 60.0) -> str:
        """End, unless there is a problem."""
        if not self.problem:
            self.shut_down(timeout)
        return self.problem

    def shut_down(self, timeout: float = 10.0) -> None:
        """Remember that the core was asked to end."""
        self.is_shut_down = True
        self.is_alive = False

    def push(self, *events: Event) -> None:
        """Let the core tell `events`, as one batch."""
        self.on_events(list(events))

    def get_ready(self) -> None:
        """Tell what a core tells when it has loaded."""
        self.push(READY, StateChanged("idle"))

    def sent(self, kind: type[C]) -> list[C]:
        """All commands of one type so far."""
        return [command for command in self.commands if isinstance(command, kind)]


def run_info(name: str = "20260102-030405-baseline-1a2b3c4d", **changes: object) -> RunInfo:
    """A run such as the core tells of."""
    values: dict[str, object] = {
        "name": name,
        "folder": f"runs/{name}",
        "title": "baseline",
        "config_text": "other:\n  name: baseline\n",
        "parameters": 803_072,
        "tokens_per_step": 4096,
        "max_steps": 4000,
        "device": "cpu",
        "threads": 2,
        "vocabulary": 128,
        "floor": 0.297,
    }
    return RunInfo(**{**values, **changes})  # type: ignore[arg-type]


def change_of(lab: LabState, key: str, value: str) -> ValueChanged:
    """What the core tells when a value of the open run is changed."""
    assert lab.run is not None
    live = LiveConfig(parse_config(lab.run.config_text), lab.run.config_text)
    change = live.check(lab.step, key, value)
    live.make(change)
    return live.told(change)


def metrics_rows(steps: Sequence[int], loss: Callable[[int], float] = lambda step: 4.0 / (1 + step / 20)) -> Metrics:
    """Metrics of training steps with a falling loss."""
    return Metrics(
        tuple(
            (
                step,
                step * 4096,
                step * 0.1,
                {"loss/train": loss(step), "learning_rate": 1e-3, "throughput/tokens_per_second": 40960.0},
            )
            for step in steps
        )
    )


def layer_rows(layers: int = 4, update_ratio: float = 1e-3) -> tuple[LayerRow, ...]:
    """Healthy statistics of a model with so many blocks."""
    names = ["embed", *(f"blocks.{i}.{part}" for i in range(layers) for part in ("attn", "mlp")), "ln_final", "unembed"]
    return tuple(LayerRow(name, 10.0, 2e-2, update_ratio, 1.0) for name in names)


HOOKS = """\
hooks:
  - {name: silence-a-head, use: zero, at: blocks.1.attn.hook_z, with: {heads: [2]}, from_step: 500}
  - {name: softer, kind: backward, use: scale, at: "blocks.*.hook_resid_post", with: {factor: 0.5}}
  - {name: keep-logits-small, kind: loss, use: z_loss, enabled: false}
"""
"""Three hooks, as a configuration declares them."""


def hook_rows(step: int = 1240, effect: float = 1.2e-2) -> tuple[HookRow, ...]:
    """How the three of `HOOKS` do at a step."""
    z = "blocks.1.attn.hook_z"
    posts = tuple(f"blocks.{i}.hook_resid_post" for i in range(4))
    acting = step >= 500
    fired = max(0, step - 500)
    first = HookRow("silence-a-head", "forward", "zero", z, (z,), True, acting, 500, None, fired, 0.31, effect)
    second = HookRow(
        "softer", "backward", "scale", "blocks.*.hook_resid_post", posts, True, True, None, None, 4 * step, 0.12, 0.5
    )
    third = HookRow("keep-logits-small", "loss", "z_loss", "", (), False, False, None, None, 0, None, None)
    return first, second, third


def hook_description(request: int) -> HookDescription:
    """A small catalogue, and the places of a small model."""
    heads = HookArgument("heads", "a list, each item a whole number, or null", "null")
    number = "a number"
    entries = (
        _entry("forward", "zero", "Put zero in the place of an activation, or of some heads of it.", heads),
        _entry("forward", "noise", "Add Gaussian noise to an activation.", HookArgument("std", number, None)),
        _entry("backward", "scale", "Multiply the gradient on its way back.", HookArgument("factor", number, None)),
        _entry("update", "centralize", "Take the mean out of each gradient."),
        _entry("loss", "z_loss", "Keep the logarithm of Z near zero.", HookArgument("weight", number, "1e-4")),
    )
    shapes = {
        "hook_resid_pre": "[batch, pos, 128]",
        "attn.hook_q": "[batch, pos, 4, 32]",
        "attn.hook_pattern": "[batch, 4, query, key]",
        "attn.hook_z": "[batch, pos, 4, 32]",
        "mlp.hook_post": "[batch, pos, 512]",
        "hook_resid_post": "[batch, pos, 128]",
    }
    points = tuple((f"blocks.{i}.{part}", shape) for i in range(4) for part, shape in shapes.items())
    parameters = (("embed.weight", "[128, 128]"), ("blocks.0.attn.query.weight", "[128, 128]"))
    return HookDescription(request, entries, points, parameters)


def _entry(kind: str, name: str, summary: str, *arguments: HookArgument) -> HookEntry:
    stage = {"forward": "activation", "backward": "gradient_at", "update": "gradient"}.get(kind, "term")
    return HookEntry(kind, name, summary, summary, stage, arguments)


CODE = OwnFile(
    "my_hooks.py",
    "configs/my_hooks.py",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    '''from lmcore.hooks.catalogue import hook


@hook("forward")
def soften(x, point, *, factor: float = 0.5):
    """Make an activation smaller."""
    return x * factor
''',
)
"""A person's own file."""
