"""The learning rate of each step: linear warm-up, then one of four shapes."""

import math

from lmcore.config.schema import OptimizationConfig


def learning_rate_factor(config: OptimizationConfig, step: int) -> float:
    """The share of the peak learning rate that step `step` (counted from 0) uses: above 0, at most 1.

    Warm-up rises linearly and reaches 1 at step `warmup_steps`, as nanoGPT's does. Then cosine (Loshchilov & Hutter
    2017) and linear fall from 1 to min_learning_rate / learning_rate at max_steps; constant stays; warmup_stable_decay
    (Hu et al. 2024, MiniCPM) stays at 1 and falls linearly over its last decay_steps.
    """
    if step < config.warmup_steps:
        return (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return 1.0
    begin = config.warmup_steps
    if config.schedule == "warmup_stable_decay":
        begin = max(begin, config.max_steps - (config.decay_steps or math.ceil(config.max_steps / 5)))
    done = min(1.0, max(0.0, (step - begin) / max(1, config.max_steps - begin)))  # share of the fall, 0 to 1
    left = (1 + math.cos(math.pi * done)) / 2 if config.schedule == "cosine" else 1 - done
    end = config.min_learning_rate / config.learning_rate
    return end + (1 - end) * left


def learning_rate_at(config: OptimizationConfig, step: int) -> float:
    """AdamW's learning rate at a step."""
    return config.learning_rate * learning_rate_factor(config, step)


def muon_learning_rate_at(config: OptimizationConfig, step: int) -> float:
    """Muon's learning rate at a step: its own peak, the same shape."""
    return config.muon_learning_rate * learning_rate_factor(config, step)
