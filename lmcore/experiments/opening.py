"""From a configuration or a run directory to everything that trains in it: data, model, hooks."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lmcore.clock import local_now
from lmcore.config import TrainingConfig, estimate, parse_config
from lmcore.data.batcher import Batcher
from lmcore.data.dataset import Dataset, prepare
from lmcore.data.tokenizer import Tokenizer, load_tokenizer
from lmcore.experiments.baseline import OneChange
from lmcore.experiments.consent import require_consent
from lmcore.experiments.folder import (
    CONFIG,
    JOURNAL,
    RUN,
    RunError,
    load_run,
    new_folder,
    plainly,
    publish,
    run_name,
    write_run,
)
from lmcore.experiments.identity import WEIGHTS, config_hash, id_with_weights, run_identity, weights_of
from lmcore.experiments.journal import Journal, journal_of, read_journal
from lmcore.experiments.live import LiveConfig
from lmcore.experiments.lock import RunLock
from lmcore.experiments.one_change import Recipe
from lmcore.experiments.own_code import OwnCode, keep, kept, recorded_digests
from lmcore.experiments.runs import read_config_text
from lmcore.files import copy_file, remove_folder, write_whole
from lmcore.generation import encode_prompt
from lmcore.hooks.active import Hooks
from lmcore.memory import memory_note
from lmcore.model.initialization import initialize
from lmcore.model.transformer import Transformer
from lmcore.places import at_home, temporary_note
from lmcore.training.checkpoints import (
    list_checkpoints,
    load_checkpoint,
    load_hooks,
    load_model,
    load_state,
    search_checkpoint,
    weights_digest,
)
from lmcore.training.determinism import environment, set_threads, stream_seed
from lmcore.training.devices import choose_device
from lmcore.training.snapshots import Snapshot
from lmcore.training.trainer import Trainer
from lmcore.waiting import WAY

OnProgress = Callable[[str, float | None], None]

TOKENIZER = "tokenizer.json"

JOURNAL_ROWS = "journal"
"""What a checkpoint's own facts call the lines of the journal that it was saved with."""


@dataclass
class Opened:
    """A run directory and what was made from it; `dataset` and `trainer` only where they were needed."""

    folder: Path
    run: dict[str, Any]  # run.json
    live: LiveConfig
    device: torch.device
    tokenizer: Tokenizer
    model: Transformer
    hooks: Hooks
    lock: RunLock
    own: OwnCode
    step: int = 0
    checkpoint: Path | None = None  # where the model's weights come from; neither this nor a snapshot: initialization
    extra: dict[str, Any] = field(default_factory=dict)  # what the checkpoint or the snapshot says besides
    dataset: Dataset | None = None
    trainer: Trainer | None = None
    notes: tuple[str, ...] = ()
    is_config_changed: bool = False  # config.yaml is not what the run began with
    snapshot: Snapshot | None = None  # where the weights come from instead: a moment that was kept in memory
    seeded: str = ""  # digest of the weights that the seed gives, where the run is at its beginning
    weights: dict[str, Any] = field(default_factory=dict)  # a new run's first weights, where they are others
    restored: Journal | None = None  # what takes the place of a damaged journal
    damaged: tuple[str, ...] = ()  # checkpoints that might have been meant, and were passed over

    @property
    def steps_done(self) -> int:
        """Steps done up to the present."""
        return self.trainer.step if self.trainer else self.step

    @property
    def fallback(self) -> str:
        """What stands for a damaged checkpoint that was asked for, in a sentence; "" where none was passed over."""
        if not self.damaged:
            return ""
        verb = "is" if len(self.damaged) == 1 else "are"
        return f"{' and '.join(self.damaged)} {verb} damaged; this is step {self.step:,}."


def build_model(config: TrainingConfig, vocabulary: int, device: torch.device) -> Transformer:
    """A new model with its first weights, which depend on the seed alone."""
    model = Transformer(config.model, vocabulary)
    generator = torch.Generator().manual_seed(stream_seed(config.other.seed, "initialization"))
    initialize(model, generator)
    return model.to(device)


def build_hooks(config: TrainingConfig, model: Transformer, own: OwnCode) -> Hooks:
    """The hooks of a run; what they draw at random depends on its seed. HookError."""
    return Hooks(config.hooks, model, seed=config.other.seed, sources=own.sources)


