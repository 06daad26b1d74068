"""What several runs made of the fixed prompt, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.experiments.comparison.recorded import RecordedRun


@dataclass(frozen=True)
class SideSample:
    """One run's continuation of its fixed prompt at a step."""

    letter: str
    step: int
    prompt: str
    text: str


def sample_steps(runs: Sequence[RecordedRun]) -> list[int]:
    """The steps at which every run that has samples at all has one."""
    steps = [{sample.step for sample in run.samples} for run in runs if run.samples]
    return sorted(set.intersection(*steps)) if steps else []


def samples_at(runs: Sequence[RecordedRun], step: int | None = None) -> tuple[SideSample, ...]:
    """Every run's sample at a step: by default the last that all have, or, where they share none, each one's last."""
    if step is None:
        shared = sample_steps(runs)
        step = shared[-1] if shared else None
    found = []
    for run in runs:
        at = [sample for sample in run.samples if step is None or sample.step == step]
        if at:
            found.append(SideSample(run.letter, at[-1].step, at[-1].prompt, at[-1].text))
    return tuple(found)
