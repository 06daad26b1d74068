"""Training computes what it computed before."""

import json

import pytest

from tests.training.golden_losses import FILE, RECIPES, golden_losses


def test_losses_are_those_written_down() -> None:
    golden, losses = json.loads(FILE.read_text(encoding="utf-8")), golden_losses()
    assert golden.keys() == RECIPES.keys()
    for recipe, values in losses.items():
        for step, (value, expected) in enumerate(zip(values, golden[recipe], strict=True)):
            assert value == pytest.approx(expected, rel=1e-4), (
                f"the recipe {recipe!r} reaches {value:.6f} at step {step}, and {expected:.6f} is written down. If "
                "training was meant to compute something else now (initialization, batches, the model, an optimizer), "
                "write the losses anew and commit them with that change: python -m tests.training.golden_losses. "
                "Otherwise the change has a fault; another processor alone moves the losses by less than 0.01 %"
            )