def build_trainer(
    config: TrainingConfig, dataset: Dataset, model: Transformer, device: torch.device, hooks: Hooks, own: OwnCode
) -> Trainer:
    """The trainer of a run, at step 0."""
    training = config.training
    batcher = Batcher(
        dataset.train,
        config.model.context_length,
        training.batch_size,
        config.dataset.order,
        stream_seed(config.other.seed, "data"),
        training.gradient_accumulation_steps,
        training.batch_ramp_start,
        training.batch_ramp_steps,
    )
    return Trainer(config, model, batcher, device, hooks, sources=own.sources)


def create_run(
    text: str,
    runs_folder: Path,
    parent: dict[str, Any] | None,
    own: OwnCode,
    on_progress: OnProgress | None,
    rule: OneChange,
    known: Opened | None = None,
) -> Opened:
    """Make a new run from a resolved configuration; its directory appears whole or not at all.

    The text of `known`, a run that is open, is not prepared again where it is the same. ConfigError, DataError,
    DeviceError, HookError or RunError with a sentence; TooManyChanges, by `rule`.
    """

    def begin(config: TrainingConfig, folder: Path) -> Opened:
        dataset = dataset_for(config, folder, on_progress, known)
        device = choose_device(config.other.device)
        model = build_model(config, dataset.tokenizer.vocabulary_size, device)
        hooks = build_hooks(config, model, own)
        hooks.at_step(0)  # a model may be asked before its first step
        live, lock = new_live(config, text, own), RunLock(folder)
        opened = Opened(folder, {}, live, device, dataset.tokenizer, model, hooks, lock, own, dataset=dataset)
        opened.seeded = weights_digest(model)
        return opened

    return make_run(text, runs_folder, parent, rule, begin)


def dataset_for(
    config: TrainingConfig, folder: Path, on_progress: OnProgress | None, known: Opened | None = None
) -> Dataset:
    """The tokens of a new run in `folder`: those of `known` where its configuration means the same. DataError."""
    length = config.model.context_length
    if known is not None and known.dataset is not None:
        then = known.live.config
        if (then.dataset, then.model.context_length) == (config.dataset, length):
            if (known.folder / TOKENIZER).exists():
                with plainly("copy the tokenizer to", folder):
                    copy_file(known.folder / TOKENIZER, folder / TOKENIZER)
            return known.dataset
    return prepare(config.dataset, on_progress, run_folder=folder, context_length=length)


def dataset_of(opened: Opened, on_progress: OnProgress | None) -> Dataset:
    """The tokens of a run, prepared when first asked for. DataError; RunError if they are not those it began with."""
    if opened.dataset is None:
        config, begun_with = opened.live.config, opened.run.get("data_fingerprint")
        dataset = prepare(
            config.dataset, on_progress, run_folder=opened.folder, context_length=config.model.context_length
        )
        if dataset.fingerprint != begun_with:
            raise RunError(
                f"The text that {opened.folder.name} learned from has changed since ({config.dataset.source} "
                f"{config.dataset.path}: fingerprint {str(begun_with)[:12]} then, {dataset.fingerprint[:12]} now). "
                "Bring it back to go on, or start a new run."
            )
        opened.dataset = dataset
    return opened.dataset


def trainer_of(opened: Opened, on_progress: OnProgress | None) -> Trainer:
    """What makes a run's steps, made when first asked for, with the state that was opened. As `dataset_of`."""
    if opened.trainer is None:
        dataset = dataset_of(opened, on_progress)
        trainer = build_trainer(opened.live.config, dataset, opened.model, opened.device, opened.hooks, opened.own)
        if opened.checkpoint is not None:
            load_checkpoint(opened.checkpoint, trainer)
        opened.trainer = trainer
    return opened.trainer


def new_live(config: TrainingConfig, text: str, own: OwnCode) -> LiveConfig:
    """The values of a new run, in which nothing has been changed yet."""
    return LiveConfig(config, text, code=own.digests)


