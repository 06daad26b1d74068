"""The configuration of a run that goes on: the values it began with, and the changes made since."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from lmcore.config import (
    TrainingConfig,
    field_of,
    get_from_config,
    is_live,
    parse_yaml_value,
    set_in_text,
    to_yaml_value,
    with_value,
)
from lmcore.config.hook_list import hooks_difference, hooks_text
from lmcore.errors import LabError
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import CODE_KEY, HOOKS_KEY, change_now, overrules, replayable
from lmcore.protocol.messages import ValueChanged

LIVE_OF_HOOK = ("enabled", "at", "with", "from_step", "until_step")
"""What of a single hook may change while a run goes on; the whole list may, too."""


class LiveConfig:
    """The present values, text and versions of own files, and the changes of the journal that are still to come."""

    def __init__(
        self,
        config: TrainingConfig,
        text: str,
        journal: Iterable[ValueChanged] = (),
        code: Mapping[str, str] | None = None,
    ) -> None:
        """`config`, `text` and `code` (name → digest) are those the run began with; nothing of the journal acts yet."""
        self.config = config
        self.text = text
        self.code = dict(code or {})
        self._began_with = (config, text, dict(self.code))
        self._known = list(journal)  # every change, in the order in which they were made
        self._coming = replayable(self._known)

    @property
    def coming_code(self) -> tuple[tuple[str, str], ...]:
        """Name and digest of every version of an own file that the journal still holds."""
        code = [change for change in self._coming if change.key.startswith(CODE_KEY)]
        return tuple((change.key.removeprefix(CODE_KEY), change.new) for change in code)

    def next_due(self, step: int) -> ValueChanged | None:
        """The next change of the journal, if it was made at `step` or before; it does not act yet."""
        return self._coming[0] if self._coming and self._coming[0].step <= step else None

    def repeat(self) -> None:
        """Let the next change of the journal act. RunError if it cannot be."""
        change = self._coming[0]
        with explained(change):
            self._apply(change)
        del self._coming[0]

    def advance_to(self, step: int) -> None:
        """Let every change of the journal act that was made at `step` or before. RunError."""
        while self.next_due(step) is not None:
            self.repeat()

    def at(self, step: int) -> "LiveConfig":
        """The values as they were after `step` steps, with all that was changed then. RunError."""
        config, text, code = self._began_with
        then = LiveConfig(config, text, self._known, code)
        then.advance_to(step)
        return then

    def check(self, step: int, key: str, yaml_text: str) -> ValueChanged:
        """The change of a value after `step` steps, checked and not made yet.

        ConfigError for an unknown key or a wrong value; RunError for a value that a run keeps from its beginning.
        """
        place = self._place(key)
        self._refuse_if_kept(key, place)
        changed = with_value(self.config, place, parse_yaml_value(yaml_text))
        return change_now(step, key, _text_at(self.config, place), _text_at(changed, place))

    def after(self, change: ValueChanged) -> TrainingConfig:
        """The values as they would be after a checked change."""
        return with_value(self.config, self._place(change.key), parse_yaml_value(change.new))

    def make(self, change: ValueChanged) -> None:
        """Let a checked change act; changes of the same value that the journal still held are overruled."""
        self._apply(change)
        self._known.append(change)
        self._coming = [other for other in self._coming if not overrules(change.key, other.key)]

    def told(self, change: ValueChanged) -> ValueChanged:
        """A change that acts now, with what it led to."""
        words = hooks_difference(change.old, change.new) if change.key == "hooks" else ""
        values = self.config.model_dump(by_alias=True)
        return replace(change, config_text=self.text, values=values, words=words)

    def _apply(self, change: ValueChanged) -> None:
        if change.key.startswith(CODE_KEY):
            self.code[change.key.removeprefix(CODE_KEY)] = change.new
            return
        place = self._place(change.key)
        self._refuse_if_kept(change.key, place)
        config = with_value(self.config, place, parse_yaml_value(change.new))
        self.text = set_in_text(self.text, place, change.new)
        self.config = config

    def _refuse_if_kept(self, key: str, place: str) -> None:
        if not key.startswith("hooks") and not is_live(field_of(place)):
            raise RunError(f"{key} cannot change while a run goes on; it needs a new run, or a fork of this one.")

    def _place(self, key: str) -> str:
        """A key as the configuration has it: a hook is called by its name, and stands there by its number."""
        if key == HOOKS_KEY.rstrip("."):
            return key
        if key.startswith(HOOKS_KEY):
            name, _, field = key.removeprefix(HOOKS_KEY).rpartition(".")
            if field not in LIVE_OF_HOOK:
                raise RunError(
                    f"{key} cannot change by itself; of a hook these can: {', '.join(LIVE_OF_HOOK)}. Set the whole "
                    "list `hooks` to add, remove or reorder."
                )
            for index, hook in enumerate(self.config.hooks):
                if hook.name == name:
                    return f"hooks.{index}.{field}"
            names = ", ".join(hook.name for hook in self.config.hooks) or "none is declared"
            raise RunError(f"There is no hook {name!r}; the hooks of this run: {names}.")
        get_from_config(self.config, key)
        if "." not in key:
            raise RunError(f"{key} is a whole section; name one of its values, as in training.learning_rate.")
        return key


@contextmanager
def explained(change: ValueChanged) -> Iterator[None]:
    """Say of an error which change of the journal it came from."""
    try:
        yield
    except LabError as error:
        value = change.new if len(change.new) <= 100 else f"{change.new[:100]}…"
        raise RunError(
            f"The journal sets {change.key} to {value} at step {change.step}, which cannot be: {error}"
        ) from error


def _text_at(config: TrainingConfig, place: str) -> str:
    """A value as YAML text on one line."""
    value = get_from_config(config, place)
    return hooks_text(value) if place == "hooks" else to_yaml_value(value)
