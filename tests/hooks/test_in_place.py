"""A person's function may write into what it replaces, at every place; into nothing else."""

from typing import Any

import pytest
import torch
from torch import Tensor

from lmcore.errors import UserCodeError
from lmcore.hooks.active import Hooks
from lmcore.hooks.catalogue import HookError
from lmcore.training.trainer import Trainer
from tests.hooks.own_hooks import FILE
from tests.training.tiny import assert_same_bits, losses_of, state_of, tiny_config, tiny_model, tiny_trainer

MODELS: dict[str, dict[str, Any]] = {
    "gpt": {"bias": True, "mlp": "relu"},
    "modern": {"norm": "rmsnorm", "positions": "rotary", "mlp": "swiglu", "qk_norm": True, "tied_head": False},
}
PLACES = [(kind, name) for kind, model in MODELS.items() for name in tiny_model(tiny_config(model)).hook_points()]
WEIGHT = "blocks.0.mlp.up.weight"
WRITING = """
import torch
import torch.nn.functional as F
from lmcore.hooks.catalogue import hook

kept = []


@hook("forward")
def in_place(x, point):
    x[..., :1] *= 0.5
    return x

@hook("forward")
def out_of_place(x, point):
    return torch.cat([x[..., :1] * 0.5, x[..., 1:]], dim=-1)

@hook("backward")
def gradient_in_place(gradient, place):
    gradient[..., :1] *= 0.5
    return gradient

@hook("backward")
def gradient_out_of_place(gradient, place):
    return torch.cat([gradient[..., :1] * 0.5, gradient[..., 1:]], dim=-1)

@hook("backward", "value")
def value_in_place(x, place):
    x[..., :1] *= 0.5
    return x

@hook("backward", "value")
def value_out_of_place(x, place):
    return out_of_place(x, place)

@hook("backward", "linear")
def linear_in_place(x, weight, bias, place):
    x *= 0.5
    return F.linear(x, weight, bias)

@hook("backward", "linear")
def linear_out_of_place(x, weight, bias, place):
    return F.linear(x * 0.5, weight, bias)

@hook("update", "gradients")
def gradients_in_place(gradients):
    for gradient in gradients.values():
        gradient *= 0.5
    return gradients

@hook("update", "gradients")
def gradients_out_of_place(gradients):
    return {name: gradient * 0.5 for name, gradient in gradients.items()}

@hook("loss")
def seen_in_place(logits, targets, seen):
    next(iter(seen.values())).mul_(0.5)
    return logits.mean()

@hook("loss")
def logits_in_place(logits, targets, seen):
    return logits.mul_(0.5).mean()

@hook("forward")
def weight_in_place(x, point, *, model):
    with torch.no_grad():
        model.get_parameter("blocks.0.mlp.up.weight")[0, 0] = 7.0
    return x

@hook("backward")
def weight_in_place_behind(gradient, place):
    with torch.no_grad():
        place.parameter.mul_(2)
    return gradient

@hook("update", "direction")
def parameter_in_place(direction, parameter):
    return parameter.mul_(0.5)

@hook("forward")
def again(x, point, *, model):
    model(torch.zeros(1, 4, dtype=torch.int64))
    return x

@hook("forward")
def leave(x, point):
    raise SystemExit(3)

@hook("forward")
def nothing(x, point):
    x.mul_(2)
"""


def trainer_of(
    use: str, at: str, kind: str = "forward", model: dict[str, Any] | None = None, **training: Any
) -> Trainer:
    config = tiny_config(model, [{"name": "mine", "kind": kind, "use": f"{FILE}:{use}", "at": at}], **training)
    trainer = tiny_trainer(tiny_config(model, **training))
    trainer.hooks = Hooks(config.hooks, trainer.model, sources={FILE: WRITING})
    return trainer


def assert_both_train_alike(in_place: Trainer, out_of_place: Trainer) -> None:
    for norms in (False, True):
        one, other = in_place.train_step(norms), out_of_place.train_step(norms)
        times = ("throughput/tokens_per_second", "throughput/flops")
        assert {**one.metrics, **dict.fromkeys(times)} == {**other.metrics, **dict.fromkeys(times)}
    assert_same_bits(state_of(in_place), state_of(out_of_place))


@pytest.mark.parametrize(("kind", "name"), PLACES)
def test_writing_into_an_activation_trains_as_replacing_it(kind: str, name: str) -> None:
    assert_both_train_alike(*(trainer_of(use, name, model=MODELS[kind]) for use in ("in_place", "out_of_place")))


