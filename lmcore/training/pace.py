"""Noticing that steps suddenly take several times as long, which no change of the run explains."""

import statistics
from collections import deque

SLOW, CALM = 3.0, 1.5
"""How many times the usual is slow, and below how many slow steps are over: far apart, lest it be said to and fro."""
LEARNED = 20
"""Steps from which the usual is known."""
JUDGED = 5
"""Steps whose median is judged: one alone may wait for a disk, or for a laptop that slept."""
PATIENCE = 5.0
"""Seconds of slow steps after which it is said."""


class Pace:
    """How long steps take for each token, as seen from step to step. What one does not say again until it was over."""

    def __init__(self) -> None:
        self._forget(None)

    def _forget(self, setting: object) -> None:
        self._setting = setting
        self._usual: deque[float] = deque(maxlen=100)  # seconds for each token, of steps that were not slow
        self._newest: deque[float] = deque(maxlen=JUDGED)
        self._slow_seconds = 0.0
        self._is_said = False

    def notice(self, seconds: float, tokens: int, setting: object) -> str:
        """A sentence after a step that makes it certain that steps have become slow; else nothing.

        `setting`: all that may change how long a step takes; another one begins anew.
        """
        if setting != self._setting:
            self._forget(setting)
        self._newest.append(seconds / tokens)
        if len(self._usual) < LEARNED:
            self._usual.append(seconds / tokens)
            return ""
        usual, now = statistics.median(self._usual), statistics.median(self._newest)
        if seconds / tokens <= SLOW * usual:
            self._usual.append(seconds / tokens)
        if now <= CALM * usual:
            self._is_said = False
        self._slow_seconds = self._slow_seconds + seconds if now > SLOW * usual else 0.0
        if self._is_said or self._slow_seconds < PATIENCE:
            return ""
        self._is_said = True
        return (
            f"Steps take {now / usual:.0f} times as long as before ({_time(now * tokens)}, before "
            f"{_time(usual * tokens)}): something else seems to use the machine."
        )


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
