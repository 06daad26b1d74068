"""The line above the panes: what is going on, how far it is, how long it will take."""

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.widget import Widget

from tui.lab.numbers import duration
from tui.lab.state import LabState
from tui.plain_text import shown_text

Part = tuple[str, str]
"""A text and its style."""

STATES: dict[str, Part] = {
    "loading": ("◌ loading", "$text-muted"),
    "idle": ("○ ready", "$foreground"),
    "preparing": ("◌ preparing", "bold $accent"),
    "running": ("● running", "bold $success"),
    "paused": ("‖ paused", "bold $warning"),
    "finished": ("✓ finished", "bold $primary"),
    "stopped": ("■ stopped", "bold $primary"),
    "dead": ("✗ the core is gone", "bold $error"),
}
"""The word and the symbol of each state; none is told by its colour alone."""


def state_part(lab: LabState, waiting: bool) -> list[Part]:
    """The state in a word, and what it is busy with. `waiting`: F5 was pressed before the core was ready."""
    if lab.core == "dead":
        return [STATES["dead"]]
    if lab.core == "starting":
        text = "◌ loading the core" + (" · training starts as soon as it is ready" if waiting else "")
        return [(text, "bold $accent" if waiting else "$text-muted")]
    if lab.is_silent:
        return [("◌ the core does not answer", "bold $error")]
    is_stopped = lab.state == "finished" and lab.step < lab.max_steps
    parts = [STATES["stopped" if is_stopped else lab.state]]
    if lab.state == "preparing" and lab.progress is not None:
        parts.append((f"  {shown_text(lab.progress.what, one_line=True)}", "$foreground"))
    return parts


def progress_bar(fraction: float, width: int) -> list[Part]:
    """A bar of so many cells."""
    done = round(min(max(fraction, 0.0), 1.0) * width)
    return [("━" * done, "$primary"), ("─" * (width - done), "$text-muted")]


def status_parts(lab: LabState, waiting: bool, width: int) -> list[Part]:
    """The right side of the line: state, step, progress, time left. What matters least goes first when it is narrow."""
    parts = state_part(lab, waiting)
    if lab.core == "ready" and lab.moment is not None:
        return looking_back_parts(lab, parts, width)
    if lab.core == "ready" and lab.state == "paused" and lab.reason and not lab.is_silent:
        return paused_parts(lab, width)
    fraction, left = None, ""
    if lab.core == "ready" and lab.state == "preparing" and lab.progress is not None:
        fraction = lab.progress.fraction
    elif lab.core == "ready" and lab.run is not None and lab.max_steps > 0:
        parts.append((f"   step {lab.step:,} / {lab.max_steps:,}", "$foreground"))
        fraction = lab.step / lab.max_steps
        if lab.state in ("running", "paused") and lab.seconds_left is not None and not lab.is_silent:
            left = f"   {duration(lab.seconds_left)} left"
    if fraction is None:
        return parts
    used = _width(parts)
    bar = min(20, width - used - 10 - len(left))
    if bar < 6 and left:
        bar = min(20, width - used - 10)
        left = ""
    percent = f" {fraction * 100:.0f} %".rjust(6)
    if bar >= 6:
        parts += [("  ", ""), *progress_bar(fraction, bar)]
    if used + 6 <= width:
        parts.append((percent, "$foreground"))
    if left:
        parts.append((left, "$text-muted"))
    return parts


def paused_parts(lab: LabState, width: int) -> list[Part]:
    """The right side while a run is paused for a reason: the reason stays until somebody acts."""
    step = f"   step {lab.step:,} / {lab.max_steps:,}"
    words = f"{STATES['paused'][0]}: {shown_text(lab.reason, one_line=True)}"
    if cell_len(words) + cell_len(step) > width:
        words = set_cell_size(words, max(10, width - cell_len(step) - 1)).rstrip() + "…"
    return [(words, STATES["paused"][1]), (step, "$foreground")]


def looking_back_parts(lab: LabState, parts: list[Part], width: int) -> list[Part]:
    """The right side while one looks at an earlier moment: which, where the run is, and the key that goes there."""
    for part in (
        (f"  ◂ looking back at step {lab.seen_step:,}", "bold $accent"),
        (f" of {lab.step:,}", "$foreground"),
        (f" / {lab.max_steps:,}", "$foreground"),
        ("   n goes to the present", "$text-muted"),
    ):
        if _width(parts) + cell_len(part[0]) <= width:
            parts.append(part)
    return parts


def about_parts(lab: LabState, title: str, source: str, width: int) -> list[Part]:
    """The left side: the program, the run or the configuration, what it learns from, its size, where it trains."""
    parts: list[Part] = [(" lmlab", "bold $primary")]
    name = shown_text((lab.run.title or lab.run.name) if lab.run else title, one_line=True)
    words = [f"{name} (confounded)" if lab.run is not None and lab.run.confounded else name]
    if source:
        words.append(source)
    if lab.run is not None:
        words.append(f"{lab.run.parameters / 1e6:.2f} M parameters")
        words.append(device_text(lab.run.device, lab.run.threads))
    if lab.memory_bytes:
        words.append(
            f"{lab.memory_bytes / 2**20:,.0f} MB" if lab.memory_bytes < 2**30 else f"{lab.memory_bytes / 2**30:.1f} GB"
        )
    words = [word for word in words if word]
    while words and cell_len(" · ".join(words)) > width - 12:
        words.pop()
    parts.append((f"   {' · '.join(words)}", "$text-muted"))
    return parts


def device_text(device: str, threads: int) -> str:
    """Where the model trains: `cpu, 2 threads`, `cuda:0`."""
    return f"{device}, {threads} thread{'' if threads == 1 else 's'}" if device == "cpu" else device


class StatusLine(Widget):
    """The line above the panes."""

    DEFAULT_CSS = """
    StatusLine { height: 1; width: 100%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[LabState, str, str, bool] = (LabState(), "", "", False)

    def show(self, lab: LabState, title: str, source: str, waiting: bool) -> None:
        """Show a state; drawn only when its words differ."""
        before, self._shown = self._words(), (lab, title, source, waiting)
        if self._words() != before:
            self.refresh()

    def _words(self) -> list[Part]:
        lab, title, source, waiting = self._shown
        width = self.size.width
        right = status_parts(lab, waiting, width - 9)
        room = width - _width(right) - 1
        left = about_parts(lab, title, source, room)
        if _width(left) + 2 > room:
            left = []
        gap = max(1, room - _width(left))
        return [*left, (" " * gap, ""), *right]

    def render(self) -> Content:
        """The line."""
        return Content.assemble(*self._words())


def _width(parts: list[Part]) -> int:
    return sum(cell_len(text) for text, _ in parts)
