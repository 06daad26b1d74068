"""What differs between the configurations, the data, the code and the machines of several runs, by what it means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lmcore.config import (
    ConfigError,
    TrainingConfig,
    differences,
    field_of,
    get_from_config,
    is_learned,
    to_yaml_value,
)
from lmcore.experiments.comparison.recorded import RecordedRun
from lmcore.experiments.journal import CODE_KEY

Meaning = Literal["learned", "seed", "judged", "data", "code", "machine", "presentation"]
"""What a difference bears on: what is learned; chance; how a model is judged; text and tokens; lmcore's and own code;
the last bits of every number; or nothing but names, records and the screen."""

MEANINGS: tuple[Meaning, ...] = ("learned", "seed", "judged", "data", "code", "machine", "presentation")

_OF_KEYS: dict[str, Meaning] = {
    "other.seed": "seed",
    "evaluation.batches": "judged",
    "evaluation.stride": "judged",
    "evaluation.batch_size": "judged",
    "other.device": "machine",
    "other.threads": "machine",
}

_RECORDED: tuple[tuple[str, str, Meaning], ...] = (
    ("data_fingerprint", "text and tokens", "data"),
    ("tokenizer_fingerprint", "tokenizer", "data"),
    ("code_digest", "code of lmcore", "code"),
    ("device", "device", "machine"),
)
_ENVIRONMENT = ("torch", "threads", "processor", "instructions")


@dataclass(frozen=True)
class Setting:
    """One thing in which runs differ: its value in each run, in their order, as text; a dash where it is not known."""

    key: str
    meaning: Meaning
    values: tuple[str, ...]


def differing_settings(runs: Sequence[RecordedRun]) -> tuple[Setting, ...]:
    """Everything in which runs differ: what matters most first, then in the schema's order."""
    found = [*_of_configurations(runs), *_of_records(runs)]
    return tuple(sorted(found, key=lambda setting: MEANINGS.index(setting.meaning)))


def _of_configurations(runs: Sequence[RecordedRun]) -> Iterator[Setting]:
    configs = [run.config for run in runs]
    known = [config for config in configs if config is not None]
    keys = dict.fromkeys(difference.key for config in known[1:] for difference in differences(known[0], config))
    sections = list(TrainingConfig.model_fields)
    for key in sorted(keys, key=lambda key: sections.index(key.split(".")[0])):
        yield Setting(key, meaning_of(key), tuple(_value(config, key) for config in configs))


def _value(config: TrainingConfig | None, key: str) -> str:
    if config is None:
        return "–"
    if key == "hooks":
        return to_yaml_value([hook.model_dump(by_alias=True, exclude_defaults=True) for hook in config.hooks])
    try:
        return to_yaml_value(get_from_config(config, key))
    except ConfigError:  # a hook that this one has not
        return "–"


def _of_records(runs: Sequence[RecordedRun]) -> Iterator[Setting]:
    for entry, name, meaning in _RECORDED:
        yield from _if_differing(name, meaning, [run.identity.get(entry) for run in runs])
    files = dict.fromkeys(name for run in runs for name in _table(run, "own_code"))
    for name in files:
        yield from _if_differing(f"own code {name}", "code", [_table(run, "own_code").get(name) for run in runs])
    for name in _ENVIRONMENT:
        yield from _if_differing(name, "machine", [_table(run, "environment").get(name) for run in runs])
    made = dict.fromkeys((change.step, change.key, change.old, change.new) for run in runs for change in run.changes)
    for made_change in made:
        step, key, old, new = made_change
        has = [any((c.step, c.key, c.old, c.new) == made_change for c in run.changes) for run in runs]
        if not all(has):
            values = tuple(f"{old} → {new}" if made_here else "–" for made_here in has)
            yield Setting(f"{key} after step {step:,}", meaning_of(key), values)


def meaning_of(key: str) -> Meaning:
    """What a difference at a key of the configuration, or of the journal, bears on."""
    if key in _OF_KEYS:
        return _OF_KEYS[key]
    if key.startswith(CODE_KEY):
        return "code"
    try:
        return "learned" if is_learned(field_of(key)) else "presentation"
    except KeyError:  # hooks, all of them or one value of one
        return "learned"


def _table(run: RecordedRun, entry: str) -> dict[str, object]:
    table = run.identity.get(entry)
    return table if isinstance(table, dict) else {}


def _if_differing(name: str, meaning: Meaning, values: Sequence[object]) -> Iterator[Setting]:
    if any(value != values[0] for value in values):
        yield Setting(name, meaning, tuple("–" if value is None else str(value)[:16] for value in values))
