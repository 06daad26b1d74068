from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.data.batcher import Batcher
from lmcore.data.errors import DataError
from lmcore.data.permutation import floor_sum, shuffled

CONTEXT = 4
RANDOM_STARTS = [84, 74, 43, 6, 39]
SHUFFLED_STARTS = [80, 32, 12, 72, 24]
TOKENS = torch.arange(103, dtype=torch.int32)  # 25 windows side by side and two tokens of slack


def batcher(order: str = "random", size: int = 5, seed: int = 1, **more: int) -> Batcher:
    return Batcher(TOKENS, CONTEXT, size, order, seed, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["random", "shuffled"])
def test_a_batch_depends_on_seed_and_step_alone(order: str) -> None:
    one, other = batcher(order), batcher(order)
    for step in range(20):
        other.micro_batches(19 - step)
    for step in (7, 3, 12, 3):
        assert all(
            torch.equal(a, b) for a, b in zip(one.micro_batches(step)[0], other.micro_batches(step)[0], strict=True)
        )
    assert not np.array_equal(one.starts(3), one.starts(4))
    assert not np.array_equal(one.starts(3), batcher(order, seed=2).starts(3))


def test_batches_stay_the_same_from_version_to_version() -> None:
    assert batcher("random").starts(0).tolist() == RANDOM_STARTS
    assert batcher("shuffled").starts(0).tolist() == SHUFFLED_STARTS


def test_random_windows_begin_anywhere_equally_often() -> None:
    counts = Counter(start for step in range(2000) for start in batcher(size=10).starts(step).tolist())
    assert set(counts) == set(range(103 - CONTEXT))
    assert max(counts.values()) < 1.5 * 20000 / 99
    assert min(counts.values()) > 0.6 * 20000 / 99


def test_shuffled_windows_come_once_an_epoch_also_across_batches() -> None:
    epochs = []
    turns = np.concatenate([batcher("shuffled", size=7).starts(step) for step in range(50)])  # 14 epochs
    for epoch in range(14):
        starts = turns[epoch * 25 : (epoch + 1) * 25]
        offset = int(starts.min())
        assert 0 <= offset <= 2
        assert sorted(starts.tolist()) == [offset + CONTEXT * window for window in range(25)]
        epochs.append(tuple(starts.tolist()))
    assert len(set(epochs)) == 14
    assert len({min(epoch) for epoch in epochs}) == 3


def test_a_batch_larger_than_an_epoch_holds_several() -> None:
    counts = Counter(int(start) // CONTEXT for start in batcher("shuffled", size=75).starts(0))
    assert counts == dict.fromkeys(range(25), 3)


@pytest.mark.parametrize("order", ["random", "shuffled"])
def test_accumulation_cuts_the_large_batch_into_parts(order: str) -> None:
    parts = batcher(order, size=4, accumulation=3).micro_batches(6)
    (large,) = batcher(order, size=12).micro_batches(6)
    assert [tuple(x.shape) for x, _ in parts] == [(4, CONTEXT)] * 3
    assert torch.equal(torch.cat([x for x, _ in parts]), large[0])
    assert torch.equal(torch.cat([y for _, y in parts]), large[1])


@pytest.mark.parametrize("order", ["random", "shuffled"])
def test_the_batch_grows_along_its_ramp(order: str) -> None:
    ramped = batcher(order, size=8, accumulation=2, ramp_start=2, ramp_steps=4)
    assert [ramped.batch_size_at(step) for step in range(7)] == [2, 3, 5, 6, 8, 8, 8]
    assert [[len(x) for x, _ in ramped.micro_batches(step)] for step in (0, 2, 5)] == [[2, 2], [5, 5], [8, 8]]
    assert [ramped.tokens_before(step) for step in (0, 1, 2, 5)] == [0, 16, 40, 192]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 60), st.integers(0, 90), st.integers(1, 3))
def test_tokens_are_counted_without_walking_the_steps(start: int, more: int, ramp: int, step: int, parts: int) -> None:
    ramped = batcher(size=start + more - 1, accumulation=parts, ramp_start=start, ramp_steps=ramp)
    walked = sum(parts * ramped.batch_size_at(earlier) * CONTEXT for earlier in range(step))
    assert ramped.tokens_before(step) == walked


def test_a_ramp_of_a_billion_steps_costs_nothing() -> None:
    ramped = batcher("shuffled", size=1000, ramp_start=1, ramp_steps=10**9)
    assert len(ramped.starts(10**9 - 1)) == 999
    assert floor_sum(10**9, 999, 10**9) == 998 * (10**9 - 1) // 2  # Gauss's sum: 999 and 10⁹ have no common factor


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.integers(0, 2**64 - 1))
def test_a_shuffle_is_one_to_one(count: int, key: int) -> None:
    assert sorted(shuffled(np.arange(count), count, key).tolist()) == list(range(count))


def test_a_shuffle_prefers_no_order() -> None:
    orders = Counter(tuple(shuffled(np.arange(4), 4, key).tolist()) for key in range(2400))
    assert len(orders) == 24
    assert max(orders.values()) < 160
    far = shuffled(np.arange(20000), 20000, 3)
    assert abs(np.corrcoef(far[1:], far[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(far, np.arange(20000))[0, 1]) < 0.03


def test_too_short_a_text_is_refused() -> None:
    with pytest.raises(DataError, match="longer text"):
        Batcher(TOKENS[:4], CONTEXT, 2, "random", 1)
