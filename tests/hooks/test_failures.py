"""A hook that fails stops its step with one sentence: which hook, where, when; and the step was never made."""

from typing import Any

import pytest
import torch

from lmcore.errors import UserCodeError
from lmcore.hooks.active import Hooks
from lmcore.hooks.catalogue import HookError
from lmcore.training.nonfinite import NonFinite
from lmcore.training.trainer import Trainer
from tests.hooks.own_hooks import FILE, TEXT, declared
from tests.training.tiny import assert_same_bits, losses_of, state_of, tiny_config, tiny_trainer

POINT, WEIGHT = "blocks.0.hook_mlp_out", "blocks.0.mlp.up.weight"
PLACES = [  # kind, stage, where to act, how the sentence names the place
    ("forward", "activation", POINT, f"at {POINT}, step 2"),
    ("backward", "gradient_at", POINT, f"at {POINT}, step 2"),
    ("backward", "gradient_at", WEIGHT, f"at {WEIGHT}, step 2"),
    ("backward", "value", WEIGHT, f"at {WEIGHT}, step 2"),
    ("backward", "linear", WEIGHT, f"at {WEIGHT}, step 2"),
    ("update", "gradient", WEIGHT, f"at {WEIGHT}, step 2"),
    ("update", "gradients", "blocks.*", "step 2"),
    ("update", "step", WEIGHT, f"at {WEIGHT}, step 2"),
    ("update", "direction", WEIGHT, f"at {WEIGHT}, step 2"),
    ("loss", "term", POINT, "at step 2"),
]
GIVEN = {"linear": "x, weight, bias, place", "gradients": "x", "term": "logits, targets, x"}
PLAIN = {
    "linear": "torch.nn.functional.linear(x, weight, bias)",
    "gradients": "{k: g * 1.0 for k, g in x.items()}",
    "term": "x[next(iter(x))].square().mean()",
}
FAULTS = {
    "raises": ("[][0]", "IndexError"),
    "shape": ("y[:1].reshape(-1)", "it must return a tensor of the shape|must be one number"),
    "type": ("[y]", "not list|must return a dict"),
    "kind of number": ("y.double()", "it must return torch.float32 on cpu, not torch.float64"),
    "infinity": ("y * torch.inf", "it made values that are not finite from values that were"),
}


def source(kind: str, stage: str, fault: str) -> str:
    """A hook that does no harm until step 2, remembers its steps, and then is at fault."""
    first = GIVEN.get(stage, "x, place")
    wrong = FAULTS[fault][0]
    if stage == "gradients":
        wrong = wrong if fault in ("raises", "type") else "{k: " + wrong.replace("y", "g") + " for k, g in y.items()}"
    if stage == "term" and fault == "shape":
        wrong = "y.expand(2)"
    return f"""
import torch
from lmcore.hooks.catalogue import hook

@hook({kind!r}, {stage!r})
def f({first}, *, step, state):
    state["steps"] = state.get("steps", torch.zeros(())) + 1
    y = {PLAIN.get(stage, "x * 1.0")}
    return y if step != 2 else {wrong}
"""


def trainer_with(text: str, *fields: dict[str, Any], **training: Any) -> Trainer:
    trainer = tiny_trainer(tiny_config(optimizer="muon", **training))
    config = tiny_config(hooks=list(fields))
    trainer.hooks = Hooks(config.hooks, trainer.model, seed=1, sources={FILE: text})
    return trainer


@pytest.mark.parametrize(
    ("kind", "stage", "at", "place", "fault"),
    [(*place, fault) for place in PLACES for fault in FAULTS if (place[1], fault) != ("term", "kind of number")],
)
def test_a_fault_is_one_sentence_and_undoes_the_step(kind: str, stage: str, at: str, place: str, fault: str) -> None:
    fields = declared(kind=kind, use="f", at=at)
    trainer = trainer_with(source(kind, stage, fault), fields, gradient_accumulation_steps=2, batch_size=2)
    losses_of(trainer, 2)
    before, remembered = state_of(trainer), trainer.hooks.tensors()
    kind_of_error = UserCodeError if fault == "raises" else HookError
    with pytest.raises(kind_of_error, match=FAULTS[fault][1]) as failure:
        trainer.train_step()
    assert str(failure.value).startswith("hook 'mine' failed ")
    assert place in str(failure.value)
    assert "\n" not in str(failure.value)
    assert ("Traceback" in getattr(failure.value, "trace", "")) == (fault == "raises")
    assert trainer.step == 2
    assert_same_bits(state_of(trainer), before)
    assert_same_bits(trainer.hooks.tensors(), remembered)
    assert len(remembered) > 0

    trainer.hooks.reload(FILE, source(kind, stage, fault).replace("step != 2", "True"))  # the person mends it
    straight = trainer_with(source(kind, stage, fault).replace("step != 2", "True"), fields,
                            gradient_accumulation_steps=2, batch_size=2)  # fmt: skip
    losses_of(straight, 4)
    losses_of(trainer, 2)
    assert_same_bits(state_of(trainer), state_of(straight))
    assert_same_bits(trainer.hooks.tensors(), straight.hooks.tensors())


def test_of_two_hooks_the_one_that_made_it_not_finite_is_named() -> None:
    text = TEXT + source("forward", "activation", "infinity").replace("def f", "def g")
    times = declared(name="before", use="times", at=POINT)
    trainer = trainer_with(text, times, declared(name="culprit", use="g", at=POINT), {**times, "name": "after"})
    losses_of(trainer, 2)
    with pytest.raises(HookError, match="'culprit'"):
        trainer.train_step()


def test_what_no_hook_made_not_finite_is_told_as_without_hooks() -> None:
    trainer = trainer_with(TEXT, declared(use="drift", at=POINT))
    losses_of(trainer, 1)
    remembered = trainer.hooks.tensors()
    with torch.no_grad():
        trainer.model.get_parameter(WEIGHT)[0, 0] = torch.nan
    with pytest.raises(NonFinite, match=f"the parameter {WEIGHT}"):
        trainer.train_step()
    assert_same_bits(trainer.hooks.tensors(), remembered)


def test_attention_scores_may_be_minus_infinity_where_they_are_masked() -> None:
    trainer = trainer_with(
        source("forward", "activation", "infinity"), declared(use="f", at="blocks.0.attn.hook_attn_scores")
    )
    losses_of(trainer, 2)
    with pytest.raises(HookError, match=r"at blocks\.0\.attn\.hook_attn_scores, step 2.*not finite"):
        trainer.train_step()