@pytest.mark.parametrize("name", [name for kind, name in PLACES if kind == "gpt" and "blocks.1" not in name])
def test_writing_into_a_gradient_trains_as_replacing_it(name: str) -> None:
    uses = ("gradient_in_place", "gradient_out_of_place")
    assert_both_train_alike(*(trainer_of(use, name, "backward", MODELS["gpt"]) for use in uses))


@pytest.mark.parametrize(
    ("stage", "kind", "at"),
    [("value", "backward", WEIGHT), ("linear", "backward", WEIGHT), ("gradients", "update", "blocks.*")],
)
def test_writing_into_what_else_is_replaced_trains_alike(stage: str, kind: str, at: str) -> None:
    assert_both_train_alike(*(trainer_of(f"{stage}_{way}", at, kind) for way in ("in_place", "out_of_place")))


@pytest.mark.parametrize("name", [name for kind, name in PLACES if kind == "gpt"])
def test_functions_from_python_may_write_at_every_place(name: str) -> None:
    def in_place(x: Tensor, hook: object) -> Tensor:
        x[..., :1] *= 0.5
        return x

    def without_returning(x: Tensor, hook: object) -> None:
        x[..., :1] *= 0.5

    def out_of_place(x: Tensor, hook: object) -> Tensor:
        return torch.cat([x[..., :1] * 0.5, x[..., 1:]], dim=-1)

    states = []
    for function in (in_place, without_returning, out_of_place):
        trainer = tiny_trainer(tiny_config(MODELS["gpt"]))
        with trainer.model.hooks([(name, function)], [(name, function)]):
            losses_of(trainer, 2)
        states.append(state_of(trainer))
    assert_same_bits(states[0], states[2])
    assert_same_bits(states[1], states[2])


def test_a_position_vector_that_was_looked_at_may_be_written_into() -> None:
    model = tiny_model(tiny_config())
    tokens = torch.zeros(3, 5, dtype=torch.int64)
    _, seen = model.run_with_cache(tokens, "hook_pos_embed")
    seen["hook_pos_embed"].detach()[0, 0, 0] = 7.0
    assert (seen["hook_pos_embed"][:, 0, 0] == 7.0).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("use", "kind", "at", "sentence"),
    [
        ("weight_in_place", "forward", "hook_embed", f"at hook_embed, step 1: it wrote to {WEIGHT}, which a hook may"),
        ("weight_in_place_behind", "backward", WEIGHT, f"at {WEIGHT}, step 1: it wrote to {WEIGHT}"),
        ("parameter_in_place", "update", WEIGHT, f"at {WEIGHT}, step 1: it wrote to {WEIGHT}"),
        ("seen_in_place", "loss", "blocks.0.hook_mlp_out", "at step 1: it wrote into what a term of the loss only"),
        ("logits_in_place", "loss", "blocks.0.hook_mlp_out", "at step 1: it wrote into what a term of the loss only"),
        ("again", "forward", "hook_embed", "at hook_embed, step 1: its function lets the model compute"),
        (
            "leave",
            "forward",
            "hook_embed",
            f"at hook_embed, step 1: line {WRITING.splitlines().index('    raise SystemExit(3)') + 1}: SystemExit: 3",
        ),
        ("nothing", "forward", "hook_embed", "it must return a tensor of the shape (4, 12, 16), not NoneType"),
    ],
)
def test_what_a_function_may_not_do_is_one_sentence_and_undoes_the_step(
    use: str, kind: str, at: str, sentence: str
) -> None:
    trainer = trainer_of(use, at, kind)
    trainer.hooks.set_enabled("mine", False)
    losses_of(trainer, 1)
    trainer.hooks.set_enabled("mine", True)
    before = state_of(trainer)
    with pytest.raises((HookError, UserCodeError)) as failure:
        trainer.train_step()
    assert str(failure.value).startswith("hook 'mine' failed ") and sentence in str(failure.value)
    assert_same_bits(state_of(trainer), before)
    trainer.hooks.set_enabled("mine", False)
    plain = tiny_trainer(tiny_config())
    losses_of(plain, 3)
    losses_of(trainer, 2)
    assert_same_bits(state_of(trainer), state_of(plain))


def test_a_parameter_that_was_written_to_outside_training_is_brought_back_too() -> None:
    trainer = trainer_of("weight_in_place", "hook_embed")
    trainer.hooks.at_step(0)
    before = state_of(trainer)
    for _ in range(2):
        with torch.no_grad(), pytest.raises(HookError, match=f"it wrote to {WEIGHT}"):
            trainer.model.eval()(torch.zeros(1, 4, dtype=torch.int64))
        assert_same_bits(state_of(trainer), before)
