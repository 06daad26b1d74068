"""What one asks of a model: how good it is, and answers with hooks that are attached for each of their tokens, and gone
between them."""

import itertools
from collections.abc import Callable, Iterator, Sequence

from lmcore.config import EvaluationConfig, HookConfig, TrainingConfig, get_from_config, parse_yaml_value, with_value
from lmcore.data.dataset import Dataset
from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.own_code import files_of_hooks
from lmcore.experiments.opened import Opened
from lmcore.experiments.runs.folder import RunError
from lmcore.generation import Piece
from lmcore.hooks.active import Hooks
from lmcore.training.evaluation import evaluate


def judge(
    opened: Opened, dataset: Dataset, settings: EvaluationConfig | None, on_batch: Callable[[], None] | None
) -> dict[str, float]:
    """Metrics of a run's model on the validation split, as configured or as `settings` say, the floor beside them.

    `on_batch` is called between batches.
    """
    config = opened.live.config
    bytes_per_token = dataset.validation_bytes / max(1, len(dataset.validation))
    metrics = evaluate(
        opened.model,
        dataset.validation,
        settings or config.evaluation,
        config.model.context_length,
        opened.device,
        bytes_per_token,
        on_batch,
    )
    floor: float | None = opened.run["floor"]
    return metrics if floor is None else {**metrics, "loss/floor": floor}


def hooks_of_answer(declarations: Sequence[str]) -> tuple[HookConfig, ...]:
    """Hooks from declarations as YAML text, such as `{use: zero, at: blocks.1.attn.hook_z, with: {heads: [2]}}`.

    One without a name is called by what it uses. ConfigError for a declaration that is none.
    """
    declared = [parse_yaml_value(text) for text in declarations]
    for number, hook in enumerate(declared):
        if isinstance(hook, dict) and not hook.get("name"):
            earlier = sum(isinstance(one, dict) and one.get("use") == hook.get("use") for one in declared[:number])
            hook["name"] = f"{hook.get('use')}" + (f" {earlier + 1}" if earlier else "")
    hooks: tuple[HookConfig, ...] = get_from_config(with_value(TrainingConfig(), "hooks", declared), "hooks")
    return hooks


def with_hooks(pieces: Iterator[Piece], opened: Opened, declared: Sequence[HookConfig], seed: int) -> Iterator[Piece]:
    """The pieces of an answer, each drawn with `declared` acting after the run's own hooks.

    Between the pieces they are detached, so that training may go on there. HookError for what cannot act; RunError for
    a kind that has no place in an answer; ConsentNeeded for own files that were not agreed to.
    """
    for hook in declared:
        if hook.kind != "forward":
            raise RunError(f"hook {hook.name!r}: an answer is a forward pass alone, so no {hook.kind} hook acts on it.")
    new = opened.own.read_new(files_of_hooks(declared))
    require_consent(new)
    sources = {**opened.own.sources, **{file.name: file.text for file in new}}
    return _drawn(pieces, Hooks(declared, opened.model, seed, sources), opened.steps_done)


def _drawn(pieces: Iterator[Piece], hooks: Hooks, step: int) -> Iterator[Piece]:
    switches = [(hook.name, hook.enabled) for hook in hooks.hooks]
    for number in itertools.count():
        try:
            for name, enabled in switches:
                hooks.set_enabled(name, enabled)
            hooks.at_step(step)
            hooks.begin_micro_batch(number)  # so that noise differs from token to token
            piece = next(pieces, None)
        finally:
            for name, _ in switches:
                hooks.set_enabled(name, False)
            hooks.at_step(step)
        if piece is None:
            return
        yield piece
