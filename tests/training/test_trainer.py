"""The training step: what it learns, what it measures, and that measuring changes nothing."""

import math
import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lmcore.hooks.points import HookPoint
from lmcore.training.evaluation import evaluate
from lmcore.training.nonfinite import NonFinite
from lmcore.training.trainer import Trainer
from tests.training.tiny import CPU, assert_same_bits, losses_of, state_of, tiny_config, tiny_text, tiny_trainer


@pytest.mark.parametrize(
    ("optimizer", "learning_rate"), [("adamw", 0.01), ("muon", 0.01), ("sgd", 0.5), ("lion", 0.003)]
)
def test_the_loss_falls(optimizer: str, learning_rate: float) -> None:
    trainer = tiny_trainer(tiny_config(optimizer=optimizer, max_steps=60, learning_rate=learning_rate, batch_size=8))
    losses = losses_of(trainer, 60)
    assert losses[0] == pytest.approx(math.log(11), abs=0.1)
    assert losses[-1] < losses[0] - 0.7


def test_one_step_of_plain_adamw_is_what_torch_alone_would_do() -> None:
    config = tiny_config(warmup_steps=0, schedule="constant", gradient_clip=0.05, weight_decay=0.0)
    ours, theirs = tiny_trainer(config), tiny_trainer(config)
    [(x, y)] = theirs.batcher.micro_batches(0)
    reference = torch.optim.AdamW(
        theirs.model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0, foreach=False
    )
    loss = F.cross_entropy(theirs.model(x).view(-1, 11), y.flatten())
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(theirs.model.parameters(), 0.05)
    reference.step()
    result = ours.train_step()
    assert result.metrics["loss/train"] == pytest.approx(loss.item(), rel=1e-6)
    assert result.metrics["grad/l2_norm/global"] == pytest.approx(norm.item(), rel=1e-5)
    assert result.metrics["learning_rate"] == 1e-3
    for ours_p, theirs_p in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(ours_p, theirs_p, rtol=1e-4, atol=1e-6)


def test_micro_batches_are_one_large_batch_and_the_logged_loss_is_their_mean() -> None:
    whole = tiny_trainer(tiny_config(batch_size=8))
    parts = tiny_trainer(tiny_config(batch_size=2, gradient_accumulation_steps=4))
    for _ in range(3):
        a, b = whole.train_step().metrics, parts.train_step().metrics
        assert b["loss/train"] == pytest.approx(a["loss/train"], rel=1e-5)
        assert b["grad/l2_norm/global"] == pytest.approx(a["grad/l2_norm/global"], rel=1e-4)
    last = F.cross_entropy(
        parts.model(parts.batcher.micro_batches(3)[-1][0]).flatten(0, 1),
        parts.batcher.micro_batches(3)[-1][1].flatten(),
    )
    assert parts.train_step().metrics["loss/train"] != pytest.approx(last.item(), rel=1e-4)


