"""What makes two runs the same experiment: hashes of the configuration, the code and the data."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import lmcore
from lmcore.config.fields import is_learned
from lmcore.config.schema import SECTIONS, HookConfig, TrainingConfig
from lmcore.config.section import Section
from lmcore.experiments.identity.own_code import learned_files
from lmcore.protocol.messages import OwnFile


def config_hash(config: TrainingConfig) -> str:
    """SHA-256 (hex) over the values that affect what is learned.

    Taken over the typed values, so neither formatting, order nor `1` for `1.0` matters. Values equal to their default
    are left out: a field that is added later changes no old hash as long as it keeps its default. So are hooks that are
    switched off, which change no bit. The seed, names, device, paths and what is only shown or recorded take no part
    (fields with `learned=False`).
    """
    return hashlib.sha256(json.dumps(learned_values(config), sort_keys=True).encode()).hexdigest()


def learned_values(config: TrainingConfig) -> dict[str, Any]:
    """What `config_hash` is taken over: dotted key → canonical value, where it differs from the default."""
    values: dict[str, Any] = {}
    for section in SECTIONS:
        differing = _differing(getattr(config, section))
        values |= {f"{section}.{name}": value for name, value in differing.items()}
    hooks = [_differing(hook) for hook in config.hooks if hook.enabled]
    return {**values, "hooks": hooks} if hooks else values


def differing_values(config: TrainingConfig) -> dict[str, Any]:
    """Every value that is not at its default, as plain data by dotted key, for whoever looks for runs by their values.

    No part of any hash. Of each hook all but its arguments, which may hold anything.
    """
    values: dict[str, Any] = {}
    for section in SECTIONS:
        differing = _differing(getattr(config, section), learned_only=False)
        values |= {f"{section}.{name}": value for name, value in differing.items()}
    hooks = [_differing(hook, learned_only=False) for hook in config.hooks]
    return {**values, "hooks": [{k: v for k, v in hook.items() if k != "with"} for hook in hooks]} if hooks else values


def _differing(section: Section | HookConfig, learned_only: bool = True) -> dict[str, Any]:
    values = {}
    for name, field in type(section).model_fields.items():
        value = canonical(getattr(section, name))
        default = canonical(field.get_default(call_default_factory=True, validated_data={}))
        if value != default and (is_learned(field) or not learned_only):
            values[name.rstrip("_")] = value
    return values


def canonical(value: Any) -> Any:
    """A value in the one form in which it is hashed: whole numbers as integers, mappings sorted by key."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {str(key): canonical(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return value


@cache
def code_digest() -> str:
    """SHA-256 (hex) over the names and contents of lmcore's Python files."""
    digest = hashlib.sha256()
    root = Path(lmcore.__file__).parent
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def run_id(
    config_digest: str, seed: int, data_fingerprint: str, code: str, own_code: Mapping[str, str] | None = None
) -> str:
    """The run's id (16 hex digits): two runs share it when configuration, seed, data and code agree.

    `own_code`: digests of the person's own files that change what is learned, by name.
    """
    parts: list[Any] = [config_digest, seed, data_fingerprint, code]
    if own_code:
        parts.append(sorted(own_code.items()))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


WEIGHTS = "initial_weights"
"""Where run.json says that the first weights are not those of the seed: their `digest`, and the `run` and `step` that
they are from where that is known. The checkpoint of step 0 keeps them."""


def weights_of(run: Mapping[str, Any]) -> str:
    """The digest of a run's first weights where they are not those of its seed; else ""."""
    recorded = run.get(WEIGHTS)
    return str(recorded.get("digest") or "") if isinstance(recorded, dict) else ""


def id_with_weights(plain_id: str, digest: str) -> str:
    """The id (16 hex digits) of a run that would have `plain_id`, but begins with other weights than its seed's."""
    return hashlib.sha256(json.dumps([plain_id, digest]).encode()).hexdigest()[:16] if digest else plain_id


def run_identity(
    config: TrainingConfig,
    *,
    title: str,
    data_fingerprint: str,
    tokenizer_fingerprint: str,
    environment: dict[str, Any],
    created: datetime,
    parent: dict[str, Any] | None,
    vocabulary: int,
    parameters: int,
    floor: float | None,
    device: str,
    own_files: Iterable[OwnFile] = (),
    code_folder: Path | None = None,
) -> dict[str, Any]:
    """The content of a new run's run.json. `floor`: nats per token. `parent`: the run and step it is forked from.

    `code_folder` is where the person's own files were read, and are watched for changes.
    """
    digest, code = config_hash(config), code_digest()
    own_code = {file.name: file.digest for file in own_files}
    learned = {name: own_code[name] for name in learned_files(config)}
    return {
        "id": run_id(digest, config.other.seed, data_fingerprint, code, learned),
        "title": title,
        "status": "running",
        "created": created.isoformat(timespec="seconds"),
        "seed": config.other.seed,
        "config_hash": digest,
        "data_fingerprint": data_fingerprint,
        "tokenizer_fingerprint": tokenizer_fingerprint,
        "code_digest": code,
        "own_code": own_code,
        "code_folder": "" if code_folder is None else str(code_folder),
        "parent": parent,
        "max_steps": config.training.max_steps,
        "settings": differing_values(config),
        "vocabulary": vocabulary,
        "parameters": parameters,
        "floor": floor,
        "device": device,
        "environment": environment,
        "latest": {},
    }
