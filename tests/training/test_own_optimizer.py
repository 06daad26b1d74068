"""An optimizer of one's own: made from the text of a file, resumed bit for bit, and undone when it fails."""

from pathlib import Path

import pytest
import torch

from lmcore.config import parse_config
from lmcore.errors import LabError, UserCodeError
from lmcore.hooks.catalogue import catalogue
from lmcore.training.checkpoints import load_checkpoint, save_checkpoint
from lmcore.training.optimizers import Optimizer, build_optimizer
from lmcore.training.trainer import Trainer
from tests.training.tiny import assert_same_bits, losses_of, state_of, tiny_config, tiny_model, tiny_trainer

USE = "my_optimizer.py:SignedMomentum"
CLASS = """
import torch
from lmcore.training.schedules import learning_rate_at

class SignedMomentum:
    def __init__(self, parameters):
        self.parameters = parameters
        self.momentum = {name: torch.zeros_like(p) for name, p in parameters.items()}

    def set_hyperparameters(self, config, step):
        self.rate, self.now = learning_rate_at(config, step), step

    def step(self):
        for name, p in self.parameters.items():
            momentum = self.momentum[name].mul_(0.9).add_(p.grad)
            p.sub_(self.rate * momentum.sign())

    def tensors(self):
        return {f"momentum/{name}": tensor for name, tensor in self.momentum.items()}
"""


def own(text: str = CLASS, use: str = USE) -> Optimizer:
    """The optimizer that the class makes for the tiny model."""
    config = tiny_config(optimizer=use)
    return build_optimizer(tiny_model(config), config.training, sources={"my_optimizer.py": text})


def trainer_with(text: str) -> Trainer:
    """A tiny trainer that the class trains."""
    config = tiny_config(optimizer=USE, learning_rate=0.003)
    trainer = tiny_trainer(tiny_config())
    trainer.apply_config(config)
    trainer.optimizer = build_optimizer(trainer.model, config.training, sources={"my_optimizer.py": text})
    return trainer


def test_it_trains_and_resumes_bit_for_bit(tmp_path: Path) -> None:
    straight = trainer_with(CLASS)
    losses = losses_of(straight, 8)
    assert losses[-1] < losses[0]
    first = trainer_with(CLASS)
    assert losses_of(first, 4) == losses[:4]
    second = trainer_with(CLASS)
    load_checkpoint(save_checkpoint(tmp_path, first, {}), second)
    assert losses_of(second, 4) == losses[4:]
    assert_same_bits(state_of(straight), state_of(second))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("import torch\n", "import torhc\n", r"my_optimizer\.py cannot be used: line 2: ModuleNotFoundError: No"),
        (
            "class SignedMomentum:",
            "class SignedMomentum",
            "cannot be used: line 5: SyntaxError: expected ':'",
        ),
        ("class SignedMomentum:", "class Other:", "my_optimizer.py defines no class 'SignedMomentum'"),
        ("def tensors(self)", "def state(self)", "the class has no tensors"),
        ("self.parameters = parameters", "self.parameters = p", "cannot be made: line 7: NameError: name 'p' is not"),
        ('return {f"momentum/{name}": tensor', "return {name: 1", "tensors\\(\\) must give tensors by name"),
    ],
)
def test_a_class_that_cannot_be_used_is_told_in_a_sentence(old: str, new: str, sentence: str) -> None:
    with pytest.raises(UserCodeError, match=sentence):
        own(CLASS.replace(old, new))


def test_hooks_in_the_same_file_do_not_join_the_built_ins() -> None:
    before = catalogue()
    own(f"from lmcore.hooks.catalogue import hook\n\n@hook('forward')\ndef twice(x, point):\n    return 2 * x\n{CLASS}")
    assert catalogue() == before


def test_an_error_carries_the_trace_of_its_file_alone() -> None:
    with pytest.raises(UserCodeError) as raised:
        own(CLASS.replace("torch.zeros_like(p)", "torch.zeros_likely(p)"))
    assert 'File "my_optimizer.py", line 8' in raised.value.trace
    assert "torch.zeros_likely(p)" in raised.value.trace and "own.py" not in raised.value.trace.replace("my_", "")


def test_only_files_that_were_agreed_to_run() -> None:
    config = tiny_config(optimizer=USE)
    with pytest.raises(UserCodeError, match=r"no file 'my_optimizer\.py' that was agreed to"):
        build_optimizer(tiny_model(config), config.training)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (
            "raise ValueError('too\\n  much')",
            r"'my_optimizer\.py:SignedMomentum' failed at step 2: line 18: ValueError: too much",
        ),
        ("p.mul_(float('nan'))", r"step 2: it made embed\.weight not finite; the step was undone"),
        ("p.data = p.data[:1]", r"step 2: it changed the shape or the type of embed\.weight, which was \(11, 16\)"),
        ("self.momentum[name] = momentum + 1", r"step 2: 'momentum/embed\.weight' is not the tensor that"),
    ],
)
def test_a_step_that_fails_leaves_everything_as_it_was(broken: str, sentence: str) -> None:
    text = CLASS.replace(
        "            p.sub_(self.rate * momentum.sign())\n",
        f"            p.sub_(self.rate * momentum.sign())\n            if self.now == 2:\n                {broken}\n",
    )
    trainer = trainer_with(text)
    losses_of(trainer, 2)
    before = state_of(trainer)
    with pytest.raises(UserCodeError, match=sentence):
        trainer.train_step()
    assert_same_bits(before, state_of(trainer))
    assert trainer.step == 2


def test_a_configuration_names_a_plain_file_or_a_built_in() -> None:
    assert parse_config(f"training: {{optimizer: '{USE}'}}").training.optimizer == USE
    for wrong in ("../my.py:Name", "a/my.py:Name", "my.py", "my.py:", "my.txt:Name", "adam"):
        with pytest.raises(ValueError, match=r"must be one of adamw, muon, sgd, lion, or one's own in a file"):
            parse_config(f"training: {{optimizer: '{wrong}'}}")
    with pytest.raises(ValueError, match="did you mean lion"):
        parse_config("training: {optimizer: lions}")


def test_state_of_another_shape_is_refused_and_nothing_copied() -> None:
    optimizer = own()
    before = {name: tensor.clone() for name, tensor in optimizer.tensors().items()}
    state = {name: torch.ones_like(tensor) for name, tensor in before.items()}
    state["momentum/embed.weight"] = torch.ones(2)
    with pytest.raises(LabError, match=r"'momentum/embed\.weight' is missing, new, or of another shape"):
        optimizer.load_tensors(state)
    assert_same_bits(before, dict(optimizer.tensors()))