def test_counts_follow_the_batch_ramp() -> None:
    trainer = tiny_trainer(
        tiny_config(batch_size=6, batch_ramp_start=2, batch_ramp_steps=4, gradient_accumulation_steps=2)
    )
    sizes = []
    for _ in range(6):
        before = trainer.tokens
        result = trainer.train_step()
        sizes.append((result.tokens - before) // (12 * 2))
    assert sizes == [2, 3, 4, 5, 6, 6]
    assert trainer.step == 6
    assert trainer.seconds == result.seconds > 0


@pytest.mark.parametrize(
    ("model", "training"),
    [
        ({}, {}),
        ({"dropout": 0.2}, {"optimizer": "muon", "gradient_accumulation_steps": 2}),
        (
            {"norm": "rmsnorm", "positions": "rotary", "qk_norm": True, "mlp": "relu2", "tied_head": False},
            {"optimizer": "muon"},
        ),
    ],
)
def test_watching_evaluating_and_sampling_leave_every_bit_alone(
    model: dict[str, Any], training: dict[str, Any]
) -> None:
    config = tiny_config(model, **training)
    alone, watched = tiny_trainer(config), tiny_trainer(config)
    losses = losses_of(alone, 6)
    seen = []
    for step in range(6):
        seen.append(watched.train_step(norms=step % 2 == 0).metrics["loss/train"])
        evaluate(watched.model, tiny_text(120), config.evaluation, config.model.context_length, CPU)
        torch.rand(3)  # somebody else draws from the global stream
    assert seen == losses
    assert_same_bits(state_of(alone), state_of(watched))
    assert not any(point.is_used for point in watched.model.hook_points().values())


def test_norms_are_those_of_gradients_parameters_updates_and_activations() -> None:
    trainer = tiny_trainer(tiny_config(gradient_clip=0.0))
    before = {name: p.detach().clone() for name, p in trainer.parameters.items()}
    [(x, y)] = trainer.batcher.micro_batches(0)
    logits, seen = trainer.model.run_with_cache(x)
    gradients = torch.autograd.grad(
        F.cross_entropy(logits.flatten(0, 1), y.flatten()), list(before_parameters(trainer))
    )
    metrics = trainer.train_step(norms=True).metrics
    for (name, p), gradient in zip(trainer.parameters.items(), gradients, strict=True):
        update = (p.detach() - before[name]).norm().item()
        assert metrics[f"grad/l2_norm/{name}"] == pytest.approx(gradient.norm().item(), rel=1e-4)
        assert metrics[f"param/l2_norm/{name}"] == pytest.approx(before[name].norm().item(), rel=1e-5)
        assert metrics[f"update/l2_norm/{name}"] == pytest.approx(update, rel=1e-4)
        assert metrics[f"update/ratio/{name}"] == pytest.approx(update / before[name].norm().item(), rel=1e-4)
    points = {name.removeprefix("activation/rms/") for name in metrics if name.startswith("activation/rms/")}
    assert points == {"hook_embed", "hook_pos_embed"} | {
        f"blocks.{i}.hook_{what}" for i in range(2) for what in ("attn_out", "mlp_out", "resid_post")
    }
    for point in points:
        rms = seen[point].square().mean().sqrt().item()
        assert metrics[f"activation/rms/{point}"] == pytest.approx(rms, rel=1e-5)
    assert not any("l2_norm/blocks" in name or "rms" in name for name in trainer.train_step().metrics)


def test_what_no_gradient_reaches_has_the_norm_zero_and_the_others_theirs() -> None:
    trainer = tiny_trainer(tiny_config())
    trainer.model.hook_points()["blocks.0.hook_resid_post"].attach(lambda x, point: x.detach())
    metrics = trainer.train_step(norms=True).metrics
    norms = {name: metrics[f"grad/l2_norm/{name}"] for name in trainer.parameters}
    assert {name for name, norm in norms.items() if norm == 0} == {
        name for name in norms if name.startswith(("pos_embed.", "blocks.0."))
    }
    squares = sum(norm**2 for norm in norms.values())
    assert metrics["grad/l2_norm/global"] == pytest.approx(squares**0.5, rel=1e-5)


def before_parameters(trainer: Trainer) -> list[Tensor]:
    return list(trainer.parameters.values())


def test_a_parameter_of_zeros_has_no_update_ratio() -> None:
    trainer = tiny_trainer(tiny_config({"zero_init_projections": True}))
    first, second = (trainer.train_step(norms=True).metrics for _ in range(2))
    assert first["param/l2_norm/blocks.0.mlp.down.weight"] == 0.0
    assert "update/ratio/blocks.0.mlp.down.weight" not in first
    assert "update/ratio/blocks.0.mlp.down.weight" in second


def test_live_values_count_from_the_next_step() -> None:
    config = tiny_config(schedule="constant", warmup_steps=0)
    trainer = tiny_trainer(config)
    assert trainer.train_step().metrics["learning_rate"] == 1e-3
    trainer.apply_config(tiny_config(schedule="constant", warmup_steps=0, learning_rate=5e-3))
    assert trainer.train_step().metrics["learning_rate"] == 5e-3


def poison(name: str, trainer: Trainer) -> None:
    with torch.no_grad():
        trainer.parameters[name].view(-1)[0] = math.inf


def test_a_parameter_that_is_not_finite_is_named() -> None:
    trainer = tiny_trainer(tiny_config())
    losses_of(trainer, 2)
    poison("blocks.1.mlp.up.weight", trainer)
    before = state_of(trainer)
    with pytest.raises(NonFinite, match=r"at step 2, the parameter blocks\.1\.mlp\.up\.weight is not finite") as caught:
        trainer.train_step()
    assert caught.value.step == 2 == trainer.step
    assert_same_bits(before, state_of(trainer))
    assert all(p.grad is None for p in trainer.model.parameters())


def test_the_first_activation_that_is_not_finite_is_named_and_training_can_go_on() -> None:
    config = tiny_config({"dropout": 0.1}, gradient_accumulation_steps=2)
    trainer, undisturbed = tiny_trainer(config), tiny_trainer(config)
    losses = losses_of(undisturbed, 5)
    assert losses_of(trainer, 3) == losses[:3]

    def break_second_micro_batch(x: Tensor, point: HookPoint) -> Tensor:
        passes.append(1)
        return x if len(passes) % 2 else x / 0

    passes: list[int] = []
    handle = trainer.model.hook_points()["blocks.1.hook_attn_out"].attach(break_second_micro_batch)
    with pytest.raises(NonFinite, match=r"at step 3, the activation at blocks\.1\.hook_attn_out"):
        trainer.train_step()
    handle.remove()
    assert losses_of(trainer, 2) == losses[3:]


def test_a_gradient_that_is_not_finite_is_named_from_the_loss_backwards() -> None:
    trainer = tiny_trainer(tiny_config())

    def spoil_gradient(x: Tensor, point: HookPoint) -> None:
        if x.requires_grad:
            x.register_hook(lambda gradient: gradient * math.inf)

    trainer.model.hook_points()["blocks.0.hook_mlp_out"].attach(spoil_gradient)
    with pytest.raises(NonFinite, match=r"the gradient of blocks\.0\.mlp\.down\.weight"):
        trainer.train_step()


def test_declared_hooks_act_in_the_step_and_disabled_ones_change_no_bit() -> None:
    def hook(enabled: bool, **values: Any) -> list[dict[str, Any]]:
        return [{"name": "it", "enabled": enabled} | values]

    plain = losses_of(tiny_trainer(tiny_config()), 4)
    kinds: list[dict[str, Any]] = [
        {"kind": "forward", "use": "scale", "at": "blocks.0.hook_mlp_out", "with": {"factor": 3.0}},
        {"kind": "backward", "use": "scale", "at": "blocks.0.hook_mlp_out", "with": {"factor": 3.0}},
        {"kind": "update", "use": "sign", "at": "blocks.*"},
        {"kind": "update", "use": "freeze", "at": "embed.weight"},
        {"kind": "loss", "use": "z_loss", "with": {"weight": 0.5}},
    ]
    for values in kinds:
        assert losses_of(tiny_trainer(tiny_config(hooks=hook(False, **values))), 4) == plain, values
        assert losses_of(tiny_trainer(tiny_config(hooks=hook(True, **values))), 4) != plain, values
    frozen = tiny_trainer(tiny_config(hooks=hook(True, **kinds[3])))
    before = frozen.parameters["embed.weight"].detach().clone()
    losses_of(frozen, 3)
    assert torch.equal(frozen.parameters["embed.weight"], before)
    metrics = tiny_trainer(tiny_config(hooks=hook(True, **kinds[4]))).train_step().metrics
    assert metrics["loss/aux/it"] > 0
    assert metrics["loss/train"] == plain[0]  # the logged loss is the model's own, without the term


def test_training_does_not_load_the_compiler() -> None:
    """torch._dynamo takes seconds to import, and would be what a person waits for before the first step."""
    code = (
        "import sys\n"
        "from tests.training.tiny import tiny_config, tiny_trainer\n"
        "for optimizer in ('adamw', 'muon'):\n"
        "    tiny_trainer(tiny_config(optimizer=optimizer)).train_step(norms=True)\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=300).returncode == 0
