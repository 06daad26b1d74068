"""A new name for a run."""

from tui.screens.dialogs.ask_text import AskTextDialog


class RenameDialog(AskTextDialog):
    """Ask for a run's new name. Dismissed with it, or None."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__("Rename", f"A new name for {name}:", title, yes="Rename", problem_with=_problem)


def _problem(name: str) -> str:
    if len(name) > 100:
        return "A name has at most 100 characters."
    return "A name is one line of printable characters." if not name.isprintable() else ""
