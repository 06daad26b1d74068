"""Numbers as the screens write them. Knows nothing of Textual."""

from math import isfinite


def short_exponent(text: str) -> str:
    """A number in powers of ten without the zeros of its exponent: 3.0e-4."""
    return text.replace("e-0", "e-").replace("e+0", "e+")


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
        return short_exponent(f"{value:.{digits - 2}e}")
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
    """A length of time as a clock shows it: 0:42, 12:07, 3:05:00, 2 d 4 h."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def quantity(number: float) -> str:
    """A number with three figures and a unit: 0.80 M, 10.7 M, 4.1 k, 1.2 G."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size * 0.1 and (unit != "k" or number >= 1e4):
            scaled = number / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f} {unit}"
    return f"{number:,.0f} "


def rough_duration(seconds: float) -> str:
    """A length of time as people say it: 40 s, 5 min, 3.2 h, 2.1 days."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
