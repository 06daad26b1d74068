import codecs
import json
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.config.schema import DatasetConfig
from lmcore.data import dataset
from lmcore.data.errors import DataError
from lmcore.data.tokenizers import bpe, load_tokenizer
from lmcore.data.tokenizers.bpe import (
    FILE_NAME,
    SECTION_CHARACTERS,
    BpeTokenizer,
    Sections,
    byte_alphabet,
    clean,
    load_bpe,
    train_bpe,
)

TEXT = (
    "One day, Lily went to the forest. She found a silver key near the old oak.\n\n  “Whose key is this?” asked Tom. "
    * 40
)


@pytest.fixture(scope="module")
def tokenizer() -> BpeTokenizer:
    return train_bpe([TEXT[:1000], TEXT[1000:]], 320)


def test_frequent_words_become_single_pieces(tokenizer: BpeTokenizer) -> None:
    assert tokenizer.vocabulary_size == 320
    assert tokenizer.encode(" the").ids.tolist() != []
    assert len(tokenizer.encode(" the the the").ids) == 3
    assert tokenizer.pieces[int(tokenizer.encode(" the").ids[0])] == b" the"


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80))
def test_any_text_comes_back_whole_and_streamed_but_for_its_kind_of_line_ends(
    tokenizer: BpeTokenizer, text: str
) -> None:
    ids = tokenizer.encode(text).ids.tolist()
    text = clean(text.encode()).decode()
    assert tokenizer.decode(ids) == text
    decoder = tokenizer.streaming_decoder()
    pieces = [decoder.push(token) for token in ids]
    assert "\ufffd" in text or not any("\ufffd" in piece for piece in pieces)
    assert "".join(pieces) + decoder.flush() == text


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 319), max_size=30))
def test_any_tokens_stream_to_what_they_decode_to(tokenizer: BpeTokenizer, ids: list[int]) -> None:
    decoder = tokenizer.streaming_decoder()
    assert "".join(map(decoder.push, ids)) + decoder.flush() == tokenizer.decode(ids)


def test_decoding_agrees_with_the_library(tokenizer: BpeTokenizer) -> None:
    ids = tokenizer.encode("Lily — “ключ” 🦊?").ids.tolist()
    assert tokenizer.decode(ids) == tokenizer._tokenizer.decode(ids)
    assert len(set(byte_alphabet())) == 256


def test_half_a_character_in_a_prompt_is_reported(tokenizer: BpeTokenizer) -> None:
    assert "replaced 1 half of a character" in tokenizer.encode("\ud83e").note


def test_a_long_text_in_pieces_has_the_ids_of_the_whole(tokenizer: BpeTokenizer) -> None:
    text = (TEXT + "x" * 100 + "   \n\t ") * 30
    assert len(text) > 4 * SECTION_CHARACTERS
    encoder = tokenizer.encoder()
    found = [
        int(token) for start in range(0, len(text), 7777) for token in encoder.push(text[start : start + 7777].encode())
    ]
    found += encoder.flush().tolist()
    assert found == tokenizer.encode(text).ids.tolist()


def test_the_marks_of_a_windows_file_are_not_learned(tmp_path: Path) -> None:
    plain = TEXT.encode()
    marked = codecs.BOM_UTF8 + plain.replace(b"\n", b"\r\n")
    prepared = []
    for name, raw in (("plain", plain), ("marked", marked), ("old mac", plain.replace(b"\n", b"\r"))):
        (tmp_path / name).write_bytes(raw)
        config = DatasetConfig(source="file", path=str(tmp_path / name), tokenizer="bpe", bpe_vocabulary=300)
        prepared.append(dataset.prepare(config, cache_folder=tmp_path / "cache"))
    first = prepared[0]
    for other in prepared:
        assert other.tokenizer_fingerprint == first.tokenizer_fingerprint
        assert abs(other.validation_bytes - first.validation_bytes) < 20  # the share is of the file's own characters
        ids = [*other.train.tolist(), *other.validation.tolist()]
        assert other.tokenizer.decode(ids) == TEXT
    assert first.tokenizer.encode("\ufeffone\r\ntwo").ids.tolist() == first.tokenizer.encode("one\ntwo").ids.tolist()


