"""The line below the panes: what can be done here, and the numbers of the moment."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from tui.bindings import TABLE, Entry, Place, shown_key
from tui.lab.numbers import short_number
from tui.lab.state import LabState

_RUN = ("start", "step", "stop", "now")
"""What comes first in the footer, before the keys of the pane in focus."""

_KEEP = ("start", "now", "help", "quit")
"""What stays in the footer however narrow it is."""


def start_label(lab: LabState) -> str:
    """What F5 does now."""
    if lab.core == "ready" and lab.state in ("running", "paused"):
        return "pause" if lab.state == "running" else "resume"
    return "restart" if lab.core == "dead" else "start"


def footer_entries(place: Place, is_typing: bool, looks_back: bool = False) -> list[tuple[str, Entry]]:
    """The keys to name with their entries, those of the pane in focus included; while typing only those that work.

    The key that goes to the present is named where one `looks_back`.
    """
    found: list[tuple[str, Entry]] = []
    here = [entry for entry in TABLE if entry.in_footer and entry.place in ("everywhere", place)]
    here = [entry for entry in here if looks_back or entry.action != "now"]
    run_keys = [entry for entry in here if entry.action in _RUN]
    pane_keys = [entry for entry in here if entry.place != "everywhere"]
    for entry in dict.fromkeys((*run_keys, *pane_keys, *here)):
        key = entry.keys[0]
        if is_typing:
            if not entry.while_typing and not key.startswith("ctrl+"):
                continue
            key = entry.while_typing[0] if entry.while_typing else key
        found.append((shown_key(key), entry))
    return found


def fit_entries(found: Sequence[tuple[str, Entry]], labels: dict[str, str], width: int) -> list[tuple[str, str, Entry]]:
    """As many (key, label, entry) as fit; those that matter least go first."""
    shown = [(key, labels.get(entry.action, entry.label), entry) for key, entry in found]
    while shown and sum(cell_len(key) + cell_len(label) + 3 for key, label, _ in shown) > width:
        removable = [item for item in shown if item[2].action not in _KEEP]
        shown.remove(removable[-1] if removable else shown[-1])
    return shown


def numbers(lab: LabState) -> list[str]:
    """The numbers of the moment, the most telling first; none while one looks at an earlier one."""
    texts: list[str] = []
    if lab.moment is not None:
        return texts
    if lab.ablation is not None and lab.ablation.is_going:
        texts.append(f"ablation {lab.ablation.done}/{lab.ablation.total}")
    for name, metric in (("train", "loss/train"), ("val", "loss/val")):
        if metric in lab.metrics:
            texts.append(f"{name} {short_number(lab.metrics[metric])}")
    if lab.tokens_per_second:
        texts.append(f"{lab.tokens_per_second:,.0f} tok/s")
    if lab.learning_rate is not None and lab.run is not None:
        texts.append(f"lr {short_number(lab.learning_rate)}")
    return texts


def fit_numbers(texts: Sequence[str], width: int) -> str:
    """As many of the numbers as fit, joined."""
    fitting = list(texts)
    while fitting and cell_len(" · ".join(fitting)) > width:
        fitting.pop()
    return " · ".join(fitting)


class FooterLine(Widget):
    """The line below the panes. A click on a key is as good as the key."""

    DEFAULT_CSS = """
    FooterLine { height: 1; width: 100%; color: $text-muted; }
    """

    class Chosen(Message):
        """A key was clicked."""

        def __init__(self, entry: Entry) -> None:
            self.entry = entry
            super().__init__()

    def __init__(self) -> None:
        super().__init__()
        self._lab = LabState()
        self._place: Place = "everywhere"
        self._is_typing = False
        self._content = Content("")
        self._spans: list[tuple[int, int, Entry]] = []  # from column, to column

    def show(self, lab: LabState, place: Place, is_typing: bool) -> None:
        """Show what can be done in a place, and a state's numbers; drawn only when something differs."""
        self._lab, self._place, self._is_typing = lab, place, is_typing
        content = self._compose_line()
        if content != self._content:
            self._content = content
            self.refresh()

    def on_resize(self) -> None:
        """Fit the new width."""
        self._content = self._compose_line()
        self.refresh()

    def _compose_line(self) -> Content:
        width = self.size.width
        texts = numbers(self._lab)
        wanted = min(cell_len(" · ".join(texts)), width // 2 if width >= 120 else width // 3)
        entries = footer_entries(self._place, self._is_typing, self._lab.moment is not None)
        items = fit_entries(entries, {"start": start_label(self._lab)}, width - 2 - wanted)
        parts: list[str | tuple[str, str]] = [" "]
        column = 1
        self._spans = []
        for key, label, entry in items:
            self._spans.append((column, column + cell_len(key) + cell_len(label) + 1, entry))
            parts += [(key, "bold $foreground"), f" {label}  "]
            column += cell_len(key) + cell_len(label) + 3
        right = fit_numbers(texts, width - column - 1)
        parts.append(" " * max(0, width - column - cell_len(right) - 1))
        parts.append((right, "$foreground"))
        return Content.assemble(*parts)

    def render(self) -> Content:
        """The line."""
        return self._content

    def on_click(self, event: Click) -> None:
        """Do what the key under the mouse does."""
        for start, stop, entry in self._spans:
            if start <= event.x < stop:
                self.post_message(self.Chosen(entry))
