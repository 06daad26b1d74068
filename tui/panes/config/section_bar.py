"""The strip of section names above the form: `model ▸ training ▾ dataset ▸ …`."""

from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from tui.panes.config.rows import FORM_SECTIONS


class SectionBar(Widget):
    """Names of the sections, the open one marked. Sections with changes carry ●, with problems ▲."""

    DEFAULT_CSS = """
    SectionBar { height: 1; width: 1fr; }
    """

    class Chosen(Message):
        """A section was clicked."""

        def __init__(self, section: str) -> None:
            self.section = section
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="sections")
        self.section = FORM_SECTIONS[0]
        self.changed: frozenset[str] = frozenset()
        self.wrong: frozenset[str] = frozenset()
        self._places: list[tuple[int, int, str]] = []

    def show(self, section: str, changed: frozenset[str], wrong: frozenset[str]) -> None:
        """Show which section is open, which have changes, and which have problems."""
        if (section, changed, wrong) != (self.section, self.changed, self.wrong):
            self.section, self.changed, self.wrong = section, changed, wrong
            self.refresh()

    def label(self, section: str) -> str:
        """A section's name with its marks."""
        marks = ("●" if section in self.changed else "") + ("▲" if section in self.wrong else "")
        return f"{section}{marks} {'▾' if section == self.section else '▸'}"

    def render(self) -> Content:
        """As many names around the open one as there is room for."""
        labels = [self.label(section) for section in FORM_SECTIONS]
        first, last = visible_range(
            [len(label) for label in labels], FORM_SECTIONS.index(self.section), self.size.width
        )
        parts: list[tuple[str, str] | str] = []
        self._places = []
        column = 0
        if first > 0:
            parts.append(("… ", "dim"))
            column = 2
        for index in range(first, last):
            section = FORM_SECTIONS[index]
            style = "bold underline" if section == self.section else "$text-error" if section in self.wrong else "dim"
            parts += [(labels[index], style), " "]
            self._places.append((column, column + len(labels[index]), section))
            column += len(labels[index]) + 1
        if last < len(labels):
            parts.append(("…", "dim"))
            self._places.append((column, column + 2, FORM_SECTIONS[last]))
        if first > 0:
            self._places.append((0, 2, FORM_SECTIONS[first - 1]))
        return Content.assemble(*parts)

    def on_click(self, event: Click) -> None:
        """Open the section that was clicked."""
        for start, end, section in self._places:
            if start <= event.x < end:
                self.post_message(self.Chosen(section))


def visible_range(widths: list[int], chosen: int, room: int) -> tuple[int, int]:
    """The longest range of labels that holds the chosen one and fits, with a space after each and `…` at cut ends."""
    best = (chosen, chosen + 1)
    for first in range(chosen + 1):
        for last in range(len(widths), chosen, -1):
            needed = sum(widths[first:last]) + (last - first) + (2 if first else 0) + (1 if last < len(widths) else -1)
            if needed <= room and last - first > best[1] - best[0]:
                best = (first, last)
    return best
