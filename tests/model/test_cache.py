"""The key–value cache: reading a text in parts is reading it at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.model.transformer import ContextError
from tests.model.tiny import MODERN, POSITIONS, lively_model, some_tokens

PARTS = st.lists(st.integers(1, 6), min_size=1, max_size=12).filter(lambda parts: sum(parts) <= 12)
MODELS = {name: lively_model(positions=name) for name in POSITIONS} | {"modern": lively_model(**MODERN)}


@pytest.mark.parametrize("kind", list(MODELS))
@given(parts=PARTS)
@settings(max_examples=12, deadline=None)
def test_reading_in_parts_is_reading_at_once(kind: str, parts: list[int]) -> None:
    model = MODELS[kind]
    tokens = some_tokens(2, sum(parts))
    cache = model.new_cache(batch=2)
    with torch.no_grad():
        pieces = [model(part, cache) for part in tokens.split(parts, dim=1)]
        whole = model(tokens)
    assert cache.length == sum(parts)
    assert torch.allclose(torch.cat(pieces, dim=1), whole, rtol=1e-4, atol=1e-4)


def test_written_out_attention_reads_the_cache_too() -> None:
    model = MODELS["rotary"]
    tokens = some_tokens(2, 8)
    cache = model.new_cache(batch=2)
    with torch.no_grad():
        whole = model(tokens)
        model(tokens[:, :5], cache)
        seen = []
        handle = model.hook_points()["blocks.1.attn.hook_pattern"].attach(lambda x, point: seen.append(x))
        rest = model(tokens[:, 5:], cache)
        handle.remove()
    assert seen[0].shape == (2, 2, 3, 8)
    assert torch.allclose(rest, whole[:, 5:], rtol=1e-4, atol=1e-4)


def test_a_full_cache_takes_no_more_and_a_cleared_one_does() -> None:
    model = MODELS["learned"]
    cache = model.new_cache()
    with torch.no_grad():
        model(some_tokens(1, 12), cache)
        with pytest.raises(ContextError, match="1 to 12"):
            model(some_tokens(1, 1), cache)
        assert cache.length == cache.capacity == 12
        cache.clear()
        assert torch.equal(model(some_tokens(1, 4), cache), model(some_tokens(1, 4), model.new_cache()))
