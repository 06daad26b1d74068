"""Finding configuration files by name: as given, in ./configs, or among those that come with the package."""

import difflib
from contextlib import suppress
from pathlib import Path

from lmcore.config.overriding import Overrides
from lmcore.config.problems import ConfigError, general_problem, problem_at
from lmcore.config.schema import TrainingConfig
from lmcore.config.text import parse_config
from lmcore.config.tree import MOST_CHARACTERS


def packaged_folder() -> Path | None:
    """The folder of the configurations that come with the package, wherever it is installed."""
    import configs

    return Path(configs.__file__).parent if configs.__file__ else None


def list_configs() -> list[Path]:
    """The configuration files in ./configs and those of the package, by name; a local one hides its namesake."""
    found: dict[str, Path] = {}
    for folder in (packaged_folder(), Path("configs")):
        if folder is not None and folder.is_dir():
            found |= {
                path.name: path for path in folder.iterdir() if path.suffix in (".yaml", ".yml") and path.is_file()
            }
    return [found[name] for name in sorted(found)]


def find_config(name: str) -> Path:
    """The file that a name means: a path, else ./configs/NAME[.yaml], else one of the package. Raises ConfigError."""
    given, is_folder = Path(name), False
    with suppress(OSError, ValueError):  # a name that the file system cannot hold
        if name and given.is_file():
            return given
        is_folder = bool(name) and given.is_dir()
    known = list_configs()
    for path in known:
        if name in (path.name, path.stem):
            return path
    if is_folder:
        raise ConfigError([general_problem(f"{name} is a folder, not a configuration file")])
    names = [path.stem for path in known]
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(names)}"
    raise ConfigError([general_problem(f"there is no configuration {name[:100]!r}; {hint}")])


def read_config_text(path: Path) -> str:
    """The text of a configuration file. Raises ConfigError if it cannot be read as text."""
    try:
        if not path.is_file() and not path.is_dir() and path.exists():  # to open a pipe may wait for ever
            raise ConfigError([general_problem("cannot be read: it is a pipe or a device, not a file")], str(path))
        with path.open("rb") as file:
            content = file.read(4 * MOST_CHARACTERS + 1)
    except OSError as error:
        raise ConfigError([general_problem(f"cannot be read: {error.strerror or error}")], str(path)) from error
    if len(content) > 4 * MOST_CHARACTERS:
        message = f"this is very long; a configuration has at most {MOST_CHARACTERS:,} characters"
        raise ConfigError([general_problem(message)], str(path))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        readable = content[: error.start].decode("utf-8")
        message = f"the byte 0x{content[error.start]:02X} is not UTF-8: is this a text file?"
        raise ConfigError([problem_at(readable, len(readable), "", message)], str(path)) from error


def load_config(path: Path, overrides: Overrides = ()) -> TrainingConfig:
    """The configuration in a file. Raises ConfigError, its lines beginning with the file's name."""
    return parse_config(read_config_text(path), str(path), overrides)
