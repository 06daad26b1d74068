"""Hooks of a person's own: one file of decorated functions, loaded from a text that was agreed to.

Nothing here reads a disk or asks: what comes here may run.
"""

from lmcore.hooks.catalogue import Entries, registering
from lmcore.hooks.source import run_source


def load_source(name: str, text: str) -> Entries:
    """The hooks that an own file defines, by kind and `use`; `name` is the file's, such as my_hooks.py.

    It runs in a module of its own, and its functions never join the built-ins. HookError with the line, and the trace,
    of an error in it.
    """
    entries: Entries = {}
    with registering(entries, name):
        run_source(name, text)
    return entries
