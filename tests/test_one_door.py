"""No file of a run is opened past lmcore/files.py: the code is read for every other way to open, make or move one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lmcore
import tui

DOOR = "lmcore/files.py"

ALLOWED: dict[str, tuple[set[str], str]] = {
    "lmcore/cli/app.py": ({"os.open"}, "os.devnull"),
    "lmcore/cli/hooks.py": ({"read_text"}, "our own code"),
    "lmcore/cli/interruption.py": ({"os.open"}, "os.devnull"),
    "lmcore/cli/workspace.py": ({"mkdir", "read_bytes"}, "a new workspace of the user's, from our own configs"),
    "lmcore/cli/output.py": ({"builtin open", "os.open"}, "the command's own output, and os.devnull"),
    "lmcore/config/cores.py": ({"read_text"}, "what the system says of a container"),
    "lmcore/data/cache.py": (
        {"import mmap", "import shutil", "import tempfile"} | {"mkdir", "open", "read_bytes", "rename"},
        "the cache of tokens, which no stranger gives",
    ),
    "lmcore/data/download.py": ({"import tempfile", "mkdir", "open", "replace", "unlink"}, "the cache of downloads"),
    "lmcore/data/text_files.py": ({"open", "os.open"}, "the user's texts"),
    "lmcore/experiments/identity/identity.py": ({"read_bytes"}, "our own code"),
    "lmcore/experiments/runs/lines.py": ({"import mmap"}, "of a file that the door has opened"),
    "lmcore/experiments/runs/lock.py": ({"import fcntl", "read_text"}, "of a file that the door has opened; /proc"),
    "lmcore/experiments/identity/named_code.py": ({"read_text"}, "our own code"),
    "lmcore/experiments/verification/verification.py": (
        {"import tempfile"},
        "a temporary folder with an unforeseen name",
    ),
    "lmcore/hooks/replaced_gradient.py": ({"replace"}, "of no file"),
    "lmcore/places.py": ({"import tempfile", "mkdir"}, "the person's own folders, which are in no run"),
    "lmcore/memory.py": ({"read_text"}, "/proc"),
    "lmcore/process/core/child.py": ({"builtin open", "os.open"}, "the child's own descriptors, and os.devnull"),
    "lmcore/process/client/client.py": (
        {"import tempfile"},
        "a folder for the core's log, with an unforeseen name",
    ),
    "lmcore/training/determinism.py": ({"read_text"}, "/proc"),
    "tui/panes/config/files.py": ({"import tempfile", "mkdir", "replace", "unlink"}, "the user's own configuration"),
    "tui/panes/repl/prompt_history.py": ({"mkdir", "open", "unlink"}, "the user's own history of prompts"),
}
"""Other ways that are in use: where, which, and with what kind of file."""

MODULES = {"shutil", "tempfile", "mmap", "fcntl"}
OF_OS = {
    *("open", "replace", "rename", "renames", "truncate", "remove", "unlink", "rmdir", "removedirs", "mkdir"),
    *("makedirs", "link", "symlink", "mkfifo", "mknod"),
}
OF_ANYTHING = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "touch", "rename", "unlink", "rmdir", "mkdir"),
    *("symlink_to", "hardlink_to", "load_file", "save_file", "save_model", "safe_open", "fromfile", "tofile"),
    "memmap",
}
OF_TORCH = {"load", "save"}
OPENS = re.compile(r"[rwaxbt+]+")


def ways(tree: ast.AST) -> Iterator[str]:
    """What a module's code opens, makes, moves or removes files with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"import {name.name}" for name in node.names if name.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            names = {name.name for name in node.names}
            if node.module in MODULES:
                yield f"import {node.module}"
            elif node.module in ("os", "io", "codecs"):
                yield from (f"os.{name}" for name in names & OF_OS)
            elif (node.module or "").startswith("safetensors"):
                yield from names & OF_ANYTHING
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner in ("os", "io", "codecs") and node.attr in OF_OS:
                yield f"os.{node.attr}"
            elif node.attr in OF_ANYTHING or (owner in ("torch", "np", "numpy") and node.attr in OF_TORCH):
                yield node.attr
        elif isinstance(node, ast.Call):
            yield from _called(node)


def _called(node: ast.Call) -> Iterator[str]:
    """Calls that only their arguments tell from others of the same name: `Path.open`, `Path.replace`, `open`."""
    keywords = {keyword.arg for keyword in node.keywords}
    if isinstance(node.func, ast.Name) and node.func.id == "open":
        yield "builtin open"
    if not isinstance(node.func, ast.Attribute):
        return
    first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
    is_mode = isinstance(first, str) and OPENS.fullmatch(first)
    is_bare = not node.args and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "self")
    if node.func.attr == "open" and (is_mode or is_bare or keywords & {"mode", "encoding", "buffering", "newline"}):
        yield "open"
    if node.func.attr == "replace" and len(node.args) == 1 and not keywords:
        yield "replace"


def sources() -> Iterator[tuple[str, Path]]:
    """Our modules, by their path from the root."""
    for package in (lmcore, tui):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            yield path.relative_to(root.parent).as_posix(), path


def test_every_file_is_opened_by_the_door() -> None:
    past: dict[str, list[str]] = {}
    for name, path in sources():
        used = set(ways(ast.parse(path.read_text(encoding="utf-8")))) - ALLOWED.get(name, (set[str](), ""))[0]
        if used and name != DOOR:
            past[name] = sorted(used)
    assert past == {}


def test_each_way_past_the_door_is_seen() -> None:
    for line in (
        "open(path)",
        "path.open()",
        "path.open('rb')",
        "path.open(encoding='utf-8')",
        "path.read_bytes()",
        "map(Path.read_text, paths)",
        "path.write_text(text)",
        "path.touch()",
        "path.replace(target)",
        "path.rename(target)",
        "os.open(path, os.O_RDONLY)",
        "os.truncate(path, 0)",
        "io.open(path)",
        "from os import replace",
        "import shutil",
        "from tempfile import mkstemp",
        "import mmap",
        "safetensors.torch.load_file(path)",
        "from safetensors import safe_open",
        "torch.load(path)",
    ):
        assert list(ways(ast.parse(line))), line
    for line in (
        "text.replace('a', 'b')",
        "safetensors.torch.load(data)",
        "Experiment.open(folder)",
        "replace(a, b=1)",
    ):
        assert not list(ways(ast.parse(line))), line
