"""Where an axis has its ticks, and how its numbers are written."""

from math import ceil, floor, isfinite, log10


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


def tick_labels(ticks: list[float]) -> list[str]:
    """The ticks as short texts, with as many decimals as tell them apart."""
    if not ticks:
        return []
    largest = max(abs(tick) for tick in ticks)
    smallest = min((abs(tick) for tick in ticks if tick), default=1.0)
    if largest >= 1e5 or smallest < 1e-3:
        return [f"{tick:.0e}".replace("e-0", "e-").replace("e+0", "e+") if tick else "0" for tick in ticks]
    for decimals in range(5):
        if all(abs(round(tick, decimals) - tick) <= 1e-9 + abs(tick) * 1e-6 for tick in ticks):
            return [f"{tick:,.{decimals}f}" for tick in ticks]
    return [f"{tick:.4g}" for tick in ticks]


def short_number(value: float | None, digits: int = 3) -> str:
    """A number in at most about seven characters: 0.412, 12.3, 3.0e-4, 12,900."""
    if value is None:
        return "–"
    if not isfinite(value):
        return {True: "nan"}.get(value != value, "inf" if value > 0 else "-inf")
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e6 or size < 1e-2:
        return f"{value:.{digits - 2}e}".replace("e-0", "e-").replace("e+0", "e+")
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 1:
        return f"{value:.{max(0, digits - (1 if size < 10 else 2 if size < 100 else 3))}f}"
    return f"{value:.{digits}f}"


def amount(value: float) -> str:
    """A count with a unit letter: 950, 4.1k, 16.4M, 2.00B."""
    for unit, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            scaled = value / unit
            return f"{scaled:.{0 if scaled >= 100 or scaled == int(scaled) else 1}f}{letter}"
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """A time span: 0:42, 12:07, 3:05:00, 2 d 4 h."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
