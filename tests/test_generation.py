"""Generation: what is drawn, when it ends, and that nothing of the model or of the global streams is touched."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from lmcore.config.schema import SamplingConfig
from lmcore.data.tokenizers.byte import ByteTokenizer
from lmcore.data.tokenizers.character import CharTokenizer
from lmcore.data.tokenizers.interface import Encoded, StreamingDecoder, Tokenizer
from lmcore.generation import GenerationError, StopText, draw, encode_prompt, generate, next_logits
from lmcore.model.transformer import Transformer
from tests.model.tiny import MODERN, POSITIONS, lively_model

CHAR = CharTokenizer()


def talker(**options: Any) -> Transformer:
    """A model over characters whose answers vary."""
    return lively_model(vocabulary=128, **options)


def answer(model: Transformer, prompt: str, tokenizer: Tokenizer = CHAR, **options: Any) -> str:
    """The whole text of an answer."""
    return "".join(piece.text for piece in generate(model, tokenizer, prompt, SamplingConfig(**options)))


def draws(logits: Sequence[float], count: int = 300, **options: Any) -> list[int]:
    """Tokens drawn from the same logits."""
    generator = torch.Generator().manual_seed(0)
    settings = SamplingConfig.model_validate(options)
    return [draw(torch.tensor(logits), settings, generator) for _ in range(count)]


def test_temperature_zero_always_takes_the_likeliest() -> None:
    assert set(draws([0.0, 0.1, 0.05], temperature=0.0)) == {1}


def test_a_tiny_temperature_is_almost_zero_and_a_high_one_flattens() -> None:
    assert set(draws([1.0, 1.1, 1.05], temperature=5e-324)) == {1}
    often = draws([0.0, 3.0], temperature=1.0).count(0)
    assert often < draws([0.0, 3.0], temperature=30.0).count(0)


def test_frequencies_follow_the_softmax() -> None:
    drawn = draws([0.0, 1.0, 2.0], count=3000, temperature=1.0)
    expected = torch.tensor([0.0, 1.0, 2.0]).softmax(dim=0).tolist()
    assert [drawn.count(token) / 3000 for token in range(3)] == pytest.approx(expected, abs=0.03)


def test_top_k_keeps_exactly_k_also_among_equals() -> None:
    assert set(draws([1.0, 1.0, 1.0, 0.0], top_k=2, temperature=5.0)) == {0, 1}
    assert set(draws([0.0, 3.0, 2.0, 1.0], top_k=1, temperature=5.0)) == {1}
    assert set(draws([0.0, 0.0], top_k=100)) == {0, 1}


def test_top_p_keeps_the_smallest_set_that_holds_the_share() -> None:
    logits = torch.tensor([0.5, 0.3, 0.15, 0.05]).log().tolist()
    assert set(draws(logits, top_p=0.45, temperature=1.0)) == {0}
    assert set(draws(logits, top_p=0.75, temperature=1.0)) == {0, 1}
    assert set(draws(logits, top_p=0.9, temperature=1.0)) == {0, 1, 2}
    assert set(draws(logits, top_p=1e-9, temperature=1.0)) == {0}


def test_the_same_seed_gives_the_same_answer_and_another_seed_another() -> None:
    model = talker()
    one = answer(model, "Hello", seed=7, max_tokens=40)
    assert answer(model, "Hello", seed=7, max_tokens=40) == one
    assert answer(model, "Hello", seed=8, max_tokens=40) != one


@pytest.mark.parametrize("options", [{"positions": kind} for kind in POSITIONS] + [MODERN])
def test_the_cache_changes_no_answer(options: dict[str, Any]) -> None:
    """Against a reader that has no cache: the whole window, read anew for each token."""
    model = talker(context_length=16, **options)
    expected = [ord(character) for character in "Once"]
    for _ in range(40):
        if len(expected) > 16 and (len(expected) - 17) % 5 == 0:
            begin = len(expected) - 12  # the window was full: its last three quarters are kept
        window = expected if len(expected) <= 16 else expected[begin:]
        with torch.no_grad():
            expected.append(int(model(torch.tensor([window]))[0, -1].argmax()))
    pieces = generate(model, CHAR, "Once", SamplingConfig(temperature=0.0, max_tokens=40))
    assert [piece.token for piece in pieces] == expected[4:]


def test_a_prompt_longer_than_the_context_is_read_from_its_end() -> None:
    model = talker()
    long = "".join(chr(33 + n % 90) for n in range(200))
    assert answer(model, long, max_tokens=20) == answer(model, long[-12:], max_tokens=20)


def test_the_smallest_context_still_talks() -> None:
    assert len(answer(talker(context_length=2), "Hello", max_tokens=30)) == 30


def test_the_window_slides_by_a_quarter_at_a_time() -> None:
    model = talker(context_length=16)
    recent, cache = list(range(40, 56)), model.new_cache()
    next_logits(model, recent, cache)
    assert cache.length == 16
    recent.append(99)
    next_logits(model, recent, cache)
    assert cache.length == 12
    assert recent == [*range(45, 56), 99]


def test_an_empty_prompt_starts_from_a_line_break() -> None:
    ids, note = encode_prompt(CHAR, "")
    assert ids.tolist() == [ord("\n")] and note == ""
    assert answer(talker(), "", max_tokens=20) == answer(talker(), "\n", max_tokens=20)


def test_characters_outside_the_vocabulary_follow_the_tokenizers_policy() -> None:
    ids, note = encode_prompt(CHAR, "a中b")
    assert ids.tolist() == [97, ord("?"), 98]
    assert "中" in note or "U+4E2D" in note or "replaced" in note
    ids, _ = encode_prompt(CharTokenizer("drop"), "中")
    assert ids.tolist() == [ord("\n")]
    with pytest.raises(ValueError):
        list(generate(talker(), CharTokenizer("error"), "a中b", SamplingConfig()))


class Syllables:
    """A tokenizer of a few syllables, so that a stop text can span tokens and begin inside one."""

    name, fingerprint = "syllables", "syllables"
    words = ("one", " two", "ND o", "E", "END", " ", "\n", "x")
    vocabulary_size = len(words)

    def encode(self, text: str) -> Encoded:
        return Encoded(torch.tensor([self.words.index(text)]))

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.words[token] for token in ids)

    def streaming_decoder(self) -> StreamingDecoder:
        return SyllableDecoder()


class SyllableDecoder:
    def push(self, token: int) -> str:
        return Syllables.words[token]

    def flush(self) -> str:
        return "."


class Recital(torch.nn.Module):
    """A stand-in for the model that recites the given tokens."""

    def __init__(self, tokens: Sequence[int]) -> None:
        super().__init__()
        self.tokens, self.model = tokens, lively_model(vocabulary=len(Syllables.words), context_length=64)
        self.config, self.device, self.new_cache = self.model.config, self.model.device, self.model.new_cache

    def forward(self, tokens: torch.Tensor, cache: Any) -> torch.Tensor:
        cache.advance(tokens.shape[1])
        wanted = torch.tensor(self.tokens[cache.length - 1])
        return torch.nn.functional.one_hot(wanted, len(Syllables.words)).float()[None, None]


def recite(*tokens: int, **options: Any) -> list[str]:
    """The pieces of a recital."""
    settings = SamplingConfig(temperature=0.0, max_tokens=len(tokens), **options)
    return [piece.text for piece in generate(Recital(tokens), Syllables(), "x", settings)]  # type: ignore[arg-type]


def test_an_answer_ends_where_the_stop_text_appears_even_across_tokens() -> None:
    assert recite(0, 1, 3, 2, 0, stop="END") == ["one", " two", "", ""]
    assert recite(0, 4, 1, stop="END") == ["one", ""]
    assert recite(0, 0, 1, stop="eon") == ["on", ""]
    assert recite(0, 1, stop="three") == ["one", " two."]


def test_text_that_only_looks_like_the_stop_text_comes_late_but_comes() -> None:
    assert recite(0, 3, 7, 0, stop="END") == ["one", "", "Ex", "one."]
    assert recite(0, 3, 3, 2, stop="END") == ["one", "", "E", ""]
    assert recite(0, 3, stop="END") == ["one", "E."]


@given(st.lists(st.text("ab", max_size=4), max_size=8), st.text("ab", min_size=1, max_size=4))
@examples(max_examples=200, deadline=None)
def test_stop_text_in_pieces_is_stop_text_at_once(pieces: list[str], stop: str) -> None:
    gate = StopText(stop)
    passed = "".join(gate.push(piece) for piece in pieces) + gate.flush()
    whole = "".join(pieces)
    assert passed == whole.partition(stop)[0]
    assert gate.found == (stop in whole)


def test_pieces_joined_are_the_decoded_tokens_also_where_a_character_spans_tokens() -> None:
    model, tokenizer = lively_model(vocabulary=256), ByteTokenizer()
    pieces = list(generate(model, tokenizer, "héllo", SamplingConfig(max_tokens=60, temperature=2.0)))
    assert len(pieces) == 60
    assert "".join(piece.text for piece in pieces) == tokenizer.decode([piece.token for piece in pieces])


@pytest.mark.parametrize("abandon", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_nothing_is_touched_even_when_an_answer_is_abandoned(abandon: bool, training: bool) -> None:
    model = talker(dropout=0.3).train(training)
    with torch.no_grad():
        model.embed.weight.grad = torch.ones_like(model.embed.weight)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    global_state = torch.random.get_rng_state()
    pieces = generate(model, CHAR, "Hello", SamplingConfig(max_tokens=30))
    for _, piece in zip(range(5 if abandon else 30), pieces, strict=False):
        assert piece.text
        assert torch.is_grad_enabled()
        assert all(module.training == training for module in model.modules())
    if abandon:
        pieces.close()  # type: ignore[attr-defined]
    assert torch.equal(torch.random.get_rng_state(), global_state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(model.embed.weight.grad, torch.ones_like(model.embed.weight))
    assert all(parameter.grad is None for name, parameter in model.named_parameters() if name != "embed.weight")
    assert not any(point.is_used for point in model.hook_points().values())


def test_dropout_does_not_reach_an_answer() -> None:
    model = talker(dropout=0.5).train()
    assert answer(model, "Hello", max_tokens=30) == answer(model.eval(), "Hello", max_tokens=30)


def test_a_damaged_model_is_named_as_such_and_its_mode_restored() -> None:
    model = talker().train()
    with torch.no_grad():
        model.ln_final.weight[0] = torch.nan
    with pytest.raises(GenerationError, match="not finite"):
        answer(model, "Hello")
    assert model.training


def test_pieces_arrive_one_by_one() -> None:
    model = talker()
    passes = []
    model.hook_points()["hook_embed"].attach(lambda x, point: passes.append(x.shape[1]))
    pieces = generate(model, CHAR, "Hello", SamplingConfig(max_tokens=10))
    assert passes == []
    next(pieces)
    assert passes == [5]
    next(pieces)
    assert passes == [5, 1]


def test_top_one_is_greedy_at_any_temperature() -> None:
    settings = SamplingConfig(temperature=0.0, max_tokens=5)
    model = talker()
    greedy = [piece.token for piece in generate(model, CHAR, "Hi", settings)]
    top_one = settings.model_copy(update={"temperature": 1.0, "top_k": 1})
    assert [piece.token for piece in generate(model, CHAR, "Hi", top_one)] == greedy
