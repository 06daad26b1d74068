"""What is told on stderr while something takes long: a progress bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lmcore.cli.output import loss_text, say, time_text
from lmcore.plain_text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 5.0


class Narration:
    """Tells of preparation and training: with a bar on a terminal, unless data in JSON goes there too."""

    def __init__(self, as_json: bool = False) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._told = 0.0
        self._loss: float | None = None
        self._on_terminal = sys.stderr.isatty() and not (as_json and sys.stdout.isatty())

    def __enter__(self) -> "Narration":
        return self

    def __exit__(self, *exception: object) -> None:
        self.end_bar()

    def preparing(self, what: str, fraction: float | None) -> None:
        """Something slow goes on: what, and how far (0 to 1, or None)."""
        if self._on_terminal:
            self._show(what, None if fraction is None else 1.0, fraction or 0.0, "")
        elif what != self._what:
            say(f"{what} …")
        self._what = what

    def training(self, step: int, max_steps: int, seconds: float, metrics: Mapping[str, float]) -> None:
        """A step was made; `seconds` is the time spent in steps."""
        self._loss = metrics.get("loss/train", self._loss)
        speed = metrics.get("throughput/tokens_per_second", 0.0)
        numbers = f"{step:,} of {max_steps:,}  loss {loss_text(self._loss)}  {speed:,.0f} tokens/s"
        if self._on_terminal:
            self._show("training", max_steps, step, numbers)
        elif step == 1 or step == max_steps or time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            say(f"step {numbers}  {time_text(seconds)}")

    def line(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self._bar is None:
            say(text)
        else:
            from rich.text import Text

            self._bar.console.print(Text(printable(text, keep="\n")))

    def end_bar(self) -> None:
        """Leave the bar as it is and go on below it."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._task = None

    def _show(self, what: str, total: float | None, done: float, numbers: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        if self._bar is None:
            columns = ("{task.description}", "{task.fields[numbers]}")
            self._bar = Progress(
                TextColumn(columns[0], markup=False),
                BarColumn(bar_width=None),
                TaskProgressColumn(),
                TextColumn(columns[1], markup=False),
                TimeRemainingColumn(compact=True),
                console=Console(stderr=True, highlight=False, markup=False),
                refresh_per_second=4,
                redirect_stdout=False,  # data goes where it belongs
                redirect_stderr=False,
            )
            self._bar.start()
        if self._task is None or self._what != what:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(printable(what), total=total, numbers=numbers)
        self._bar.update(self._task, total=total, completed=done, numbers=numbers)
        self._what = what
