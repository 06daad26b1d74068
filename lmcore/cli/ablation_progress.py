"""How far an ablation is, on stderr: a table of arms and seeds that fills on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lmcore.cli.output import loss_text, say
from lmcore.plain_text import printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from lmcore.protocol.messages import AblationCell

REFRESHES = 4  # a second
WAITING = "·"


class AblationProgress:
    """Shows each arm and seed: waiting, how far, its final loss, or that it failed."""

    def __init__(self, arms: Sequence[str], seeds: Sequence[int], as_json: bool = False) -> None:
        self._arms = tuple(arms)
        self._seeds = tuple(seeds)
        self._cells = {(arm, seed): WAITING for arm in arms for seed in seeds}
        self._quarter: dict[tuple[str, int], int] = {}
        self._live: Live | None = None
        self._on_terminal = sys.stderr.isatty() and not (as_json and sys.stdout.isatty())

    def __enter__(self) -> "AblationProgress":
        if self._on_terminal:
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, highlight=False, markup=False)
            self._live = Live(
                self._table(),
                console=console,
                refresh_per_second=REFRESHES,
                redirect_stdout=False,  # data goes where it belongs
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()
            self._live = None

    def cell(self, event: "AblationCell") -> None:
        """A run began, made steps, or is over."""
        key = (event.arm, event.seed)
        share = event.step / event.max_steps
        words = {
            "running": f"{share:.0%}",
            "finished": loss_text(event.loss),
            "reused": f"{loss_text(event.loss)} ♺",
            "failed": "failed",
            "stopped": "stopped",
        }
        self._cells[key] = words[event.state]
        if self._live is not None:
            self._live.update(self._table())
            return
        quarter = int(4 * share)
        if event.state != "running" or quarter > self._quarter.get(key, -1):
            self._quarter[key] = quarter
            say(f"{event.arm}, seed {event.seed}: {_sentence(event)}")

    def _table(self) -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("arm", overflow="fold")
        for seed in self._seeds:
            table.add_column(f"seed {seed}", justify="right")
        for arm in self._arms:
            table.add_row(Text(printable(arm)), *(Text(self._cells[arm, seed]) for seed in self._seeds))
        return table


def _sentence(event: "AblationCell") -> str:
    match event.state:
        case "running":
            return f"step {event.step:,} of {event.max_steps:,}" if event.step else "begins"
        case "finished":
            return f"validation loss {loss_text(event.loss)}"
        case "reused":
            return f"validation loss {loss_text(event.loss)}, made earlier as {event.run}"
        case "failed":
            return f"failed: {event.said}"
        case "stopped":
            return "stopped"
