"""Finding configuration files by name: as given, in ./configs, or among those that come with the package."""

import difflib
import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from lmcore.config.overrides import Overrides
from lmcore.config.problems import ConfigError, general_problem, problem_at
from lmcore.config.schema import TrainingConfig
from lmcore.config.text import parse_config
from lmcore.config.tree import MOST_CHARACTERS
from lmcore.files import read_regular

LOCAL = Path("configs")
SUFFIXES = (".yaml", ".yml")


def packaged_folder() -> Path | None:
    """The folder of the configurations that come with the package, wherever it is installed."""
    import configs

    return Path(configs.__file__).parent if configs.__file__ else None


def is_packaged(path: Path) -> bool:
    """Whether a file is one of the package's starting points, which stay as they are: not where one works on them."""
    folder = packaged_folder()
    with suppress(ValueError):  # of a name that no file can have
        return folder is not None and Path(os.path.realpath(path)).parent == folder.resolve() != LOCAL.resolve()
    return False


def list_configs() -> list[Path]:
    """The configuration files in ./configs and those of the package, by name; a local one hides its namesake."""
    found: dict[str, Path] = {}
    for folder in (packaged_folder(), LOCAL):
        with suppress(OSError):  # of a folder that may not be listed
            entries = folder.iterdir() if folder is not None and folder.is_dir() else ()
            found |= {path.name: path for path in entries if path.suffix in SUFFIXES and path.is_file()}
    return [found[name] for name in sorted(found)]


def find_config(name: str) -> Path:
    """The file that a name means: a path, else ./configs/NAME[.yaml], else one of the package. Raises ConfigError.

    What is there and is no file is never passed over for a namesake, except for a folder or the like without a
    configuration's suffix.
    """
    given = Path(name)
    odd = _why_no_file(given) if name else ""
    if name and not odd and os.path.lexists(given):
        return given
    if odd and given.suffix in SUFFIXES:
        raise ConfigError([general_problem(odd)])
    if given.name == name:
        for path in (LOCAL / f"{name}{suffix}" for suffix in ("", *SUFFIXES)):
            if path.suffix in SUFFIXES and (hidden := _why_no_file(path)):
                raise ConfigError([general_problem(hidden)])
    known = list_configs()
    for path in known:
        if name in (path.name, path.stem):
            return path
    if odd:
        raise ConfigError([general_problem(odd)])
    here = [f"{name}{suffix}" for suffix in SUFFIXES if name and os.path.lexists(Path(f"{name}{suffix}"))]
    names = [path.stem for path in known]
    nearest = here or difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(names)}"
    raise ConfigError([general_problem(f"there is no configuration {name[:100]!r}; {hint}")])


def _why_no_file(path: Path) -> str:
    """Why what is at a path cannot be read as a configuration, in a sentence; "" for a file, and for nothing."""
    if not os.path.lexists(path):
        return ""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        link = f" is a link to {path.readlink()}, which" if path.is_symlink() else ""
        return f"{path}{link} cannot be read: {error.strerror}"
    if stat.S_ISDIR(mode):
        inside = path / "config.yaml"
        hint = f"; did you mean {inside}?" if inside.is_file() else ""
        return f"{path} is a folder, not a configuration file{hint}"
    return "" if stat.S_ISREG(mode) else f"{path} is a pipe or a device: copy its text into a file first"


def read_config_text(path: Path) -> str:
    """The text of a configuration file, be it where a link leads. Raises ConfigError if it cannot be read as text."""
    try:
        content = read_regular(Path(os.path.realpath(path)), 4 * MOST_CHARACTERS)
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        if error.errno == errno.EFBIG:
            message = f"this is very long; a configuration has at most {MOST_CHARACTERS:,} characters"
        raise ConfigError([general_problem(message)], str(path)) from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        readable = content[: error.start].decode("utf-8")
        message = f"the byte 0x{content[error.start]:02X} is not UTF-8: is this a text file?"
        raise ConfigError([problem_at(readable, len(readable), "", message)], str(path)) from error


def load_config(path: Path, overrides: Overrides = ()) -> TrainingConfig:
    """The configuration in a file. Raises ConfigError, its lines beginning with the file's name."""
    return parse_config(read_config_text(path), str(path), overrides)
