"""The tags of a run, or of several, as one line to edit."""

from collections.abc import Sequence

from lmcore.experiments.runs.tags import problem_with_tag
from tui.dialogs.ask_text import AskTextDialog


class TagsDialog(AskTextDialog):
    """Ask for the tags that all of the named runs are to have. Dismissed with the line, which may be empty, or None."""

    def __init__(self, names: Sequence[str], tags: Sequence[str]) -> None:
        whose = names[0] if len(names) == 1 else f"these {len(names)} runs (those that all have)"
        text = f"Tags of {whose}, with blanks between them:"
        super().__init__("Tags", text, " ".join(tags), yes="Save", problem_with=_problem, may_be_empty=True)


def _problem(line: str) -> str:
    return next((problem for tag in line.split() if (problem := problem_with_tag(tag))), "")
