"""The log: everything that the core printed, and, as it comes, what it prints now."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Log, Static

from lmcore.experiments.runs.listing import RunError, read_log
from lmcore.protocol.messages import Event, LogLine
from tui.plain_text import shown_text

_MOST_LINES = 5000
_MARKS = {"info": "  ", "warning": "▲ ", "error": "✖ "}


class LogScreen(ModalScreen[None]):
    """The end of the run's log file and the lines of this session, as plain text; follows the end while it is there."""

    DEFAULT_CSS = """
    LogScreen {
        align: center middle;
        #log-frame {
            width: 100%; height: 100%; border: round $primary; padding: 0 1; background: $surface;
            border-title-style: bold; border-subtitle-color: $text-muted;
        }
        Log {
            height: 1fr; background: $surface; scrollbar-size: 1 1; overflow: auto;
            scrollbar-background: $surface; scrollbar-color: $primary 40%;
            &:focus { background-tint: transparent; }
        }
        #log-filter { display: none; height: 1; border: none; padding: 0; &:focus { border: none; } }
        #log-foot { height: auto; color: $text-muted; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l,f7", "leave", "Close"),
        Binding("slash", "filter", "Find"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self, lines: Iterable[LogLine] = (), run_folder: Path | None = None) -> None:
        super().__init__()
        self.run_folder = run_folder
        self.lines: list[str] = [_as_text(line) for line in lines][-_MOST_LINES:]

    def compose(self) -> ComposeResult:
        """The lines, the filter, and where they come from."""
        frame = Vertical(id="log-frame")
        frame.border_title = Content("Log")
        frame.border_subtitle = Content("/ find · c copy · esc closes")
        with frame:
            yield Log(max_lines=_MOST_LINES)
            yield Input(id="log-filter", placeholder="show the lines with these words", compact=True)
            yield Static(id="log-foot", markup=False)

    def on_mount(self) -> None:
        """Show what is known, and read the run's log file beside it."""
        self.query_one(Log).focus()
        self._show_all()
        if self.run_folder is not None:
            self.run_worker(self._read_file, thread=True, exclusive=True)

    def receive_events(self, events: Iterable[Event]) -> None:
        """Add the lines that come while the log is open."""
        new = [_as_text(event) for event in events if isinstance(event, LogLine)]
        if new:
            self.lines = [*self.lines, *new][-_MOST_LINES:]
            self.query_one(Log).write_lines(line for line in new if self._fits(line))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the lines that hold what was typed."""
        self._show_all()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go back to the lines."""
        self.query_one(Log).focus()

    def action_filter(self) -> None:
        """Find lines."""
        line = self.query_one("#log-filter", Input)
        line.display = True
        line.focus()

    def action_leave(self) -> None:
        """Close the filter, or the log."""
        line = self.query_one("#log-filter", Input)
        if line.display:
            line.display = False
            line.value = ""
            self.query_one(Log).focus()
        else:
            self.dismiss(None)

    def action_copy(self) -> None:
        """Copy the lines that are shown."""
        self.app.copy_to_clipboard("\n".join(line for line in self.lines if self._fits(line)))

    def _fits(self, line: str) -> bool:
        words = self.query_one("#log-filter", Input).value.lower().split()
        return all(word in line.lower() for word in words)

    def _show_all(self) -> None:
        log = self.query_one(Log)
        fitting = [line for line in self.lines if self._fits(line)]
        log.clear()
        log.write_lines(
            fitting or ["  nothing has been printed yet" if not self.lines else "  no line has these words"]
        )
        log.scroll_end(animate=False)
        source = f" · the file is {self.run_folder / 'log.txt'}" if self.run_folder is not None else ""
        self.query_one("#log-foot", Static).update(
            Content(shown_text(f"{len(fitting):,} line{'' if len(fitting) == 1 else 's'}{source}"))
        )

    def _read_file(self) -> None:
        assert self.run_folder is not None
        try:
            found = read_log(self.run_folder, lines=1000)
        except RunError:
            return  # a run that has printed nothing has no log
        self.app.call_later(self._put_before, [f"  {shown_text(line, one_line=True)}" for line in found])

    def _put_before(self, found: list[str]) -> None:
        if self.is_attached:
            known = {line[2:] for line in self.lines}
            self.lines = [*(line for line in found if line[2:] not in known), *self.lines][-_MOST_LINES:]
            self._show_all()


def _as_text(line: LogLine) -> str:
    return f"{_MARKS[line.level]}{shown_text(line.text.rstrip(), one_line=True)}"
