"""Answers that are on their way: where on the page each belongs, its text as it streams in, and how it ended."""

from collections.abc import Iterable

from lmcore.process.messages import CoreDied, Event, GenerationDone, Rejected, Token
from tui.panes.repl.transcript import Entry, Transcript
from tui.plain_text import shown_text

_REASONS = {"length": "length limit", "stop": "stopped at the stop text", "cancelled": "cancelled"}


class Answers:
    """The open requests. Pieces are gathered and written to the page when `write` is called."""

    def __init__(self, page: Transcript) -> None:
        self.page = page
        self.last_answer = ""
        self._open: dict[int, Entry] = {}
        self._pieces: dict[int, list[str]] = {}

    @property
    def requests(self) -> tuple[int, ...]:
        """The numbers of the requests that are not answered fully."""
        return tuple(self._open)

    def begin(self, request: int, prompt: str) -> None:
        """Make a place on the page for an answer, which goes on from the prompt."""
        shown = shown_text(prompt)
        self._open[request] = self.page.add("answer", shown, lead=len(shown), is_open=True)
        self._pieces[request] = []

    def receive(self, events: Iterable[Event], step: int = 0) -> bool:
        """Take what belongs to the open requests; `step` is the model's. Returns whether pieces wait to be written."""
        for event in events:
            match event:
                case Token(request=request, text=text) if request in self._open:
                    self._pieces[request].append(text)
                case GenerationDone(request=request) if request in self._open:
                    self._end(request, event, step)
                case Rejected(request=int(request)) if request in self._open:
                    self._drop(request, event.reason)
                case CoreDied():
                    for request in self.requests:
                        self._drop(request, "The core is gone; the answer ends here.")
                case _:
                    pass
        return any(self._pieces.values())

    def write(self) -> None:
        """Write the pieces that wait to the page."""
        for request, pieces in self._pieces.items():
            if pieces:
                self.page.append(self._open[request], shown_text("".join(pieces)))
                pieces.clear()

    def _end(self, request: int, done: GenerationDone, step: int) -> None:
        self.write()
        self._close(request)
        if done.reason == "failed":
            self.page.add("problem", shown_text(done.note or "The answer could not be made."))
            return
        rate = f" · {done.tokens / done.seconds:,.0f} tok/s" if done.seconds > 0 else ""
        reason = _REASONS.get(done.reason, shown_text(done.reason))
        note = f" · {shown_text(done.note, one_line=True)}" if done.note else ""
        self.page.add("foot", f"{done.tokens:,} tokens{rate} · {reason} · step {step:,}{note}\n")

    def _drop(self, request: int, reason: str) -> None:
        self.write()
        self._close(request)
        self.page.add("problem", shown_text(reason))

    def _close(self, request: int) -> None:
        entry = self._open.pop(request)
        del self._pieces[request]
        self.last_answer = entry.text
        self.page.close(entry)
