"""Answers to questions about the present model: a generation token by token, and looks inside as tables."""

import time
from collections.abc import Callable, Iterator

from lmcore.config import SamplingConfig
from lmcore.experiments.experiment import Experiment
from lmcore.inspection.tables import inspect
from lmcore.process.messages import Event, Generate, GenerationDone, Inspect, Inspection, Token


def generation_of(
    experiment: Experiment, command: Generate, settings: SamplingConfig, is_cancelled: Callable[[], bool]
) -> Iterator[Event]:
    """The answer to one `Generate`: its `Token`s and, whatever happens, one `GenerationDone`."""
    began = time.monotonic()
    tokens, reason, note = 0, "length", ""
    try:
        note = experiment.prompt_note(command.prompt)
        pieces = experiment.generate(command.prompt, settings)
        for piece in pieces:
            tokens += 1
            if piece.text:
                yield Token(command.request, piece.text)
            if is_cancelled():
                reason = "cancelled"
                break
        else:
            reason = "length" if tokens >= settings.max_tokens else "stop"
    except ValueError as refusal:
        reason, note = "failed", str(refusal)
    yield GenerationDone(command.request, reason, tokens, time.monotonic() - began, note)


def inspection_of(experiment: Experiment, command: Inspect) -> Inspection:
    """The answer to one `Inspect`. ValueError with a sentence if there is no such component or layer."""
    headings, rows = inspect(experiment.model, experiment.tokenizer, command.what, command.target, command.prompt)
    return Inspection(command.request, headings, tuple(rows))
