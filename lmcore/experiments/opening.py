"""From the directory of a run that is there, at one of its checkpoints, to what trains in it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from lmcore.config import parse_config
from lmcore.data.tokenizers import load_tokenizer
from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.identity import config_hash, weights_of
from lmcore.experiments.identity.own_code import OwnCode, kept, recorded_digests
from lmcore.experiments.opened import JOURNAL_ROWS, Opened, build_hooks, build_model, notes_of_machine
from lmcore.experiments.runs.folder import CONFIG, JOURNAL, RUN, RunError, load_run, plainly
from lmcore.experiments.runs.journal import Journal, counted, journal_of, read_journal
from lmcore.experiments.runs.listing import command, read_config_text
from lmcore.experiments.runs.live import LiveConfig
from lmcore.experiments.runs.lock import RunLock
from lmcore.places import at_home
from lmcore.training.checkpoints import (
    list_checkpoints,
    load_hooks,
    load_model,
    load_state,
    search_checkpoint,
    weights_digest,
)
from lmcore.training.determinism import environment, set_threads
from lmcore.training.devices import choose_device


def open_run(folder: Path, at: str, allow_code: bool = False, from_checkpoint: bool = False) -> Opened:
    """Open a run as it was at a checkpoint ("last", "best" or a step); writes nothing and reads no training text.

    A run without any checkpoint is at step 0, with the weights it began with. RunError, CheckpointError, ConfigError or
    DataError with a sentence; ConsentNeeded before anything of the run's own files runs.
    """
    folder = at_home(folder).absolute()
    run = load_run(folder)
    text = read_config_text(folder)
    config = parse_config(text, source=str(folder / CONFIG))
    checkpoint, damaged, step, extra = _find_state(folder, run, at)
    with plainly("read", folder / JOURNAL):
        journal = read_journal(folder / JOURNAL)
    journal, restored, said = _followed(folder, run, journal, extra, checkpoint, from_checkpoint)
    live = LiveConfig(config, text, journal.changes, recorded_digests(run))
    live.advance_to(step)
    own = _own_code(folder, run, live, allow_code)
    tokenizer = load_tokenizer(config.dataset, folder)
    if tokenizer.fingerprint != run.get("tokenizer_fingerprint"):
        raise RunError(
            f"The run {folder.name} was made with another tokenizer than the one that is there now, so its tokens "
            f"would mean other text (fingerprint {run.get('tokenizer_fingerprint')} then, {tokenizer.fingerprint} now)."
        )
    set_threads(config.other.threads)
    device = choose_device(config.other.device)
    model = build_model(config, tokenizer.vocabulary_size, device)
    seeded = weights_digest(model) if step == 0 else ""
    if checkpoint is not None:
        load_model(checkpoint, model)
    hooks = build_hooks(live.config, model, own)
    if checkpoint is not None:
        load_hooks(checkpoint, hooks)
    hooks.at_step(max(step - 1, 0))
    lock = RunLock(folder)
    opened = Opened(folder, run, live, device, tokenizer, model, hooks, lock, own, step, checkpoint, extra)
    opened.damaged, opened.seeded = damaged, seeded
    differences = _differences_of_machine(run, device)
    opened.restored, opened.lost = restored, said if restored is not None else ""
    opened.notes = (*filter(None, (opened.fallback, "" if opened.lost else said)), *differences)
    opened.notes += notes_of_machine(opened)
    opened.is_config_changed = config_hash(config) != run.get("config_hash") or config.other.seed != run.get("seed")
    return opened


def journal_problem(run: Mapping[str, Any], journal: Journal, checkpoints: Iterable[Path]) -> str:
    """What is wrong with a journal, by itself and by what run.json and checkpoints remember; "" if nothing.

    CheckpointError for a checkpoint that cannot be read.
    """
    if problem := journal.problem or journal.lacks(run.get("journal"), RUN):
        return problem
    for path in checkpoints:
        rows = load_state(path)["extra"].get(JOURNAL_ROWS)
        if isinstance(rows, list) and (problem := journal.lacks(journal_of(rows).mark, f"its checkpoint {path.name}")):
            return problem
    return ""


def _followed(
    folder: Path,
    run: dict[str, Any],
    journal: Journal,
    extra: Mapping[str, Any],
    checkpoint: Path | None,
    from_checkpoint: bool,
) -> tuple[Journal, Journal | None, str]:
    """The journal to follow, what takes the place of a damaged one, and what a person should know. RunError."""
    problem = journal_problem(run, journal, [checkpoint] if checkpoint is not None else [])
    if not problem:
        is_proved = journal.is_sealed or not journal.rows or run.get("journal") is not None
        assumed = f"{JOURNAL} of {folder.name} has no digests, so it is assumed that nothing was changed in it."
        return journal, None, "" if is_proved else assumed
    where = checkpoint.name if checkpoint is not None else "its beginning"
    rows = extra.get(JOURNAL_ROWS) if checkpoint is not None else []
    known = journal_of(rows) if isinstance(rows, list) else Journal(problem="is not known")
    damage = f"{JOURNAL} of {folder.name} {problem}"
    if not from_checkpoint:
        way = (
            f"`{command('resume', folder, '--from-checkpoint')}` follows the changes that {where} knows, and keeps the "
            "damaged file beside"
            if not known.problem
            else f"{where} does not know the changes itself: put a copy of {JOURNAL} back"
        )
        raise RunError(f"{damage}, so which values acted is not certain. To go on: {way}.")
    if known.problem:
        raise RunError(f"{damage}, and {where} does not know the changes itself: put a copy of {JOURNAL} back.")
    count = counted(len(known.changes))
    return known, known, f"{damage}. This follows the {count} that {where} knows; later ones are lost."


def _own_code(folder: Path, run: dict[str, Any], live: LiveConfig, allow: bool) -> OwnCode:
    """The versions that act now, once the person has agreed to these and to those that the journal will bring."""
    files = {name: kept(folder, name, digest) for name, digest in live.code.items()}
    require_consent([*files.values(), *(kept(folder, *version) for version in live.coming_code)], allow)
    place = run.get("code_folder")
    return OwnCode(files, Path(place) if isinstance(place, str) and place else None)


def _differences_of_machine(run: dict[str, Any], device: torch.device) -> tuple[str, ...]:
    """What is not as it was when the run began and changes the last bits of its results, in sentences."""
    then = run.get("environment")
    now = {**environment(), "device": str(device)}
    then = {**(then if isinstance(then, dict) else {}), "device": run.get("device")}
    return tuple(
        f"This run began with {name} {then[name]}; here it is {now[name]}, so the last bits of its losses may differ."
        for name in ("torch", "threads", "processor", "instructions", "device")
        if then.get(name) not in (None, now[name])
    )


def _find_state(folder: Path, run: dict[str, Any], at: str) -> tuple[Path | None, tuple[str, ...], int, dict[str, Any]]:
    """The checkpoint that is meant, the damaged ones passed over, its step and what it says besides; no checkpoint:
    the beginning."""
    present = list_checkpoints(folder)
    began_at_zero = not weights_of(run) and (not run.get("parent") or not run["parent"].get("step"))
    if began_at_zero and ((at in ("last", "0") and not present) or (at == "0" and present[0].name != "step-000000")):
        return None, (), 0, {}
    path, passed_over = search_checkpoint(folder, at)
    state = load_state(path)
    return path, tuple(sorted(path.name for path in passed_over)), state["step"], state["extra"]
