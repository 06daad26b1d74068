"""What a configuration would mean, in two lines: size, work, memory, time."""

from lmcore.config import TrainingConfig, estimate, vocabulary_of


def quantity(number: float) -> str:
    """A number with three figures and a unit: 0.80 M, 10.7 M, 4.1 k, 1.2 G."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size * 0.1 and (unit != "k" or number >= 1e4):
            scaled = number / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f} {unit}"
    return f"{number:,.0f} "


def duration(seconds: float) -> str:
    """A length of time as people say it: 40 s, 5 min, 3.2 h, 2.1 days."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


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
        return f"≈ {duration(steps * seconds_per_step)} for {steps:,} steps"
    mine = estimate(config, vocabulary_of(config.dataset)).flops_per_step
    measured = estimate(running, vocabulary_of(running.dataset)).flops_per_step
    scaled = duration(steps * seconds_per_step * mine / max(measured, 1))
    return f"≈ {scaled} for {steps:,} steps (by the open run's speed)"


def meaning(config: TrainingConfig, running: TrainingConfig | None, seconds_per_step: float | None) -> tuple[str, str]:
    """Two lines: parameters and tokens; work, memory and time."""
    found = estimate(config, vocabulary_of(config.dataset))
    return (
        f"{quantity(found.parameters)} parameters · {found.tokens_per_step:,} tokens/step",
        f"{quantity(found.flops_per_token)}FLOP/token · {quantity(found.memory_bytes)}B · "
        + expected_time(config, running, seconds_per_step),
    )
