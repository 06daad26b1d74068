"""Answers that are on their way: where on the page each belongs, its text as it streams in, and how it ended."""

from collections.abc import Iterable

from lmcore.protocol.messages import CoreDied, Event, GenerationDone, Rejected, Token
from tui.panes.repl.side_by_side import Pair, Side
from tui.panes.repl.transcript import Entry, Kind, Transcript
from tui.plain_text import shown_text

_REASONS = {"length": "length limit", "stop": "stopped at the stop text", "cancelled": "cancelled"}


class Answers:
    """The open requests. Pieces are gathered and written to the page when `write` is called."""

    def __init__(self, page: Transcript) -> None:
        self.page = page
        self.last_answer = ""
        self._open: dict[int, Entry] = {}
        self._pieces: dict[int, list[str]] = {}
        self._sides: dict[int, tuple[Pair, Side]] = {}

    @property
    def requests(self) -> tuple[int, ...]:
        """The numbers of the requests that are not answered fully."""
        return (*self._open, *self._sides)

    def begin(self, request: int, prompt: str) -> None:
        """Make a place on the page for an answer, which goes on from the prompt."""
        shown = shown_text(prompt)
        self._open[request] = self.page.add("answer", shown, lead=len(shown), is_open=True)
        self._pieces[request] = []

    def begin_pair(self, without: int, with_hooks: int, prompt: str, hooks: str) -> None:
        """Make a place for two answers to one prompt, by their requests."""
        left, right = Side("without"), Side(f"with {shown_text(hooks, one_line=True)}")
        pair = self.page.add_pair(Pair(shown_text(prompt), left, right))
        self._sides |= {without: (pair, left), with_hooks: (pair, right)}
        self._pieces |= {without: [], with_hooks: []}

    def receive(self, events: Iterable[Event], step: int = 0) -> bool:
        """Take what belongs to the open requests; `step` is the model's. Returns whether pieces wait to be written."""
        for event in events:
            match event:
                case Token(request=request, text=text) if request in self._pieces:
                    self._pieces[request].append(text)
                case GenerationDone(request=request) if request in self._sides:
                    self._end_side(request, event)
                case Rejected(request=int(request)) if request in self._sides:
                    self._close_side(request, event.reason, failed=True)
                case GenerationDone(request=request) if request in self._open:
                    self._end(request, event, step)
                case Rejected(request=int(request)) if request in self._open:
                    self._drop(request, event.reason)
                case CoreDied():
                    for request in tuple(self._open):
                        self._drop(request, "The core is gone; the answer ends here.")
                    for request in tuple(self._sides):
                        self._close_side(request, "The core is gone; the answer ends here.", failed=True)
                case _:
                    pass
        return any(self._pieces.values())

    def write(self) -> None:
        """Write the pieces that wait to the page."""
        for request, pieces in self._pieces.items():
            if pieces and request in self._sides:
                pair, side = self._sides[request]
                side.pieces += [shown_text(piece) for piece in pieces]
                self.page.redraw(pair)
            elif pieces:
                self.page.append(self._open[request], "".join(pieces))
            pieces.clear()

    def _end(self, request: int, done: GenerationDone, step: int) -> None:
        if done.reason == "failed":
            self._drop(request, done.note or "The answer could not be made.")
            return
        rate = f" · {done.tokens / done.seconds:,.0f} tok/s" if done.seconds > 0 else ""
        reason = _REASONS.get(done.reason, shown_text(done.reason))
        note = f" · {shown_text(done.note, one_line=True)}" if done.note else ""
        self._close(request, "foot", f"{done.tokens:,} tokens{rate} · {reason} · step {step:,}{note}\n")

    def _end_side(self, request: int, done: GenerationDone) -> None:
        reason = _REASONS.get(done.reason, shown_text(done.reason))
        end = f"{done.tokens:,} tokens · {reason}" if done.reason != "failed" else shown_text(done.note)
        self._close_side(request, end, failed=done.reason == "failed")

    def _close_side(self, request: int, end: str, failed: bool) -> None:
        self.write()
        pair, side = self._sides.pop(request)
        del self._pieces[request]
        side.end, side.failed = shown_text(end), failed
        pair.is_open = any(other is pair for other, _ in self._sides.values())
        self.last_answer = pair.prompt + side.text
        self.page.redraw(pair)

    def _drop(self, request: int, reason: str) -> None:
        self._close(request, "problem", f"{reason}\n")

    def _close(self, request: int, kind: Kind, end: str) -> None:
        self.write()
        entry = self._open.pop(request)
        del self._pieces[request]
        self.last_answer = entry.text
        self.page.close(entry)
        self.page.add_after(entry, kind, end)
