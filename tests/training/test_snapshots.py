"""Snapshots: one goes back to a step and on from there bit for bit; memory stays within its budget."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.errors import LabError
from lmcore.training import snapshots
from lmcore.training.checkpoints import CheckpointError
from lmcore.training.snapshots import (
    Snapshot,
    SnapshotRing,
    load_snapshot,
    load_snapshot_of_model,
    size_of,
    take_snapshot,
)
from tests.training.tiny import assert_same_bits, losses_of, state_of, tiny_config, tiny_model, tiny_trainer

PLENTY = 10**9


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd", "lion"])
@pytest.mark.parametrize("model", [{"dropout": 0.3}, {"tied_head": False, "positions": "rotary", "bias": True}])
def test_going_on_from_a_snapshot_is_bit_for_bit_going_on(model: dict[str, Any], optimizer: str) -> None:
    config = tiny_config(model, optimizer=optimizer)
    straight, ring = tiny_trainer(config), SnapshotRing()
    losses = []
    for _ in range(8):
        ring.keep(straight, PLENTY, {"loss/val": float(straight.step)})
        losses += losses_of(straight, 1)
    assert ring.steps == tuple(range(8))
    again = tiny_trainer(config)
    losses_of(again, 2)  # whatever it did before
    snapshot = ring.at(5)
    assert snapshot is not None and snapshot.extra == {"loss/val": 5.0}
    load_snapshot(snapshot, again)
    assert (again.step, losses_of(again, 3)) == (5, losses[5:])
    assert_same_bits(state_of(straight), state_of(again))
    assert (again.tokens, again.step) == (straight.tokens, straight.step)


def test_what_hooks_remember_is_part_of_it() -> None:
    hooks = [{"name": "mean", "kind": "forward", "use": "mean", "at": "blocks.0.hook_mlp_out"}]
    config = tiny_config(hooks=hooks)
    trainer = tiny_trainer(config)
    losses_of(trainer, 2)
    snapshot = take_snapshot(trainer, {})
    losses = losses_of(trainer, 2)
    assert snapshot.hooks
    again = tiny_trainer(config)
    load_snapshot(snapshot, again)
    assert losses_of(again, 2) == losses


def test_another_model_is_refused_with_nothing_changed() -> None:
    snapshot = take_snapshot(tiny_trainer(tiny_config()), {})
    other = tiny_trainer(tiny_config({"d_model": 32}))
    before = state_of(other)
    with pytest.raises(CheckpointError, match=r"step 0 does not fit: .* is \(.*16.*\) there and \(.*32.*\)"):
        load_snapshot_of_model(snapshot, other.model, other.hooks)
    assert_same_bits(before, state_of(other))


def test_another_optimizer_may_begin_anew() -> None:
    trainer = tiny_trainer(tiny_config())
    losses_of(trainer, 2)
    snapshot = take_snapshot(trainer, {})
    other = tiny_trainer(tiny_config(optimizer="lion"))
    with pytest.raises(LabError, match="not the optimizer's state"):
        load_snapshot(snapshot, other)
    load_snapshot(snapshot, other, with_optimizer=False)
    assert other.step == 2
    assert all(torch.equal(a, b) for a, b in zip(other.model.parameters(), trainer.model.parameters(), strict=True))
    assert not any(tensor.any() for tensor in other.optimizer.tensors().values())


def test_the_memory_of_what_was_dropped_is_used_again() -> None:
    trainer, ring = tiny_trainer(tiny_config()), SnapshotRing()
    size = size_of(trainer)
    places = set()
    for _ in range(12):
        ring.keep(trainer, 4 * size, {})
        places |= {tensor.data_ptr() for step in ring.steps for tensor in ring.at(step).model.values()}  # type: ignore[union-attr]
        losses_of(trainer, 1)
    assert len(ring.steps) == 4
    assert len(places) == 4 * len(dict(trainer.model.named_parameters()))


def test_a_budget_that_is_too_small_keeps_nothing_and_may_shrink() -> None:
    trainer, ring = tiny_trainer(tiny_config()), SnapshotRing()
    size = size_of(trainer)
    ring.keep(trainer, size - 1, {})
    assert ring.steps == () and ring.at(0) is None
    for _ in range(6):
        losses_of(trainer, 1)
        ring.keep(trainer, 5 * size, {})
    assert len(ring.steps) == 5
    losses_of(trainer, 1)
    ring.keep(trainer, 2 * size, {})
    assert len(ring.steps) == 2 and ring.steps[-1] == 7
    losses_of(trainer, 1)
    ring.keep(trainer, 0, {})
    assert ring.steps == ()


def kept_of(steps: range, most: int) -> list[int]:
    """The steps that are left when `most` of these are kept."""
    kept: list[int] = []
    for step in steps:
        kept.append(step)
        if len(kept) > most:
            del kept[snapshots.least_missed(kept)]
    return kept


@settings(deadline=None)
@given(most=st.integers(1, 40), steps=st.integers(1, 400), start=st.integers(0, 1000))
def test_the_newer_half_has_no_gap_and_the_first_stays(most: int, steps: int, start: int) -> None:
    kept = kept_of(range(start, start + steps), most)
    assert len(kept) == min(most, steps)
    newer = kept[-((len(kept) + 1) // 2) :]
    assert newer == list(range(newer[0], start + steps))
    assert kept[0] == start or most < 4


def test_the_older_half_reaches_back_ever_more_coarsely() -> None:
    kept = kept_of(range(4000), 30)
    for older, later in pairwise(kept):
        age = 4000 - later
        assert later - older <= age, (older, later)


def test_what_hooks_begin_to_remember_counts_too() -> None:
    hooks = [{"name": "mean", "kind": "forward", "use": "mean", "at": "blocks.*.hook_mlp_out"}]
    trainer, ring = tiny_trainer(tiny_config(hooks=hooks)), SnapshotRing()
    budget = 6 * size_of(trainer)  # nothing is remembered yet
    for _ in range(9):
        ring.keep(trainer, budget, {})
        losses_of(trainer, 1)
    assert len(ring.steps) == 5
    assert sum(map(bytes_of, filter(None, map(ring.at, ring.steps)))) <= budget


def bytes_of(snapshot: Snapshot) -> int:
    """How much memory a snapshot takes."""
    tensors = (*snapshot.model.values(), *snapshot.optimizer.values(), *snapshot.hooks.values())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_a_tiny_model_keeps_no_more_than_can_be_listed() -> None:
    trainer, ring = tiny_trainer(tiny_config()), SnapshotRing()
    for _ in range(snapshots.MOST + 3):
        ring.keep(trainer, PLENTY, {})
        trainer.step += 1
    assert len(ring.steps) == snapshots.MOST


def test_a_step_that_is_kept_stays_as_it_was() -> None:
    trainer, ring = tiny_trainer(tiny_config()), SnapshotRing()
    ring.keep(trainer, PLENTY, {"first": True})
    ring.keep(trainer, PLENTY, {})
    snapshot = ring.at(0)
    assert snapshot is not None and snapshot.extra == {"first": True}
    assert {name: tensor.data_ptr() for name, tensor in snapshot.model.items()}.items().isdisjoint(
        (name, tensor.data_ptr()) for name, tensor in tiny_model(tiny_config()).named_parameters()
    )
