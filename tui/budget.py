"""The render budget: how long to wait until the next drawing, so that drawing stays within its share of one core."""

import time
from collections import deque
from collections.abc import Callable
from statistics import median

SHORTEST, LONGEST = 0.25, 5.0
"""Seconds between two drawings, at least and at most."""

_ROUNDS = 5
"""How many of the last rounds the cost is estimated from: their median, so that a single dear one changes nothing."""


class RenderBudget:
    """Measures what the screen's process costs from one drawing to the next, and stretches the time between them.

    The cost of a round is the processor time of the whole process since the drawing before: making the pictures,
    composing them, writing to the terminal, and reading what the core sends. A round in which something else was done
    (the person pressed keys, a screen was opened, the state changed) is not counted: what a person asks for is answered
    at once, and says nothing about the next drawing.
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
        self._costs: deque[float] = deque(maxlen=_ROUNDS)
        self._counts = False
        self.interval = SHORTEST
        """Seconds from one drawing to the next at the present cost."""

    def seconds_until_due(self) -> float:
        """How long the next drawing should wait; 0 when it may be done now."""
        if self._drawn_at is None:
            return 0.0
        return max(0.0, self._drawn_at + self.interval - self._clock())

    def forgive(self) -> None:
        """Something is done in this round that is not drawing: it is not counted."""
        self._counts = False

    def drawn(self) -> None:
        """A drawing begins now: the round since the one before is over. The interval at most doubles at once."""
        now, spent = self._clock(), self._processor_time()
        if self._counts:
            self._costs.append(spent - self._spent_at)
            needed = median(self._costs) / self.share
            self.interval = min(max(needed, SHORTEST), 2 * self.interval, LONGEST)
        self._drawn_at, self._spent_at, self._counts = now, spent, True
