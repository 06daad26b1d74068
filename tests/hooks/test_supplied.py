"""What the layer supplies: random numbers that come again, memory, the step, the model, the error at the logits."""

import pytest
import torch
from torch import Tensor

from lmcore.errors import UserCodeError
from lmcore.hooks.active import Hooks
from lmcore.hooks.catalogue import HookError
from lmcore.model.loss import next_token_loss
from lmcore.model.transformer import Transformer
from tests.hooks.own_hooks import FILE, TEXT, declared, hooks_of

TOKENS = torch.arange(24).view(2, 12) % 11
AT = "blocks.0.hook_mlp_out"

LOOKING = """
from lmcore.hooks.catalogue import hook

seen = {}

@hook("forward")
def look(x, point, *, step, model, factor: float = 0.0):
    seen[point.name] = (step, model, factor)
    return x + len(seen) * 0

@hook("backward")
def look_back(gradient, place, *, error):
    seen["error"] = error()
    return gradient

@hook("forward")
def too_early(x, point, *, error):
    return x + error()

@hook("forward")
def forgetful(x, point, *, state):
    state["count"] = state.get("count", 0) + 1
    return x
"""


def noise(model: Transformer, hooks: Hooks, step: int, micro_batch: int = 0) -> Tensor:
    """What comes out at a place where `drift` acts."""
    hooks.at_step(step)
    hooks.begin_micro_batch(micro_batch)
    return model.eval().run_with_cache(TOKENS, AT)[1][AT]  # [batch, pos, d_model]


def drifting(**fields: object) -> tuple[Transformer, Hooks]:
    return hooks_of(declared(**{"use": "drift", "at": "blocks.*.hook_mlp_out", **fields}))


def test_random_numbers_depend_on_seed_name_place_step_and_micro_batch_alone() -> None:
    model, hooks = drifting()
    declaration = hooks.hooks[0].declared
    one = noise(model, hooks, 4, 1)
    torch.manual_seed(0)
    noise(model, hooks, 5)
    assert torch.equal(noise(model, hooks, 4, 1), one)
    assert torch.equal(noise(*drifting(), 4, 1), one)
    assert not torch.equal(noise(model, hooks, 5, 1), one)
    assert not torch.equal(noise(model, hooks, 4, 0), one)
    assert not torch.equal(noise(*drifting(name="other"), 4, 1), one)
    model, _ = hooks_of()
    assert not torch.equal(noise(model, Hooks([declaration], model, 9, {FILE: TEXT}), 4, 1), one)


def test_what_a_hook_remembers_is_kept_for_each_place_and_only_in_training() -> None:
    model, hooks = drifting()
    hooks.at_step(0)
    model.eval()(TOKENS)
    assert hooks.tensors() == {}
    model.train()(TOKENS)
    first = hooks.tensors()
    assert list(first) == [f"mine/my_hooks.py:drift/blocks.{layer}.hook_mlp_out/mean" for layer in range(2)]
    before = model.eval()(TOKENS)
    assert torch.equal(model(TOKENS), before)
    assert all(torch.equal(tensor, first[name]) for name, tensor in hooks.tensors().items())
    assert not any(tensor.requires_grad for tensor in first.values())
    model.train()(TOKENS)
    assert all(not torch.equal(tensor, first[name]) for name, tensor in hooks.tensors().items())


def test_what_was_saved_is_remembered_and_what_belongs_to_no_hook_is_left_out() -> None:
    model, hooks = drifting()
    hooks.at_step(0)
    model(TOKENS)
    saved = hooks.tensors()
    _, again = drifting(at=AT)
    again.load_tensors({**saved, "gone/my_hooks.py:drift/blocks.0.hook_mlp_out/mean": torch.ones(())})
    assert list(again.tensors()) == [name for name in saved if AT in name]
    again.load_tensors({})
    assert again.tensors() == {}


def test_step_model_and_scheduled_numbers_are_those_of_the_present() -> None:
    fields = {"name": "look", "use": "my_hooks.py:look", "at": AT, "from_step": 2}
    model, hooks = hooks_of({**fields, "with": {"factor": {"from": 1, "to": 3, "steps": 4}}}, text=LOOKING)
    seen = hooks.hooks[0].entry.function.__globals__["seen"]
    for step, factor in ((2, 1.0), (4, 2.0), (9, 3.0)):
        hooks.at_step(step)
        model(TOKENS)
        assert seen[AT] == (step, model, factor)


def test_the_error_is_the_gradient_at_the_logits_of_the_pass_that_goes_back() -> None:
    fields = {"name": "look", "kind": "backward", "use": "my_hooks.py:look_back", "at": AT}
    model, hooks = hooks_of(fields, text=LOOKING)
    seen = hooks.hooks[0].entry.function.__globals__["seen"]
    hooks.at_step(0)
    for scale in (1.0, 0.5):
        logits, targets = model(TOKENS), TOKENS.roll(-1, dims=1)
        (scale * next_token_loss(logits, targets)).backward()
        one_hot = torch.nn.functional.one_hot(targets, 11)
        assert torch.allclose(seen["error"], scale * (logits.softmax(-1) - one_hot) / targets.numel(), atol=1e-7)


@pytest.mark.parametrize(
    ("use", "sentence"), [("too_early", "known only while"), ("forgetful", "tensors by name, not")]
)
def test_what_cannot_be_supplied_or_kept_is_told(use: str, sentence: str) -> None:
    model, hooks = hooks_of({"name": "mine", "use": f"my_hooks.py:{use}", "at": AT}, text=LOOKING)
    hooks.at_step(3)
    with pytest.raises((HookError, UserCodeError), match=sentence) as failure:
        model(TOKENS)
    assert str(failure.value).startswith(f"hook 'mine' failed at {AT}, step 3: ")
