"""From a configuration to a new run's directory, whole or not at all, and what trains in it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lmcore.clock import local_now
from lmcore.config import TrainingConfig
from lmcore.data.dataset import Dataset, prepare
from lmcore.experiments.identity.identity import WEIGHTS, id_with_weights, run_identity, weights_of
from lmcore.experiments.identity.one_change import Recipe
from lmcore.experiments.identity.own_code import keep
from lmcore.experiments.identity.run_plan import RunPlan
from lmcore.experiments.opened import TOKENIZER, OnProgress, Opened, build_hooks, build_model, notes_of_machine
from lmcore.experiments.runs.folder import CONFIG, new_folder, plainly, publish, run_name, write_run
from lmcore.experiments.runs.live import LiveConfig
from lmcore.experiments.runs.lock import RunLock
from lmcore.files import copy_file, remove_folder, write_whole
from lmcore.generation import encode_prompt
from lmcore.places import at_home
from lmcore.training.checkpoints import weights_digest
from lmcore.training.determinism import environment, set_threads
from lmcore.training.devices import choose_device
from lmcore.waiting import WAY


def create_run(plan: RunPlan, on_progress: OnProgress | None, known: Opened | None = None) -> Opened:
    """Make the run that is planned; its directory appears whole or not at all.

    The text of `known`, a run that is open, is not prepared again where it is the same. DataError, DeviceError,
    HookError or RunError with a sentence; TooManyChanges where the text itself differs from a baseline's.
    """
    config, own = plan.config, plan.own

    def begin(folder: Path) -> Opened:
        dataset = dataset_for(config, folder, on_progress, known)
        device = choose_device(config.other.device)
        model = build_model(config, dataset.tokenizer.vocabulary_size, device)
        hooks = build_hooks(config, model, own)
        hooks.at_step(0)  # a model may be asked before its first step
        live, lock = new_live(plan), RunLock(folder)
        opened = Opened(folder, {}, live, device, dataset.tokenizer, model, hooks, lock, own, dataset=dataset)
        opened.seeded = weights_digest(model)
        return opened

    return make_run(plan, begin)


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


def new_live(plan: RunPlan) -> LiveConfig:
    """The values of a new run, in which nothing has been changed yet."""
    return LiveConfig(plan.config, plan.text, code=plan.own.digests)


def make_run(plan: RunPlan, begin: Callable[[Path], Opened]) -> Opened:
    """Make the directory of a planned run, whole or not at all, with what `begin` makes inside it.

    Its errors, those of `begin`, and RunError with a sentence; they leave nothing.
    """
    config, rule = plan.config, plan.rule
    set_threads(config.other.threads)
    created = local_now()
    runs_folder = at_home(plan.runs_folder).absolute()
    folder = new_folder(runs_folder)
    try:
        with plainly("write", folder / CONFIG):
            write_whole(folder / CONFIG, plan.text)
        opened = begin(folder)
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
            parent=plan.parent,
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
        opened.notes = (*plan.notes, *rule.notes(recipe), *notes_of_machine(opened))
        write_run(folder, opened.run)
        opened.lock.acquire()
        name = run_name(opened.run["title"], opened.run["config_hash"], created)
        opened.folder = opened.lock.folder = publish(folder, name)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            remove_folder(folder)
        raise
    return opened
