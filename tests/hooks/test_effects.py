"""Every hook of the catalogue in a short training run: its effect there, and that the run can be stopped and resumed in
the middle of it, bit for bit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lmcore.hooks.catalogue import catalogue
from lmcore.model.loss import next_token_loss
from lmcore.training.checkpoints import load_checkpoint, save_checkpoint
from lmcore.training.evaluation import evaluate
from lmcore.training.trainer import Trainer
from tests.training.tiny import CPU, assert_same_bits, losses_of, state_of, tiny_config, tiny_text, tiny_trainer

STEPS = 8
MLP_OUT, STREAM = "blocks.0.hook_mlp_out", "blocks.0.hook_resid_post"
Z, SCORES, PATTERN = "blocks.1.attn.hook_z", "blocks.1.attn.hook_attn_scores", "blocks.1.attn.hook_pattern"
TEXT = tiny_text(48).long().view(4, 12)
MATRIX = "blocks.0.mlp.up.weight"

Shows = Callable[[Trainer, Trainer], bool]
"""(the run with the hook, the same run without it), both after STEPS steps → whether the effect is seen."""


def seen(trainer: Trainer, place: str) -> Tensor:
    """What passes a point, behind the hooks there, when the model reads a text."""
    with torch.no_grad():
        return trainer.model.eval().run_with_cache(TEXT, place)[1][place]


def is_other(hooked: Trainer, plain: Trainer) -> bool:
    """No more is shown than that the weights came to be others, which is tested of every hook."""
    return True


def less(measure: Callable[[Trainer], Tensor], share: float = 0.9) -> Shows:
    """A quantity is at most a share of what it is without the hook."""
    return lambda hooked, plain: measure(hooked).item() < share * measure(plain).item()


def block_0_unmoved(hooked: Trainer, plain: Trainer) -> bool:
    """The first block is what it was before training."""
    return _unmoved(hooked, "blocks.0.") and not _unmoved(plain, "blocks.0.")


def head_unmoved(hooked: Trainer, plain: Trainer) -> bool:
    """The values of the silent head learn nothing: their rows of the matrix stay."""
    fresh = tiny_trainer(hooked.config).parameters["blocks.1.attn.value.weight"][8:]  # [d_head, d_model]
    return torch.equal(fresh, hooked.parameters["blocks.1.attn.value.weight"][8:])


def _unmoved(trainer: Trainer, prefix: str) -> bool:
    fresh = tiny_trainer(trainer.config).parameters
    return all(torch.equal(fresh[name], p) for name, p in trainer.parameters.items() if name.startswith(prefix))


def _entropy(trainer: Trainer) -> Tensor:
    pattern = seen(trainer, PATTERN)
    return -(pattern * pattern.clamp(min=1e-9).log()).sum(-1).mean()


def _log_z(trainer: Trainer) -> Tensor:
    with torch.no_grad():
        logits = trainer.model.eval()(TEXT)
    return logits.logsumexp(-1).square().mean()


def _certainty(trainer: Trainer) -> Tensor:
    """How far the predictions are from uniform, in nats."""
    with torch.no_grad():
        logs = trainer.model.eval()(TEXT).log_softmax(-1)
    return torch.tensor(float(logs.shape[-1])).log() + (logs.exp() * logs).sum(-1).mean()


def _covariance(trainer: Trainer) -> Tensor:
    covariance = seen(trainer, MLP_OUT).flatten(0, 1).T.cov()
    return (covariance - covariance.diag().diag()).square().sum()


def _early_loss(trainer: Trainer) -> Tensor:
    with torch.no_grad():
        logits = trainer.model.logits_of(seen(trainer, STREAM))[:, :-1]
    return next_token_loss(logits, TEXT[:, 1:])


def _distance_from_orthonormal(trainer: Trainer) -> Tensor:
    w = trainer.parameters[MATRIX].detach()  # [d_mlp, d_model]
    return (w.T @ w - torch.eye(w.shape[1])).square().sum()


def _ratio(hooked: Trainer, plain: Trainer) -> bool:
    """Each update is a hundredth as long as its weight."""
    before = hooked.parameters[MATRIX].detach().clone()
    hooked.train_step()
    update = hooked.parameters[MATRIX].detach() - before
    return bool(torch.isclose(update.norm() / before.norm(), torch.tensor(0.01), rtol=1e-3))


def _equal_singular_values(hooked: Trainer, plain: Trainer) -> bool:
    before = hooked.parameters[MATRIX].detach().clone()
    hooked.train_step()
    values = torch.linalg.svdvals(hooked.parameters[MATRIX].detach() - before)
    return bool(values.min() > 0.99 * values.max())


@dataclass(frozen=True)
class Example:
    """One declaration, and what it is seen by."""

    kind: str
    use: str
    at: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    shows: Shows = is_other
    changes_values: bool = True  # False: its ‖change‖/‖original‖ is zero by design

    @property
    def declared(self) -> dict[str, Any]:
        """As it stands in a configuration."""
        fields = {"name": "it", "kind": self.kind, "use": self.use, "with": dict(self.arguments)}
        return fields if self.at is None else fields | {"at": self.at}


EXAMPLES = [
    Example("forward", "zero", Z, {"heads": [1]}, head_unmoved),
    Example("forward", "mean", MLP_OUT, {}, less(lambda t: seen(t, MLP_OUT).std(1).sum())),
    Example("forward", "scale", MLP_OUT, {"factor": {"from": 1.0, "to": 0.2, "steps": 4}}),
    Example("forward", "add", "hook_embed", {"values": [0.5] * 16}, lambda t, _: seen(t, "hook_embed").mean() > 0.4),
    Example("forward", "noise", "hook_embed", {"std": 1.0}, lambda t, _: seen(t, "hook_embed").std() > 0.9),
    Example("forward", "clamp", STREAM, {"low": -0.01, "high": 0.01}, lambda t, _: seen(t, STREAM).abs().max() <= 0.01),
    Example("forward", "dropout", "blocks.*.hook_*_out", {"p": 0.5}),
    Example("forward", "stop_gradient", STREAM, {}, block_0_unmoved, changes_values=False),
    Example("forward", "fake_quantization", STREAM, {"bits": 3}, lambda t, _: seen(t, STREAM).unique().numel() <= 7),
    Example("forward", "attention_temperature", SCORES, {"temperature": 0.001}, less(_entropy)),
    Example("forward", "attention_mask", SCORES, {"kind": "window", "window": 2}, less(_entropy)),
    Example("backward", "scale", STREAM, {"factor": 0.0}, block_0_unmoved),
    Example("backward", "reverse", MATRIX),
    Example("backward", "clip", STREAM, {"largest": 1e-5}),
    Example("backward", "sign", STREAM),
    Example("backward", "noise", STREAM, {"std": 0.5}),
    Example("backward", "sparsify", "blocks.*.hook_resid_post", {"keep": 0.25}),
    Example("backward", "stop", STREAM, {}, block_0_unmoved),
    Example("backward", "straight_through", "blocks.*.weight", {"bits": 2}),
    Example("backward", "feedback_alignment", "blocks.*.weight"),
    Example("backward", "direct_feedback_alignment", "blocks.*.weight"),
    Example("update", "clip_global", None, {"largest": 1e-3}),
    Example("update", "clip", "blocks.*", {"largest": 1e-3}),
    Example("update", "centralize", "blocks.*"),
    Example("update", "normalize", "blocks.*"),
    Example("update", "noise", "blocks.*", {"std": {"from": 0.1, "to": 0.01, "steps": 6}}),
    Example("update", "sign", "blocks.*"),
    Example("update", "project", "blocks.*"),
    Example("update", "scale", "blocks.0.*", {"factor": 0.0}, block_0_unmoved),
    Example("update", "freeze", "blocks.0.*", {}, block_0_unmoved),
    Example("update", "scale_layers", None, {"factor": 0.0}, block_0_unmoved),
    Example("update", "cautious"),
    Example("update", "trust_ratio", "blocks.*", {"ratio": 0.01}, _ratio),
    Example("update", "orthogonalize", "blocks.*.weight", {}, _equal_singular_values),
    Example("loss", "z_loss", None, {"weight": 1.0}, less(_log_z)),
    Example("loss", "label_smoothing", None, {"weight": 0.9}, less(_certainty)),
    Example("loss", "activation_l1", MLP_OUT, {"weight": 50.0}, less(lambda t: seen(t, MLP_OUT).abs().mean())),
    Example("loss", "activation_l2", MLP_OUT, {"weight": 1e3}, less(lambda t: seen(t, MLP_OUT).square().mean())),
    Example("loss", "weight_l1", MATRIX, {"weight": 1.0}, less(lambda t: t.parameters[MATRIX].abs().sum())),
    Example("loss", "attention_entropy", PATTERN, {"weight": 10.0}, less(_entropy, 0.97)),
    Example("loss", "orthogonality", MATRIX, {"weight": 1.0}, less(_distance_from_orthonormal)),
    Example("loss", "decorrelation", MLP_OUT, {"weight": 1e6}, less(_covariance)),
    Example("loss", "intermediate", STREAM, {"weight": 1.0}, less(_early_loss, 0.995)),
]
"""One for each hook of the catalogue."""

IDS = [f"{example.kind}-{example.use}" for example in EXAMPLES]


def trainer_with(*declared: dict[str, Any]) -> Trainer:
    """Two micro-batches a step, dropout, and no decay that would move a weight without a gradient."""
    return tiny_trainer(
        tiny_config(
            {"dropout": 0.1},
            hooks=list(declared),
            learning_rate=1e-2,
            weight_decay=0.0,
            gradient_accumulation_steps=2,
        )
    )


@pytest.fixture(scope="module")
def plain() -> Trainer:
    """The run without a hook."""
    trainer = trainer_with()
    losses_of(trainer, STEPS)
    return trainer


def test_the_table_covers_the_catalogue() -> None:
    assert sorted(IDS) == sorted(f"{entry.kind}-{entry.name}" for entry in catalogue())


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_it_has_its_effect_on_a_short_run(example: Example, plain: Trainer) -> None:
    trainer = trainer_with(example.declared)
    losses_of(trainer, STEPS - 1)
    metrics = trainer.train_step(norms=True).metrics
    assert any(not torch.equal(p, plain.parameters[name]) for name, p in trainer.parameters.items())
    [statistics] = trainer.hooks.statistics()
    assert statistics.firings >= STEPS
    assert metrics.get("hook/effect/it") == statistics.effect is not None
    assert (statistics.effect > 0) == example.changes_values
    assert ("loss/aux/it" in metrics) == (example.kind == "loss")
    assert example.shows(trainer, plain)


@pytest.mark.parametrize("example", EXAMPLES, ids=IDS)
def test_stopping_in_the_middle_of_it_and_going_on_is_bit_for_bit_going_straight_on(
    example: Example, tmp_path: Path
) -> None:
    straight = trainer_with(example.declared)
    losses = losses_of(straight, 6)
    stopped = trainer_with(example.declared)
    again = losses_of(stopped, 3)
    evaluate(stopped.model, tiny_text(60), stopped.config.evaluation, 12, CPU)
    path = save_checkpoint(tmp_path, stopped, {})
    torch.manual_seed(3)  # whatever state the global stream is in
    resumed = trainer_with(example.declared)
    load_checkpoint(path, resumed)
    again += losses_of(resumed, 3)
    assert again == losses
    assert_same_bits(state_of(straight), state_of(resumed))
    assert_same_bits(straight.hooks.tensors(), resumed.hooks.tensors())


def test_all_of_them_at_once_change_no_bit_while_they_are_disabled(plain: Trainer) -> None:
    declared = [example.declared | {"name": name} for name, example in zip(IDS, EXAMPLES, strict=True)]
    trainer = trainer_with(*(one | {"enabled": False} for one in declared))
    losses_of(trainer, STEPS)
    assert_same_bits(state_of(trainer), state_of(plain))
