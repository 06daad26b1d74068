"""What the core says about its experiment: what it is, a generation token by token, looks inside as tables."""

import time
from collections.abc import Callable, Iterator

import torch

from lmcore.config import SamplingConfig
from lmcore.errors import LabError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import ConsentNeeded
from lmcore.experiments.questions import hooks_of_answer
from lmcore.inspection.tables import inspect
from lmcore.memory import is_memory_full, memory_sentence
from lmcore.protocol.messages import (
    Event,
    Generate,
    GenerationDone,
    Inspect,
    Inspection,
    RunInfo,
    State,
    StateChanged,
    Token,
)


def generation_of(experiment: Experiment, command: Generate, is_cancelled: Callable[[], bool]) -> Iterator[Event]:
    """The answer to one `Generate`: its `Token`s and, whatever happens, one `GenerationDone`.

    Only ConsentNeeded is raised instead, before the first token, when its hooks name files that were not agreed to.
    """
    began = time.monotonic()
    tokens, reason, note = 0, "length", ""
    try:
        settings = SamplingConfig(
            temperature=command.temperature,
            top_k=command.top_k,
            top_p=command.top_p,
            max_tokens=command.max_tokens,
            stop=command.stop,
            seed=command.seed,
        )
        note = experiment.prompt_note(command.prompt)
        pieces = experiment.generate(command.prompt, settings, hooks_of_answer(command.hooks))
        for piece in pieces:
            tokens += 1
            if piece.text:
                yield Token(command.request, piece.text)
            if is_cancelled():
                reason = "cancelled"
                break
        else:
            reason = "length" if tokens >= settings.max_tokens else "stop"
    except ConsentNeeded:
        raise
    except LabError as refusal:
        reason, note = "failed", str(refusal)
    except (MemoryError, RuntimeError) as error:
        if not is_memory_full(error):
            raise
        reason, note = "failed", memory_sentence(error, "use a shorter prompt, or a smaller model")
    yield GenerationDone(command.request, reason, tokens, time.monotonic() - began, note)


def inspection_of(experiment: Experiment, command: Inspect) -> Inspection:
    """The answer to one `Inspect`. ValueError with a sentence if there is no such component or layer."""
    headings, rows = inspect(
        experiment.moments.seen.model, experiment.tokenizer, command.what, command.target, command.prompt
    )
    return Inspection(command.request, headings, tuple(rows))


def state_of(experiment: Experiment, state: State, reason: str, begun: bool) -> StateChanged:
    """What a front end is told when a run enters a state."""
    moment = experiment.moments.record
    return StateChanged(state, experiment.step, experiment.max_steps, run_info(experiment), reason, begun, moment)


def run_info(experiment: Experiment) -> RunInfo:
    """What a front end shows about a run."""
    return RunInfo(
        name=experiment.folder.name,
        folder=str(experiment.folder),
        title=experiment.title,
        config_text=experiment.config_text,
        parameters=sum(parameter.numel() for parameter in experiment.model.parameters()),
        tokens_per_step=experiment.tokens_per_step,
        max_steps=experiment.max_steps,
        device=str(experiment.device),
        threads=torch.get_num_threads(),
        vocabulary=experiment.tokenizer.vocabulary_size,
        floor=experiment.floor,
        confounded=str(experiment.run.get("confounded") or ""),
    )
