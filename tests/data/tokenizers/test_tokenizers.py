from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config.schema import DatasetConfig
from lmcore.data.errors import DataError
from lmcore.data.tokenizers import load_tokenizer
from lmcore.data.tokenizers.byte import ByteTokenizer
from lmcore.data.tokenizers.character import CharTokenizer
from lmcore.data.tokenizers.interface import CorpusEncoder, Tokenizer

ascii_text = st.text(st.characters(max_codepoint=127, exclude_characters="\r"), max_size=80)
any_text = st.text(max_size=80)


def encoded_in_pieces(encoder: CorpusEncoder, pieces: list[bytes]) -> list[int]:
    return [int(token) for ids in (*map(encoder.push, pieces), encoder.flush()) for token in ids]


def streamed(tokenizer: Tokenizer, ids: list[int]) -> str:
    decoder = tokenizer.streaming_decoder()
    return "".join(map(decoder.push, ids)) + decoder.flush()


@settings(deadline=None, max_examples=50)
@given(ascii_text)
def test_char_gives_ascii_back(text: str) -> None:
    tokenizer = CharTokenizer()
    encoded = tokenizer.encode(text)
    assert encoded.note == ""
    assert encoded.ids.tolist() == [ord(character) for character in text]
    assert tokenizer.decode(encoded.ids.tolist()) == text


@settings(deadline=None, max_examples=50)
@given(any_text)
def test_char_normalizes_once_and_for_all(text: str) -> None:
    tokenizer = CharTokenizer()
    once = tokenizer.decode(tokenizer.encode(text).ids.tolist())
    twice = tokenizer.encode(once)
    assert tokenizer.decode(twice.ids.tolist()) == once
    assert twice.note == ""


def test_char_writes_every_line_end_the_same() -> None:
    tokenizer = CharTokenizer()
    assert tokenizer.decode(tokenizer.encode("a\r\nb\rc\r\r\nd\n").ids.tolist()) == "a\nb\nc\n\nd\n"
    assert tokenizer.decode(tokenizer.encode("é\r\né").ids.tolist()) == "e\ne"


def test_char_answers_a_prompt_outside_its_table() -> None:
    assert (
        CharTokenizer("replace").encode("“世”").note
        == "folded 2 characters (“ → \", ” → \"), replaced 1 character by '?' (世): 33.3 % of the text"
    )
    assert CharTokenizer("drop").encode("a世b").ids.tolist() == [97, 98]
    with pytest.raises(DataError, match="世"):
        CharTokenizer("error").encode("a世b")
    assert (
        CharTokenizer().encode("half \ud83e of a fox").note == "replaced 1 character by '?' (U+D83E): 6.7 % of the text"
    )


@settings(deadline=None, max_examples=50)
@given(any_text)
def test_byte_gives_any_text_back(text: str) -> None:
    tokenizer = ByteTokenizer()
    assert tokenizer.decode(tokenizer.encode(text).ids.tolist()) == text


def test_byte_says_when_it_cannot_keep_half_a_character() -> None:
    encoded = ByteTokenizer().encode("\ud83e fox")
    assert bytes(encoded.ids.tolist()) == b"? fox"
    assert "1" in encoded.note


@settings(deadline=None, max_examples=80)
@given(st.lists(st.integers(0, 255), max_size=40))
def test_streaming_any_bytes_gives_what_decoding_gives(ids: list[int]) -> None:
    assert streamed(ByteTokenizer(), ids) == ByteTokenizer().decode(ids)


def test_streaming_never_gives_half_a_character() -> None:
    decoder = ByteTokenizer().streaming_decoder()
    assert [decoder.push(byte) for byte in "é🦊".encode()] == ["", "é", "", "", "", "🦊"]
    assert decoder.flush() == ""
    decoder.push(0xF0)
    assert decoder.flush() == "\ufffd"


@settings(deadline=None, max_examples=50)
@given(ascii_text)
def test_streaming_char_gives_what_decoding_gives(text: str) -> None:
    ids = CharTokenizer().encode(text).ids.tolist()
    assert streamed(CharTokenizer(), ids) == text


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=20), max_size=6), st.sampled_from([CharTokenizer(), ByteTokenizer()]))
def test_a_text_in_pieces_has_the_same_ids(pieces: list[str], tokenizer: Tokenizer) -> None:
    pieces = [piece.replace("\r", "") for piece in pieces]
    whole = tokenizer.encode("".join(pieces))
    encoder = tokenizer.encoder()
    assert encoded_in_pieces(encoder, [piece.encode() for piece in pieces]) == whole.ids.tolist()
    assert encoder.note() == whole.note


def test_a_run_gets_its_tokenizer_from_its_configuration(tmp_path: Path) -> None:
    char = load_tokenizer(DatasetConfig(tokenizer="char", unknown="drop"), None)
    assert (char.name, char.vocabulary_size, char.encode("世").ids.tolist()) == ("char", 128, [])
    byte = load_tokenizer(DatasetConfig(tokenizer="byte"), tmp_path)
    assert (byte.name, byte.vocabulary_size) == ("byte", 256)
    assert char.fingerprint != byte.fingerprint
    char.save(tmp_path)
    byte.save(tmp_path)
    assert not list(tmp_path.iterdir())
