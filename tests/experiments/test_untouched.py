"""Evaluating, sampling, inspecting and watching change no bit of what a run learns."""

from pathlib import Path

import torch

from lmcore.config import SamplingConfig
from lmcore.experiments.experiment import Experiment
from tests.experiments.tiny import tiny, train, train_losses, weights

QUIET = {
    "evaluation__interval": 0,
    "evaluation__prompt_tokens": 0,
    "checkpointing__interval": 0,
    "other__norms_interval": 0,
}
BUSY = {
    "evaluation__interval": 1,
    "evaluation__prompt_tokens": 9,
    "evaluation__batches": 0,
    "evaluation__batch_size": 48,
    "checkpointing__interval": 3,
    "other__norms_interval": 1,
}


def test_a_run_that_is_watched_learns_the_same_bits(runs_folder: Path) -> None:
    shared = {"training__max_steps": 10, "training__gradient_accumulation_steps": 2, "model__dropout": 0.2}
    quiet = Experiment.create(tiny(**shared, **QUIET), runs_folder=runs_folder, name="quiet")
    train(quiet)

    busy = Experiment.create(tiny(**shared, **BUSY), runs_folder=runs_folder, name="busy")
    assert busy.run["config_hash"] == quiet.run["config_hash"]
    assert busy.run["id"] == quiet.run["id"]

    def ask() -> None:
        pieces = busy.generate("One day, ", SamplingConfig(max_tokens=3, temperature=1.0, seed=busy.step))
        assert len(list(pieces)) == 3

    unfinished = busy.generate("Once ", SamplingConfig(max_tokens=1000))
    while not busy.finished:
        next(unfinished)
        ask()
        busy.advance(on_batch=ask)
        busy.evaluate()
        with torch.no_grad():
            busy.model.run_with_cache(torch.zeros(1, 4, dtype=torch.int64))
        busy.set_value("sampling.temperature", str(busy.step / 10))
    assert train_losses(busy.folder) == train_losses(quiet.folder)
    assert len(train_losses(quiet.folder)) == 10
    assert weights(busy) == weights(quiet)
