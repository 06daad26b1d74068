"""How many processor cores there are: what `other.threads: 0` means. Needs no torch: the screens may ask, too."""

import os


def available_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
