"""The `lmlab` command: it reads its arguments, and opens the laboratory."""

from lmcore.interpreters import leave_out_working_folder

if __name__ == "__main__":
    leave_out_working_folder()

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the laboratory; the exit status: 0, 1 if it broke or could not save, 2 for wrong input, 128 + a signal."""
    try:
        return _main(arguments)
    except KeyboardInterrupt:  # before the laboratory is on the screen, or after
        print("Interrupted.", file=sys.stderr)
        return 130


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="lmlab", description="A laboratory in the terminal: train, watch and dissect a small language model."
    )
    parser.add_argument("config", nargs="?", help="a configuration file, or the name of one (default: baseline)")
    parser.add_argument("--runs-folder", type=Path, metavar="DIR", help="where runs are (default: as configured)")
    parser.add_argument(
        "--theme", choices=("dark", "light", "terminal"), help="colours (default: what the terminal can)"
    )
    parser.add_argument("--version", action="store_true", help="say the version and exit")
    options = parser.parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        print(f"lmlab {version('lmlab')}")
        return 0
    path = None
    if options.config is not None:
        path = _config_path(options.config)
        if path is None:
            return 2
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(
            "lmlab needs a terminal, and this is none. Without one, `lmcore train CONFIG` trains, for example: "
            "lmcore train baseline",
            file=sys.stderr,
        )
        return 2
    if os.environ.get("TERM") == "dumb":
        print(
            "lmlab draws on the whole screen, and this terminal cannot (TERM is dumb). `lmcore train CONFIG` trains "
            "without one, for example: lmcore train baseline",
            file=sys.stderr,
        )
        return 2
    return _open(path, options.runs_folder, options.theme)


def _config_path(name: str) -> Path | None:
    """The file of a configuration; None, after a sentence on stderr, if there is none."""
    from lmcore.places import is_file

    if is_file(name):
        return Path(name)
    from lmcore.config import ConfigError, find_config  # slow to import, and seldom needed

    try:
        return find_config(name)
    except ConfigError as error:
        print(f"lmlab: {error}", file=sys.stderr)
        return None


def _open(path: Path | None, runs_folder: Path | None, theme: str | None) -> int:
    from lmcore.process.client.client import CoreClient, prepare_to_spawn
    from tui.app import LabApp
    from tui.desk.departure import last_words
    from tui.plain_text import shown_text

    prepare_to_spawn()
    app = LabApp(path, CoreClient, runs_folder, f"lab-{theme}" if theme else "")
    threading.excepthook = lambda broken: app.thread_broke(broken.exc_value)
    try:
        app.run()
    finally:
        app.core.shut_down(0 if app.desk.leaving.problem else 60.0)
    status, words = last_words(app.desk, app.return_code)
    if words:
        with suppress(OSError):  # the terminal may be gone
            print(f"lmlab: {shown_text(words)}", file=sys.stderr)
    return status or app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
