"""Python files of a person's own that a configuration names: which, where they lie, and what a run keeps of them.

A configuration names them as `FILE.py:NAME` (a hook's `use`, `training.optimizer`); they lie beside it. A run keeps
every version that it ever used: `code/my_hooks.py` as it began, later ones as `code/my_hooks.<digest>.py`. Nothing here
runs them.
"""

import ast
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lmcore.config import HookConfig, TrainingConfig
from lmcore.experiments.runs.folder import RunError, plainly
from lmcore.files import check_folder, make_folder, read_regular, write_whole
from lmcore.places import at_home
from lmcore.protocol.messages import OwnFile

CODE = "code"
"""The folder inside a run directory."""

MOST_BYTES = 2**20

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\.py")


@dataclass
class OwnCode:
    """The own files of an open run: the versions that act now, and the folder that they came from."""

    files: dict[str, OwnFile] = field(default_factory=dict)  # by name
    folder: Path | None = None

    @property
    def sources(self) -> dict[str, str]:
        """The text of each file, by its name."""
        return {name: file.text for name, file in self.files.items()}

    @property
    def digests(self) -> dict[str, str]:
        """The digest of each file, by its name."""
        return {name: file.digest for name, file in self.files.items()}

    def read_new(self, names: Iterable[str]) -> tuple[OwnFile, ...]:
        """Those of the named files that are not used yet, as they are beside the configuration now. RunError."""
        new = tuple(name for name in names if name not in self.files)
        if new and self.folder is None:
            raise RunError(f"It is not known where {', '.join(new)} should lie: the run began without such a folder.")
        return read_own_files(new, self.folder) if self.folder is not None else ()


def recorded_digests(run: Mapping[str, Any]) -> dict[str, str]:
    """The own files that a run began with, by what its run.json says: name → digest."""
    digests = run.get("own_code")
    return {str(name): str(digest) for name, digest in digests.items()} if isinstance(digests, dict) else {}


def file_of(use: str) -> str | None:
    """The file that `FILE.py:NAME` names, or None for the name of a built-in."""
    file, colon, _ = use.rpartition(":")
    return file if colon else None


def named_files(config: TrainingConfig) -> tuple[str, ...]:
    """The files that a configuration names, each once. RunError for one that is not simply a file beside it."""
    return _plain([config.training.optimizer, *(hook.use for hook in config.hooks)])


def learned_files(config: TrainingConfig) -> tuple[str, ...]:
    """Those of them that change what is learned: a hook that is switched off runs nothing of its file."""
    return _plain([config.training.optimizer, *(hook.use for hook in config.hooks if hook.enabled)])


def files_of_hooks(hooks: Iterable[HookConfig]) -> tuple[str, ...]:
    """The files that some hooks name, each once. RunError for one that is not simply a file's name."""
    return _plain([hook.use for hook in hooks])


def _plain(uses: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys(name for name in map(file_of, uses) if name is not None)
    for name in names:
        if not PLAIN_NAME.fullmatch(name):
            raise RunError(
                f"{name!r} cannot be used: a file of one's own lies beside the configuration and is named by its plain "
                "name, such as my_hooks.py:function."
            )
    return tuple(names)


def read_own_files(names: Iterable[str], folder: Path) -> tuple[OwnFile, ...]:
    """The files as they lie beside the configuration now. RunError for one that cannot be read."""
    return tuple(read_own_file(at_home(folder).absolute() / name) for name in names)


def read_own_file(path: Path, name: str = "") -> OwnFile:
    """One file of the person's as it is now, be it where a link leads. RunError if it is not there, not text, or far
    too large."""
    return replace(_read(path.resolve(), name or path.name), path=str(path))


def _read(path: Path, name: str) -> OwnFile:
    try:
        content = read_regular(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise RunError(f"The configuration names {path.name}, but {path.parent} has no such file.") from error
    except OSError as error:
        raise RunError(f"Cannot read {path}: {error.strerror}.") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is not text in UTF-8 (byte {error.start + 1:,}), so it is not run.") from error
    _refuse_other_files(name, text, path.parent)
    return OwnFile(name, str(path), digest_of(content), text)


def _refuse_other_files(name: str, text: str, folder: Path) -> None:
    """RunError where a file imports another that lies beside it or in the working folder: nobody was shown that one,
    and it would be no part of what makes the run what it is."""
    for line, module in _imported(text):
        if (place := _place_of(module, (folder, Path.cwd()))) is not None:
            raise RunError(
                f"{name}, line {line}, imports {module or 'a module beside it'} from {place}, which you were not asked "
                f"about and which the run would not keep. Put what it needs into {name} itself, or install it as a "
                "package."
            )


def _imported(text: str) -> Iterator[tuple[int, str]]:
    """Line and top-level name of every import, also inside functions; "" for one that is relative."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # it cannot run either; what is wrong is said, with its line, where it would
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "" if node.level else (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value.partition(".")[0]


def _place_of(module: str, folders: Iterable[Path]) -> Path | None:
    """The file or folder from which an import would take a module, if it lies in one of these folders."""
    if not module:
        return next(iter(folders))
    if module in sys.stdlib_module_names or module == "lmcore":
        return None
    here = [folder.resolve() for folder in folders]
    found: list[str] = []
    with suppress(ImportError, ValueError, AttributeError):
        if (spec := find_spec(module)) is not None:
            found = [*([spec.origin] if spec.origin else []), *(spec.submodule_search_locations or [])]
    if found:
        inside = [Path(one) for one in found if any(Path(one).resolve().parent in (f, f / module) for f in here)]
        return inside[0] if inside else None
    beside = [folder / entry for folder in here for entry in (f"{module}.py", module)]
    return next((path for path in beside if path.exists()), None)


def digest_of(content: bytes) -> str:
    """SHA-256 (hex) of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


def keep(run_folder: Path, file: OwnFile) -> None:
    """Put a version into the run directory, unless it is there already. RunError if it cannot be written."""
    folder = run_folder / CODE
    with plainly("write", folder):
        make_folder(folder)
        for path in _places(run_folder, file.name, file.digest):
            if not os.path.lexists(path):
                write_whole(path, file.text)
                return
            if _read(path, file.name).digest == file.digest:
                return
    raise RunError(f"Cannot keep {file.name} in {folder}: another file has its place.")


def kept(run_folder: Path, name: str, digest: str) -> OwnFile:
    """A version that the run used, by its digest. RunError if it is missing or is not what it was."""
    if _plain([f"{name}:"]) and re.fullmatch(r"[0-9a-f]{64}", digest):
        with plainly("read", run_folder / CODE), suppress(FileNotFoundError):
            check_folder(run_folder / CODE)
        for path in _places(run_folder, name, digest):
            if os.path.lexists(path) and (file := _read(path, name)).digest == digest:
                return file
    raise RunError(
        f"{run_folder.name} used {name} with the digest {digest[:12]}, and no file in {run_folder / CODE} is that: it "
        "was changed or removed since. Bring it back to go on."
    )


def _places(run_folder: Path, name: str, digest: str) -> tuple[Path, Path]:
    folder = run_folder / CODE
    return folder / name, folder / f"{name.removesuffix('.py')}.{digest[:16]}.py"
