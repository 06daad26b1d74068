"""A stand-in for `CoreClient`: it records the commands that are sent, and a test pushes the events that come back."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lmcore.process.messages import Command, Event, LayerRow, Metrics, Ready, RunInfo, StateChanged

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