def test_a_tokenizer_of_an_earlier_version_takes_line_ends_as_they_come(tokenizer: BpeTokenizer) -> None:
    definition = json.loads(tokenizer.definition) | {"normalizer": None}
    earlier, text = BpeTokenizer(json.dumps(definition)), "one\r\ntwo"
    encoder = earlier.encoder()
    assert earlier.decode([*encoder.push(text.encode()).tolist(), *encoder.flush().tolist()]) == text


def test_a_text_without_white_space_is_cut_all_the_same() -> None:
    sections = Sections()
    text = "x" * (3 * SECTION_CHARACTERS)
    parts = [*sections.push(text), *sections.flush()]
    assert "".join(parts) == text
    assert max(map(len, parts)) <= SECTION_CHARACTERS


def test_long_words_are_cut_for_learning_and_nothing_is_lost() -> None:
    text = "a word, " + "x" * 1000 + " " * 600 + "end " + "y" * 3 * SECTION_CHARACTERS
    sections = list(bpe._sections([text[:900], text[900:]]))
    assert "".join(sections) == text
    assert max(len(word) for section in sections for word in section.split()) == bpe.LONGEST_WORD
    assert sections[0] == "a word, " + "x" * bpe.LONGEST_WORD


class Enough(Exception):
    pass


def test_learning_ends_with_whoever_asked_and_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Begun(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            begun.append(self)

    monkeypatch.setattr(bpe.subprocess, "Popen", Begun)
    monkeypatch.setattr(bpe, "WAIT_SECONDS", 0.001)

    def enough() -> None:
        raise Enough

    def half_a_text() -> Iterator[str]:
        yield TEXT
        raise Enough

    with pytest.raises(Enough):
        train_bpe([TEXT], 300, enough)
    with pytest.raises(Enough):
        train_bpe(half_a_text(), 300)
    assert [process.poll() for process in begun] == [-signal.SIGKILL, -signal.SIGKILL]


def test_learning_that_fails_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpe, "byte_alphabet", lambda: [1])
    with pytest.raises(DataError, match=r"could not be learned: .*Error"):
        train_bpe([TEXT], 300)


def test_a_run_reads_its_own_tokenizer_back(tokenizer: BpeTokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]
    again = load_tokenizer(DatasetConfig(tokenizer="bpe", bpe_vocabulary=320), tmp_path)
    assert again.fingerprint == tokenizer.fingerprint
    assert again.encode(TEXT).ids.tolist() == tokenizer.encode(TEXT).ids.tolist()


def test_a_missing_or_damaged_tokenizer_is_a_sentence(tokenizer: BpeTokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        load_bpe(tmp_path)
    with pytest.raises(DataError, match="name the run"):
        load_bpe(None)
    for damaged in (tokenizer.definition[:500], "{}", "", tokenizer.definition.replace('"Ġ', '"☃')):
        (tmp_path / FILE_NAME).write_text(damaged, encoding="utf-8")
        with pytest.raises(DataError, match="is damaged"):
            load_bpe(tmp_path)


def test_without_the_extra_a_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(DataError, match=r"pip install 'lmlab\[bpe\]'"):
        train_bpe(["text"], 300)


def test_the_other_tokenizers_do_not_need_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for module in (dataset, bpe):
        runpy.run_path(str(module.__file__))
    (tmp_path / "text").write_text(TEXT)
    for name in ("char", "byte"):
        config = DatasetConfig(source="file", path=str(tmp_path / "text"), tokenizer=name)
        assert dataset.prepare(config, cache_folder=tmp_path / "cache").tokenizer.name == name
