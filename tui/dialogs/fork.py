"""What a fork changes: nothing, or one thing."""

from lmcore.config import ConfigError, get_from_config, parse_config, shortening_notes, to_yaml_value
from tui.dialogs.ask_text import AskTextDialog
from tui.plain_text import shown_text

EXAMPLE = "training.learning_rate=3e-3"


class ForkDialog(AskTextDialog):
    """Ask for the one change of a fork. Dismissed with it as `key=value`, with "" for none, or None.

    `from_weights` then says whether the fork takes the weights alone.
    """

    hint = "enter forks · tab for weights only · esc cancels"

    def __init__(self, name: str, step: int, config_text: str, is_open: bool) -> None:
        """`is_open`: the run is the one that is open in the lab."""
        stays = "is stopped and saved as it is now" if is_open else "stays as it is"
        text = (
            f"A new run that goes on from step {step:,} of {shown_text(name, one_line=True)}, which {stays}.\n\n"
            f"One thing may be changed, such as {EXAMPLE}. With an empty line nothing is, and the fork goes its "
            "parent's way, bit for bit.\n\nWith its weights only it begins at step 0, with a fresh schedule and "
            "optimizer."
        )
        super().__init__(
            f"Fork at step {step:,}",
            text,
            yes="Fork",
            problem_with=lambda change: problem_with(config_text, change),
            meaning_of=lambda change: says(config_text, change),
            may_be_empty=True,
        )
        self.choices = (("cancel", "Cancel"), ("weights", "Weights only"), ("yes", "Fork"))
        self.from_weights = False

    def choose(self, choice: str) -> None:
        """Fork, of the moment or of its weights alone, or cancel."""
        self.from_weights = choice == "weights"
        super().choose("cancel" if choice == "cancel" else "yes")


def as_change(text: str) -> tuple[str, str]:
    """`key=value` as a key and a value in YAML."""
    key, _, value = text.partition("=")
    return key.strip(), value.strip()


def problem_with(config_text: str, change: str) -> str:
    """Why a change cannot be, in a sentence; "" if it can."""
    key, value = as_change(change)
    if not change:
        return ""
    if not key or not value:
        return f"Write it as key=value, such as {EXAMPLE}."
    try:
        parse_config(config_text, overrides=[(key, value)])
    except ConfigError as error:
        return "; ".join(problem.message for problem in error.problems) or str(error)
    return ""


def says(config_text: str, change: str) -> str:
    """What a change comes to, from which value to which."""
    key, value = as_change(change)
    changes = [(key, value)]
    old, new = (
        to_yaml_value(get_from_config(parse_config(config_text, overrides=overrides), key))
        for overrides in ([], changes)
    )
    if old == new:
        return f"{key} is {old} already."
    return "\n".join((f"{key}: {old} → {new}", *shortening_notes(config_text, changes)))
