"""What a configuration would mean, in two lines: size, work, memory, time."""

from lmcore.config import TrainingConfig, estimate, vocabulary_of
from tui.lab.numbers import quantity, rough_duration


def _work(config: TrainingConfig) -> tuple[object, ...]:
    """All that decides how long a step takes."""
    training = config.training
    sizes = (training.batch_size, training.gradient_accumulation_steps, training.optimizer)
    return (
        config.model,
        sizes,
        training.muon_newton_schulz_steps,
        training.batch_ramp_start,
        vocabulary_of(config.dataset),
        config.other.device,
        config.other.threads,
    )


def expected_time(config: TrainingConfig, running: TrainingConfig | None, seconds_per_step: float | None) -> str:
    """How long the run would take: from the measured steps of the open run, scaled by work where shapes differ."""
    steps = config.training.max_steps
    if seconds_per_step is None or running is None:
        return "time: not measured yet"
    if _work(config) == _work(running):
        return f"≈ {rough_duration(steps * seconds_per_step)} for {steps:,} steps"
    mine = estimate(config, vocabulary_of(config.dataset)).flops_per_step
    measured = estimate(running, vocabulary_of(running.dataset)).flops_per_step
    scaled = rough_duration(steps * seconds_per_step * mine / max(measured, 1))
    return f"≈ {scaled} for {steps:,} steps (by the open run's speed)"


def meaning(config: TrainingConfig, running: TrainingConfig | None, seconds_per_step: float | None) -> tuple[str, str]:
    """Two lines: parameters and tokens; work, memory and time."""
    found = estimate(config, vocabulary_of(config.dataset))
    return (
        f"{quantity(found.parameters)} parameters · {found.tokens_per_step:,} tokens/step",
        f"{quantity(found.flops_per_token)}FLOP/token · {quantity(found.memory_bytes)}B · "
        + expected_time(config, running, seconds_per_step),
    )
