"""Saving a configuration under another name."""

from pathlib import Path

from lmcore.config import is_packaged
from lmcore.config.locate import LOCAL
from lmcore.places import at_home, is_file, is_folder
from tui.dialogs.ask_text import AskTextDialog


def as_config_path(name: str) -> Path:
    """The path that a person means: with `.yaml` when no suffix is given, `~` expanded."""
    path = at_home(name)
    return path if path.suffix in (".yaml", ".yml") else path.parent / f"{path.name}.yaml"


def _problem(name: str) -> str:
    path = as_config_path(name)
    if is_folder(path) or is_folder(at_home(name)):
        return f"{name} is a folder: add a file name."
    if not is_folder(path.parent) and path.parent != LOCAL:
        return f"The folder {path.parent} does not exist."
    if is_packaged(path):
        return "This one comes with lmlab and stays as it is: choose another folder or name."
    return ""


def _warning(name: str) -> str:
    path = as_config_path(name)
    if not is_folder(path.parent):
        return f"The folder {path.parent} will be made."
    return f"{path} exists and will be replaced." if is_file(path) else ""


class SaveAsDialog(AskTextDialog):
    """Ask where to save the configuration. Dismissed with what was typed; see `as_config_path`."""

    def __init__(self, path: Path | None) -> None:
        suggestion = "configs/mine.yaml" if path is None else str(path)
        super().__init__(
            "Save as", "Save the configuration in this file:", suggestion, problem_with=_problem, warning_about=_warning
        )
