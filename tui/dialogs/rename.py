"""A new name for a run."""

from lmcore.experiments.runs.listing import title_problem
from tui.dialogs.ask_text import AskTextDialog


class RenameDialog(AskTextDialog):
    """Ask for a run's new name. Dismissed with it, or None."""

    def __init__(self, name: str, title: str) -> None:
        super().__init__("Rename", f"A new name for {name}:", title, yes="Rename", problem_with=title_problem)
