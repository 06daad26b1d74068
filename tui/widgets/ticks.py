"""Where an axis has its ticks."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from tui.lab.numbers import short_exponent


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """At most about `count` round numbers from low to high: multiples of 1, 2 or 5 times a power of ten.

    A range too narrow for floating point to count in has one tick, its beginning.
    """
    if not (high - low > 1e-9 * max(abs(low), abs(high))) or count < 1:
        return [low] if isfinite(low) else []
    rough = (high - low) / count
    power = 10.0 ** floor(log10(rough))
    unit = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999999)
    first = ceil(low / unit - 1e-9)
    ticks: list[float] = []
    while (first + len(ticks)) * unit <= high + unit * 1e-9 and len(ticks) < 1000:
        ticks.append((first + len(ticks)) * unit)
    return ticks


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from low to high (both above zero) for a logarithmic axis."""
    if not (high > low > 0):
        return [low]
    for factors in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [
            factor * 10.0**power
            for power in range(floor(log10(low)) - 1, ceil(log10(high)) + 1)
            for factor in factors
            if low <= factor * 10.0**power <= high
        ]
        if len(ticks) <= count:
            break
    if len(ticks) > count:
        ticks = ticks[:: ceil(len(ticks) / count)]
    return ticks if len(ticks) >= 2 else linear_ticks(low, high, count)


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """The ticks as short texts in one style, with as many digits as tell them apart; over decades each has its own."""
    sizes = [abs(tick) for tick in ticks if tick] or [1.0]
    low, high = min(sizes), max(sizes)
    if high >= 1000 * low and high < 1e5 and low >= 1e-3:
        return [_exact([tick], ",.{}f", abs(tick) * 1e-3)[0] for tick in ticks]
    room = min((abs(after - before) for before, after in pairwise(ticks)), default=low) * 1e-3
    is_far_from_one = high >= 1e5 or low < 1e-3
    if not is_far_from_one:
        return _exact(ticks, ",.{}f", room)
    powers = _exact(ticks, ".{}e", room)
    fixed = _exact(ticks, ",.{}f", room) if high < 1e7 and low > 1e-5 else []
    return fixed if fixed and len(max(fixed, key=len)) <= len(max(powers, key=len)) else powers


def _exact(ticks: Sequence[float], form: str, room: float) -> list[str]:
    """The ticks with the fewest decimals that leave each within `room` of what it is."""
    for decimals in range(17):
        texts = [format(tick + 0.0, form.format(decimals)) for tick in ticks]
        if all(abs(float(text.replace(",", "")) - tick) <= room for text, tick in zip(texts, ticks, strict=True)):
            break
    return [short_exponent(text) if tick else text.partition("e")[0] for tick, text in zip(ticks, texts, strict=True)]
