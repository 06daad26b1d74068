"""A trend in one line of characters."""

from collections.abc import Sequence
from math import isfinite

BARS = "▁▂▃▄▅▆▇█"

CALM = 0.1
"""A series whose values spread by less than this share of their size is drawn as nearly flat."""

_LARGEST = 1e100  # beyond it, differences are no numbers any more


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last `width` values as bars, right-aligned; what is missing or not finite is a blank or ×."""
    last = list(values)[-width:] if width > 0 else []
    last = [max(min(value, _LARGEST), -_LARGEST) if value is not None and isfinite(value) else value for value in last]
    finite = [value for value in last if value is not None and isfinite(value)]
    if not finite:
        return " " * width
    low, high = min(finite), max(finite)
    room = CALM * max(abs(low), abs(high)) - (high - low)
    if room > 0:
        low, high = low - room / 2, high + room / 2
    bars = []
    for value in last:
        if value is None:
            bars.append(" ")
        elif not isfinite(value):
            bars.append("×")
        else:
            share = (value - low) / (high - low) if high > low else 0.5
            bars.append(BARS[min(len(BARS) - 1, int(share * len(BARS)))])
    return "".join(bars).rjust(width)
