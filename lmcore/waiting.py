"""How torch's threads wait for each other: asleep, so that a step does not collapse beside another busy process.

A thread that waits for another keeps its core busy for milliseconds, as OpenMP is made; where something else wants that
core, the other thread does not get it. `python -m tests.measure.busy_machine` measures what each way costs.
"""

import os
import sys
from collections.abc import MutableMapping

WAITING = {"OMP_WAIT_POLICY": "passive"}
"""What is set where a person sets nothing; empty: as torch has it. No bit of a result depends on it."""

SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def choose_waiting(environment: MutableMapping[str, str], is_loaded: bool) -> str:
    """Set how threads wait, unless the environment says; returns what torch uses. After torch is loaded it is late."""
    if not is_loaded and not any(name in environment for name in SETTINGS):
        environment.update(WAITING)
    return " ".join(f"{name}={environment[name]}" for name in SETTINGS if name in environment) or "as torch has it"


WAY = choose_waiting(os.environ, "torch" in sys.modules)
"""How threads wait in this process; recorded with a run."""
