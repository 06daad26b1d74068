"""Python processes of ours, this one and those that it starts: none imports from the folder that a person works in.

That folder may be a stranger's, or have a random.py of the person's own. Nothing but what Python has loaded before any
module of ours is imported here, for the same reason.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
"""The folder that lmcore lies in: site-packages, or a checkout of the source."""

SAFE_PATH = "PYTHONSAFEPATH"
"""The environment variable by which Python leaves the working folder out, as by -P."""

_BEGIN = (
    "import sys; at = [i for i, p in enumerate(sys.path) if p.endswith('-packages')]; "
    "sys.path.insert(min(at, default=len(sys.path)), sys.argv.pop(1)); "
    "from lmcore.cli import main; main()"
)
"""`lmcore` from the folder that is the first argument, which hides no module of Python's own."""


def lmcore_command(*arguments: str) -> list[str]:
    """The command line of this very lmcore in a Python of its own, wherever it is started."""
    return [sys.executable, "-P", "-c", _BEGIN, ROOT, *arguments]


def leave_out_working_folder() -> None:
    """Import nothing more from the working folder, where `python -m` looks first; a checkout follows Python's own."""
    try:
        here = os.path.realpath(os.getcwd())  # noqa: PTH109
    except OSError:  # it is gone
        here = ""
    path = [entry for entry in sys.path if os.path.realpath(entry) != here]
    if os.path.realpath(ROOT) == here:
        path.insert(next((i for i, entry in enumerate(path) if entry.endswith("-packages")), len(path)), ROOT)
    sys.path[:] = path
