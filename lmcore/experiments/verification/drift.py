"""What of a run is not as it was recorded: its identity, its files, the machine."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcore.config import TrainingConfig, parse_config
from lmcore.data.dataset import prepare
from lmcore.data.errors import DataError
from lmcore.data.ingest import OnProgress
from lmcore.data.tokenizers import load_tokenizer
from lmcore.experiments.identity.identity import code_digest, config_hash, id_with_weights, run_id, weights_of
from lmcore.experiments.identity.own_code import kept, learned_files, recorded_digests
from lmcore.experiments.opening import journal_problem
from lmcore.experiments.runs.folder import CONFIG, JOURNAL, METRICS, SAMPLES, RunError
from lmcore.experiments.runs.journal import CODE_KEY, read_changes, read_journal, replayable
from lmcore.experiments.runs.lines import read_lines
from lmcore.experiments.runs.listing import read_config_text
from lmcore.experiments.runs.live import LiveConfig
from lmcore.experiments.runs.metrics import count_damaged
from lmcore.experiments.verification.bitwise import logged_rows
from lmcore.training.checkpoints import (
    CheckpointError,
    find_checkpoint,
    is_valid,
    kept_weights_digest,
    list_checkpoints,
)
from lmcore.training.determinism import environment, set_threads
from lmcore.training.devices import choose_device


@dataclass(frozen=True)
class Drift:
    """One part of a run that is not as it was recorded; values as text."""

    part: str  # configuration, seed, data, tokenizer, own code x.py, journal, checkpoint …, code, torch, threads, …
    then: str
    now: str
    is_tampering: bool = True  # the run's own record no longer holds; False: code or machine differ, which may matter
    is_fatal: bool = False  # the run cannot be trained again as it was

    @property
    def sentence(self) -> str:
        """What differs, for a person."""
        return f"Differs: {self.part}: recorded {self.then}, now {self.now}."


PARTS = {
    "config_hash": "configuration",
    "seed": "seed",
    "data_fingerprint": "data",
    "tokenizer_fingerprint": "tokenizer",
}
"""What of run.json says what is learned, and how that is called."""


def drifts_between(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Drift]:
    """What differs between the identities of two runs that should be one (as run.json has them)."""
    found = [
        Drift(part, _short(then.get(key)), _short(now.get(key)))
        for key, part in PARTS.items()
        if then.get(key) != now.get(key)
    ]
    own_then, own_now = recorded_digests(then), recorded_digests(now)
    for name in sorted(name for name in {*own_then, *own_now} if own_then.get(name) != own_now.get(name)):
        found.append(Drift(f"own code {name}", _short(own_then.get(name)), _short(own_now.get(name))))
    if then.get("code_digest") != now.get("code_digest"):
        found.append(_of_code(then, now.get("code_digest")))
    return [*found, *_of_environment(then, {**now.get("environment", {}), "device": now.get("device")})]


def drifts(folder: Path, run: dict[str, Any], on_progress: OnProgress | None = None) -> list[Drift]:
    """Everything that differs between a run's record and what is here now; run.json is given. ConfigError, DataError.

    Reads the training text (or its cache), and sets the number of threads to that of the configuration.
    """
    config = parse_config(read_config_text(folder), source=str(folder / CONFIG))
    return [
        *_of_identity(run, config),
        *_of_data(folder, run, config, on_progress),
        *_of_own_code(folder, run),
        *_of_files(folder, run, config),
        *_of_machine(run, config),
    ]


def _of_identity(run: dict[str, Any], config: TrainingConfig) -> Iterator[Drift]:
    digest, seed = config_hash(config), config.other.seed
    if run.get("config_hash") != digest:
        yield Drift("configuration", _short(run.get("config_hash")), _short(digest), is_fatal=True)
    if run.get("seed") != seed:
        yield Drift("seed", str(run.get("seed")), str(seed), is_fatal=True)
    if run.get("max_steps") != config.training.max_steps and run.get("config_hash") == digest:
        yield Drift("number of steps", str(run.get("max_steps")), str(config.training.max_steps))
    if run.get("config_hash") == digest and run.get("seed") == seed:
        data, code, own = run.get("data_fingerprint"), run.get("code_digest"), recorded_digests(run)
        learned = {name: own.get(name, "") for name in learned_files(config)}
        expected = id_with_weights(run_id(digest, seed, str(data), str(code), learned), weights_of(run))
        if run.get("id") != expected:
            yield Drift("identity", str(run.get("id")), f"{expected}, by what run.json says of its parts")
    if run.get("code_digest") != code_digest():
        yield _of_code(run, code_digest())


def _of_data(
    folder: Path, run: dict[str, Any], config: TrainingConfig, on_progress: OnProgress | None
) -> Iterator[Drift]:
    recorded = run.get("tokenizer_fingerprint")
    try:
        tokenizer = load_tokenizer(config.dataset, folder).fingerprint
    except DataError as error:
        yield Drift("tokenizer", _short(recorded), str(error), is_fatal=True)
        return
    if tokenizer != recorded:
        yield Drift("tokenizer", _short(recorded), _short(tokenizer), is_fatal=True)
        return
    dataset = prepare(config.dataset, on_progress, run_folder=folder, context_length=config.model.context_length)
    if dataset.was_damaged:
        yield Drift("cached tokens", "as they were made", "damaged (they were made again)", is_tampering=False)
    if dataset.fingerprint != run.get("data_fingerprint"):
        where = f" ({config.dataset.source} {config.dataset.path})".replace(" )", ")")
        yield Drift(f"data{where}", _short(run.get("data_fingerprint")), _short(dataset.fingerprint), is_fatal=True)


def _of_own_code(folder: Path, run: dict[str, Any]) -> Iterator[Drift]:
    changes = replayable(read_changes(folder / JOURNAL))
    coming = [(change.key.removeprefix(CODE_KEY), change.new) for change in changes if change.key.startswith(CODE_KEY)]
    for name, digest in [*recorded_digests(run).items(), *coming]:
        try:
            kept(folder, name, digest)
        except RunError:
            yield Drift(f"own code {name}", _short(digest), "changed or removed", is_fatal=True)


def _of_files(folder: Path, run: dict[str, Any], config: TrainingConfig) -> Iterator[Drift]:
    whole = [path for path in list_checkpoints(folder) if is_valid(path)]
    if problem := journal_problem(run, read_journal(folder / JOURNAL), whole):
        yield Drift(JOURNAL, "the changes that were made", f"it {problem}", is_fatal=True)
        return
    try:
        live = LiveConfig(config, read_config_text(folder), read_changes(folder / JOURNAL), recorded_digests(run))
        live.advance_to(config.training.max_steps)
    except RunError as error:
        yield Drift("journal", "changes that were made", str(error), is_fatal=True)
    counts = {
        METRICS: count_damaged(folder / METRICS),
        SAMPLES: read_lines(folder / SAMPLES).damaged,
    }
    beyond = [step for step in logged_rows(folder) if step > config.training.max_steps]
    if beyond:
        yield Drift("record", f"{config.training.max_steps:,} steps", f"lines of step {max(beyond):,}")
    for name, damaged in counts.items():
        if damaged:
            yield Drift(name, "whole lines", f"{damaged:,} that cannot be read")
    if weights := weights_of(run):
        yield from _of_first_weights(folder, weights)
    for checkpoint in list_checkpoints(folder):
        if not is_valid(checkpoint):
            yield Drift(f"checkpoint {checkpoint.name}", "as it was written", "damaged or changed")


def _of_first_weights(folder: Path, digest: str) -> Iterator[Drift]:
    try:
        now = kept_weights_digest(find_checkpoint(folder, "0"))
    except CheckpointError as error:
        now = str(error)
    if now != digest:
        yield Drift("first weights", _short(digest), now if " " in now else _short(now), is_fatal=True)


def _of_code(then: Mapping[str, Any], now: object) -> Drift:
    return Drift("code of lmcore", _short(then.get("code_digest")), _short(now), is_tampering=False)


def _of_machine(run: dict[str, Any], config: TrainingConfig) -> Iterator[Drift]:
    set_threads(config.other.threads)
    yield from _of_environment(run, {**environment(), "device": str(choose_device(config.other.device))})


def _of_environment(run: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Drift]:
    recorded = run.get("environment")
    then = {**(recorded if isinstance(recorded, dict) else {}), "device": run.get("device")}
    for name, value in now.items():
        if then.get(name) != value:
            yield Drift(name, str(then.get(name, "not recorded")), str(value), is_tampering=False)


def _short(digest: object) -> str:
    """As much of a digest as tells it from others."""
    return str(digest)[:12]
