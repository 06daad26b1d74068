"""How the REPL draws text: the configuration's sampling section, with what the person has changed since."""

from collections.abc import Mapping

from lmcore.config import ConfigError, SamplingConfig, TrainingConfig, parse_yaml_value, to_yaml_value, with_value
from lmcore.errors import LabError
from tui.plain_text import shown_text

NAMES = ("temperature", "top_k", "top_p", "max_tokens", "stop", "seed")


class SettingError(LabError):
    """A setting cannot have this value; the text says what would be right."""


def changed(settings: SamplingConfig, name: str, typed: str) -> SamplingConfig:
    """The settings with one of them as typed. `stop` is text and needs no quotes, but may have them, as in YAML."""
    value: object = typed
    if name != "stop" or (len(typed) > 1 and typed[0] == typed[-1] == '"'):
        try:
            value = parse_yaml_value(typed)
        except ConfigError as error:
            raise SettingError(f"/{name} {typed}: {error.problems[0].message}") from error
    try:
        return with_value(TrainingConfig(sampling=settings), f"sampling.{name}", value).sampling
    except ConfigError as error:
        raise SettingError(error.problems[0].message.removeprefix("sampling.")) from error


def with_overrides(settings: SamplingConfig, overrides: Mapping[str, object]) -> SamplingConfig:
    """The settings of a configuration with the person's own on top."""
    return settings.model_copy(update=dict(overrides))


def described(settings: SamplingConfig, width: int = 100) -> str:
    """The settings on one line, shorter where there is little room."""
    number = to_yaml_value
    temperature = "greedy" if settings.temperature == 0 else f"temperature {_plain(settings.temperature)}"
    parts = [
        temperature,
        f"top-k {settings.top_k or 'off'}",
        f"top-p {_plain(settings.top_p)}",
        f"{settings.max_tokens} tokens",
        f"seed {settings.seed}",
    ]
    if settings.stop:
        parts.insert(4, f"stop {shown_text(number(settings.stop), one_line=True)}")
    line = " · ".join(parts)
    if len(line) <= width:
        return line
    short = [
        "greedy" if settings.temperature == 0 else f"temp {_plain(settings.temperature)}",
        *([f"k {settings.top_k}"] if settings.top_k else []),
        *([f"p {_plain(settings.top_p)}"] if settings.top_p < 1 else []),
        f"{settings.max_tokens} tok",
        f"seed {settings.seed}",
    ]
    return " · ".join(short)


def _plain(number: float) -> str:
    return f"{number:g}"
