"""How many processor cores there are to train with. Needs no torch, so that the screens can tell, too."""

import os


def available_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
