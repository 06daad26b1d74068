"""Fewer steps by an override shorten the phases of the schedule that no longer fit, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.config import ConfigError, changed_text, check_text, parse_config, resolved_text, shortening_notes

LONG = "training: {max_steps: 4000, warmup_steps: 400}\n"
STABLE = "training: {schedule: warmup_stable_decay, max_steps: 1000, warmup_steps: 100, decay_steps: 300}\n"


def test_the_warm_up_keeps_its_share_of_the_run() -> None:
    steps = ("training.max_steps", "50")
    assert parse_config(LONG, overrides=[steps]).training.warmup_steps == 5
    assert changed_text(LONG, [steps]) == "training: {max_steps: 50, warmup_steps: 5}\n"
    assert parse_config(resolved_text(LONG, [steps])) == parse_config(LONG, overrides=[steps])
    said = "With training.max_steps=50, training.warmup_steps is 5 instead of 400, the same share of the run as before."
    assert shortening_notes(LONG, [steps]) == (said,)


@pytest.mark.parametrize(
    ("overrides", "warmup", "decay"),
    [
        ({"max_steps": "350"}, 35, 105),
        ({"max_steps": "400"}, 100, 300),  # it fits
        ({"max_steps": "1"}, 1, 0),
        ({"max_steps": "350", "decay_steps": "50"}, 100, 50),
        ({"max_steps": "120", "decay_steps": "50"}, 12, 50),
        ({"max_steps": "3.5e2"}, 35, 105),
        ({"max_steps": "80", "schedule": "cosine"}, 8, 300),
    ],
)
def test_of_several_phases_each_keeps_its_share(overrides: dict[str, str], warmup: int, decay: int) -> None:
    training = parse_config(STABLE, overrides=[(f"training.{key}", value) for key, value in overrides.items()]).training
    assert (training.warmup_steps, training.decay_steps) == (warmup, decay)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (LONG, [("training.max_steps", "50"), ("training.warmup_steps", "60")]),  # both were asked for
        (LONG.replace("4000", "40"), [("training.max_steps", "30")]),  # it was wrong before
        (LONG, [("training.max_steps", "0")]),
        (LONG, [("training.max_steps", ".inf")]),
        (LONG, [("training.max_steps", "soon")]),
        (LONG, [("training.max_steps", "[")]),
        (LONG, [("training.max_steps", "50"), ("model.nothing", "1")]),
    ],
)
def test_what_was_said_itself_is_refused_as_ever(text: str, overrides: list[tuple[str, str]]) -> None:
    with pytest.raises(ConfigError):
        parse_config(text, overrides=overrides)
    assert shortening_notes(text, overrides) == ()


def test_a_file_that_contradicts_itself_is_refused_unless_it_gets_steps_enough() -> None:
    text = LONG.replace("4000", "40")
    assert "warmup_steps (400) must be at most" in check_text(text)[1][0].message
    assert parse_config(text, overrides=[("training.max_steps", "500")]).training.warmup_steps == 400


@given(st.integers(1, 2000), st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 3000))
def test_whatever_fitted_fits_into_any_number_of_steps(steps: int, warmup: int, decay: int, fewer: int) -> None:
    phases = f"max_steps: {steps}, warmup_steps: {warmup}, decay_steps: {decay}"
    text = f"training: {{schedule: warmup_stable_decay, {phases}}}\n"
    if check_text(text)[0] is not None and fewer <= steps:
        training = parse_config(text, overrides=[("training.max_steps", str(fewer))]).training
        assert training.max_steps == fewer and (training.warmup_steps > 0) == (warmup > 0)
