"""The render budget: how long to wait until the next drawing, so that drawing stays within its share of one core."""

import time
from collections.abc import Callable

SHORTEST, LONGEST = 0.25, 5.0
"""Seconds between two drawings, at least and at most."""

_MEMORY = 0.5
"""Weight of the past in the estimated cost of a drawing."""


class RenderBudget:
    """Measures what the screen's process costs from one drawing to the next, and stretches the time between them.

    The cost of a round is the processor time of the whole process since the drawing before: making the pictures,
    composing them, writing to the terminal, and reading what the core sends. A round in which the person pressed keys
    is not counted: keys are answered at once, and what they cost says nothing about the next drawing.
    """

    def __init__(
        self,
        share: float = 0.03,
        clock: Callable[[], float] = time.monotonic,
        processor_time: Callable[[], float] = time.process_time,
    ) -> None:
        self.share = share
        self._clock = clock
        self._processor_time = processor_time
        self._drawn_at: float | None = None
        self._spent_at = 0.0
        self._cost: float | None = None
        self._had_input = False

    @property
    def interval(self) -> float:
        """Seconds from one drawing to the next at the present cost."""
        if self._cost is None:
            return SHORTEST
        return min(max(self._cost / self.share, SHORTEST), LONGEST)

    def seconds_until_due(self) -> float:
        """How long the next drawing should wait; 0 when it may be done now."""
        if self._drawn_at is None:
            return 0.0
        return max(0.0, self._drawn_at + self.interval - self._clock())

    def note_input(self) -> None:
        """The person pressed a key or moved the mouse."""
        self._had_input = True

    def drawn(self) -> None:
        """A drawing begins now: the round since the one before is over."""
        now, spent = self._clock(), self._processor_time()
        if self._drawn_at is not None and not self._had_input:
            cost = spent - self._spent_at
            self._cost = cost if self._cost is None else _MEMORY * self._cost + (1 - _MEMORY) * cost
        self._drawn_at, self._spent_at, self._had_input = now, spent, False
