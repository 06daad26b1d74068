"""How much memory this process holds; needs no torch, so that a core can tell it while torch is being imported."""

import os
import sys
from pathlib import Path


def resident_bytes() -> int:
    """Resident memory of this process in bytes; where /proc does not tell, the most that it ever was."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
        return peak if sys.platform == "darwin" else peak * 1024
