"""The `lmcore` command: everything that the screens can do, without a screen."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    from lmcore.cli.app import run

    sys.exit(run(sys.argv[1:]))
