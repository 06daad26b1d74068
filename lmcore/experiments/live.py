"""The configuration of a run that goes on: the values it began with, and the changes made since."""

from collections.abc import Iterable

from lmcore.config import (
    ConfigError,
    TrainingConfig,
    field_of,
    get_from_config,
    is_live,
    parse_yaml_value,
    set_in_text,
    to_yaml_value,
    with_value,
)
from lmcore.experiments.folder import RunError
from lmcore.experiments.journal import Change, change_now, replayable


class LiveConfig:
    """The present values and text, and the changes of the journal that are still to be repeated."""

    def __init__(self, config: TrainingConfig, text: str, journal: Iterable[Change] = ()) -> None:
        """`config` and `text` are those the run began with; nothing of the journal acts before `advance_to`."""
        self.config = config
        self.text = text
        self._coming = replayable(journal)

    def advance_to(self, step: int) -> list[Change]:
        """Let every change act that was made at `step` or before, and return those that had not acted yet. RunError."""
        due = [change for change in self._coming if change.step <= step]
        for change in due:
            try:
                self._apply(change)
            except ConfigError as error:
                raise RunError(
                    f"The journal sets {change.key} to {change.new} at step {change.step}, which cannot be: {error}"
                ) from error
        self._coming = self._coming[len(due) :]
        return due

    def check(self, step: int, key: str, yaml_text: str) -> Change:
        """The change of a value after `step` steps, checked and not made yet.

        ConfigError for an unknown key or a wrong value; RunError for a value that a run keeps from its beginning.
        """
        place = self._place(key)
        if not place.startswith("hooks.") and not is_live(field_of(place)):
            raise RunError(f"{key} cannot change while a run goes on; it needs a new run, or a fork of this one.")
        changed = with_value(self.config, place, parse_yaml_value(yaml_text))
        old, new = (to_yaml_value(get_from_config(config, place)) for config in (self.config, changed))
        return change_now(step, key, old, new)

    def make(self, change: Change) -> None:
        """Let a checked change act; changes of the same value that the journal still held are overruled."""
        self._apply(change)
        self._coming = [other for other in self._coming if other.key != change.key]

    def _apply(self, change: Change) -> None:
        place = self._place(change.key)
        self.config = with_value(self.config, place, parse_yaml_value(change.new))
        self.text = set_in_text(self.text, place, change.new)

    def _place(self, key: str) -> str:
        """A key as the configuration has it: a hook is called by its name, and stands there by its number."""
        if key.startswith("hooks.") and key.endswith(".enabled"):
            name = key.removeprefix("hooks.").removesuffix(".enabled")
            for index, hook in enumerate(self.config.hooks):
                if hook.name == name:
                    return f"hooks.{index}.enabled"
            names = ", ".join(hook.name for hook in self.config.hooks) or "none is declared"
            raise RunError(f"There is no hook {name!r}; the hooks of this run: {names}.")
        if key.startswith("hooks"):
            raise RunError(f"{key} cannot change while a run goes on; hooks can only be switched on and off.")
        get_from_config(self.config, key)
        if "." not in key:
            raise RunError(f"{key} is a whole section; name one of its values, as in training.learning_rate.")
        return key


def hook_key(name: str) -> str:
    """The key of a hook's switch in the journal."""
    return f"hooks.{name}.enabled"