def make_run(
    text: str,
    runs_folder: Path,
    parent: dict[str, Any] | None,
    rule: OneChange,
    begin: Callable[[TrainingConfig, Path], Opened],
) -> Opened:
    """Make the directory of a new run, whole or not at all, with what `begin` makes of its configuration inside it.

    Its errors, those of `begin`, and ConfigError or RunError with a sentence; they leave nothing.
    """
    config = parse_config(text)
    set_threads(config.other.threads)
    created = local_now()
    runs_folder = at_home(runs_folder).absolute()
    folder = new_folder(runs_folder)
    try:
        with plainly("write", folder / CONFIG):
            write_whole(folder / CONFIG, text)
        opened = begin(config, folder)
        assert opened.dataset is not None
        for file in opened.own.files.values():
            keep(folder, file)
        if config.evaluation.prompt_tokens:
            encode_prompt(opened.tokenizer, config.evaluation.prompt)
        opened.run = run_identity(
            config,
            title=config.other.name or "run",
            data_fingerprint=opened.dataset.fingerprint,
            tokenizer_fingerprint=opened.dataset.tokenizer_fingerprint,
            environment=environment(),
            created=created,
            parent=parent,
            vocabulary=opened.tokenizer.vocabulary_size,
            parameters=sum(parameter.numel() for parameter in opened.model.parameters()),
            floor=opened.dataset.floor,
            device=str(opened.device),
            own_files=opened.own.files.values(),
            code_folder=opened.own.folder,
        )
        if opened.weights:
            opened.run[WEIGHTS] = opened.weights
            opened.run["id"] = id_with_weights(opened.run["id"], weights_of(opened.run))
        recipe = Recipe(config, opened.dataset.fingerprint, opened.own.digests)
        opened.run |= {"waiting": WAY, **rule.record(recipe)}
        opened.notes = (*rule.notes(recipe), *_notes_of_machine(opened))
        write_run(folder, opened.run)
        opened.lock.acquire()
        name = run_name(opened.run["title"], opened.run["config_hash"], created)
        opened.folder = opened.lock.folder = publish(folder, name)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            remove_folder(folder)
        raise
    return opened


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
    opened.notes = (*([opened.fallback] if damaged else []), *said, *differences, *_notes_of_machine(opened))
    opened.restored = restored
    opened.is_config_changed = config_hash(config) != run.get("config_hash") or config.other.seed != run.get("seed")
    return opened


def _notes_of_machine(opened: Opened) -> tuple[str, ...]:
    """What is said beforehand: where memory will hardly be enough to train, and what will be forgotten."""
    needed = estimate(opened.live.config, opened.tokenizer.vocabulary_size).memory_bytes
    notes = (memory_note(needed) if opened.device.type == "cpu" else "", temporary_note())
    return tuple(note for note in notes if note)


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
) -> tuple[Journal, Journal | None, tuple[str, ...]]:
    """The journal to follow, what takes the place of a damaged one, and what a person should know. RunError."""
    problem = journal_problem(run, journal, [checkpoint] if checkpoint is not None else [])
    if not problem:
        is_proved = journal.is_sealed or not journal.rows or run.get("journal") is not None
        assumed = f"{JOURNAL} of {folder.name} has no digests, so it is assumed that nothing was changed in it."
        return journal, None, () if is_proved else (assumed,)
    where = checkpoint.name if checkpoint is not None else "its beginning"
    rows = extra.get(JOURNAL_ROWS) if checkpoint is not None else []
    known = journal_of(rows) if isinstance(rows, list) else Journal(problem="is not known")
    damage = f"{JOURNAL} of {folder.name} {problem}"
    if not from_checkpoint:
        way = (
            f"`lmcore resume {folder.name} --from-checkpoint` goes on with the changes that {where} knows, and keeps "
            "the damaged file beside"
            if not known.problem
            else f"{where} does not know the changes itself: put a copy of {JOURNAL} back"
        )
        raise RunError(f"{damage}, so which values acted is not certain. To go on: {way}.")
    if known.problem:
        raise RunError(f"{damage}, and {where} does not know the changes itself: put a copy of {JOURNAL} back.")
    count = f"{len(known.changes):,} change{'' if len(known.changes) == 1 else 's'}"
    return known, known, (f"{damage}. This goes on with the {count} that {where} knows; later ones are lost.",)


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
