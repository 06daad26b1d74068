"""The lab's state and its decisions are made without a terminal."""

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil, sys
import tui.desk, tui.lab
for room in (tui.desk, tui.lab):
    for module in pkgutil.iter_modules(room.__path__, room.__name__ + "."):
        importlib.import_module(module.name)
assert "tui.desk.reactions" in sys.modules
print([name for name in ("textual", "torch") if name in sys.modules])
"""


def test_they_load_neither_textual_nor_torch() -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True).stdout == "[]\n"
