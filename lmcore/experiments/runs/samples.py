"""samples.jsonl: what the model made of the fixed prompt at each evaluation."""

from dataclasses import dataclass
from pathlib import Path

from lmcore.experiments.runs.lines import append_lines, cut_lines, read_lines


@dataclass(frozen=True)
class Sample:
    """The fixed prompt's continuation at a step; `text` does not repeat the prompt."""

    step: int
    prompt: str
    text: str


def append_sample(path: Path, sample: Sample) -> None:
    """Append one sample. RunError if it cannot be written."""
    append_lines(path, [{"step": sample.step, "prompt": sample.prompt, "text": sample.text}])


def load_samples(path: Path) -> list[Sample]:
    """All samples in their order; damaged lines are skipped."""
    return [
        Sample(row["step"], row["prompt"], row["text"])
        for row in read_lines(path).rows
        if isinstance(row.get("step"), int) and isinstance(row.get("prompt"), str) and isinstance(row.get("text"), str)
    ]


def cut_samples(path: Path, step: int) -> None:
    """Cut off the samples past a step: the run goes on from there."""
    cut_lines(path, lambda row: isinstance(row.get("step"), int) and row["step"] <= step)
