"""A run so small that a step takes milliseconds, and what two runs are compared by."""

import json
import re
from pathlib import Path
from typing import Any

from lmcore.config import set_in_text
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.metrics import read_metrics
from lmcore.protocol.messages import Record

TINY = """\
model: {d_model: 16, n_layers: 2, n_heads: 2, context_length: 16, dropout: 0.1}
training: {max_steps: 12, batch_size: 2, warmup_steps: 2}
dataset: {tales_megabytes: 0.02}
evaluation: {interval: 4, batches: 2, batch_size: 4, prompt_tokens: 5}
checkpointing: {interval: 5}
other: {norms_interval: 6, threads: 1, device: cpu}
"""


def tiny(**values: Any) -> str:
    """The tiny configuration with some values set, as in `tiny(training__max_steps="9")`."""
    text = TINY
    for key, value in values.items():
        text = set_in_text(text, key.replace("__", "."), str(value))
    return text


def train(experiment: Experiment, until: int = 10**9) -> list[Record]:
    """Advance to a step, or to the end; everything that was told on the way."""
    records: list[Record] = []
    while not experiment.finished and experiment.step < until:
        records += experiment.advance()
    return records


def losses(folder: Path) -> list[tuple[int, str, float]]:
    """Every loss of a run's metrics, by step."""
    rows, _ = read_metrics(folder / "metrics.jsonl")
    return [(row["step"], name, row[name]) for row in rows for name in ("loss/train", "loss/val") if name in row]


def train_losses(folder: Path) -> list[tuple[int, float]]:
    """The training losses alone."""
    return [(step, loss) for step, name, loss in losses(folder) if name == "loss/train"]


def weights(experiment: Experiment) -> dict[str, bytes]:
    """Every weight, bit for bit."""
    return {name: tensor.detach().numpy().tobytes() for name, tensor in experiment.model.named_parameters()}


def forget_digests(folder: Path) -> None:
    """Let a run be as an earlier version left it: nothing remembers what its journal held."""
    for path in (folder / "run.json", *(folder / "checkpoints").glob("*/state.json")):
        content = json.loads(path.read_text())
        content.pop("journal", None)
        content.get("extra", {}).pop("journal", None)
        path.write_text(json.dumps(content))
    journal = folder / "journal.jsonl"
    if journal.exists():
        journal.write_text(re.sub(r', "digest": "\w+"', "", journal.read_text()))
