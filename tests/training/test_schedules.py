"""Warm-up and the four shapes of the learning rate."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config import OptimizationConfig
from lmcore.training.schedules import learning_rate_at, learning_rate_factor, muon_learning_rate_at


def schedule(shape: str, **values: Any) -> OptimizationConfig:
    return OptimizationConfig.model_validate(
        {"schedule": shape, "max_steps": 100, "warmup_steps": 10, "learning_rate": 1.0, "min_learning_rate": 0.1}
        | values
    )


@pytest.mark.parametrize("shape", ["cosine", "linear", "constant", "warmup_stable_decay"])
def test_warm_up_rises_linearly_to_the_peak(shape: str) -> None:
    rates = [learning_rate_at(schedule(shape), step) for step in range(11)]
    assert rates == pytest.approx([(step + 1) / 11 for step in range(11)])


@pytest.mark.parametrize(
    ("shape", "at_middle", "at_end"),
    [("cosine", 0.55, 0.1), ("linear", 0.55, 0.1), ("constant", 1.0, 1.0), ("warmup_stable_decay", 1.0, 0.1)],
)
def test_shapes(shape: str, at_middle: float, at_end: float) -> None:
    assert learning_rate_at(schedule(shape), 55) == pytest.approx(at_middle)
    assert learning_rate_at(schedule(shape), 100) == pytest.approx(at_end)
    assert learning_rate_at(schedule(shape), 1000) == pytest.approx(at_end)


def test_cosine_is_a_cosine() -> None:
    for step in range(10, 100):
        share = (step - 10) / 90
        assert learning_rate_at(schedule("cosine"), step) == pytest.approx(
            0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2
        )


def test_stable_phase_lasts_until_the_decay() -> None:
    config = schedule("warmup_stable_decay", decay_steps=30)
    assert {learning_rate_at(config, step) for step in range(10, 71)} == {1.0}
    assert learning_rate_at(config, 85) == pytest.approx(0.55)
    by_default = schedule("warmup_stable_decay")
    assert learning_rate_at(by_default, 80) == 1.0 > learning_rate_at(by_default, 81)


def test_muon_follows_the_same_shape_from_its_own_peak() -> None:
    config = schedule("linear", muon_learning_rate=0.02)
    assert muon_learning_rate_at(config, 55) == pytest.approx(0.02 * learning_rate_factor(config, 55))


@settings(max_examples=100, deadline=None)
@given(
    shape=st.sampled_from(["cosine", "linear", "constant", "warmup_stable_decay"]),
    max_steps=st.integers(1, 50),
    warmup=st.integers(0, 50),
    step=st.integers(0, 60),
    end=st.floats(0, 1),
)
def test_the_factor_never_leaves_its_bounds(shape: str, max_steps: int, warmup: int, step: int, end: float) -> None:
    config = schedule(shape, max_steps=max_steps, warmup_steps=min(warmup, max_steps), min_learning_rate=end)
    assert -1e-12 <= learning_rate_factor(config, step) <= 1 + 1e-12
