import hashlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.data import text_files
from lmcore.data.errors import DataError
from lmcore.data.text_files import Content, Document, characters_in


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "CHUNK_BYTES", 5)


@settings(deadline=None, max_examples=80)
@given(st.text(st.sampled_from("ab é世🦊\r\n"), max_size=40))
def test_chunks_are_whole_characters_and_whole_line_ends(text: str) -> None:
    chunks = list(Document("text", text.encode()).chunks())
    assert b"".join(chunk for _, chunk in chunks) == text.encode()
    assert "".join(chunk.decode() for _, chunk in chunks) == text
    assert sum(characters_in(chunk) for _, chunk in chunks) == len(text)
    assert not any(
        first.endswith(b"\r") and second.startswith(b"\n") for (_, first), (_, second) in itertools.pairwise(chunks)
    )
    offset = 0
    for start, chunk in chunks:
        assert start == offset
        offset += len(chunk)


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=40))
def test_chunks_lose_no_byte_of_anything(raw: bytes) -> None:
    assert b"".join(chunk for _, chunk in Document("raw", raw).chunks()) == raw


@settings(deadline=None, max_examples=80)
@given(st.lists(st.text(st.sampled_from("ab é世🦊"), min_size=1, max_size=12), min_size=1, max_size=4), st.data())
def test_a_corpus_is_cut_exactly_at_a_character(texts: list[str], data: st.DataObject) -> None:
    whole = "\n".join(texts)
    split = data.draw(st.integers(0, len(whole)))
    raw = [text.encode() for text in texts]
    documents = tuple(Document(str(index), text) for index, text in enumerate(raw))
    digests = tuple(hashlib.sha256(text).digest() for text in raw)
    content = Content(documents, digests, len(whole.encode()), len(whole), ())
    parts: dict[bool, bytes] = {False: b"", True: b""}
    for is_validation, _, _, chunk in content.parts(split):
        parts[is_validation] += chunk
    assert parts[False].decode() == whole[:split]
    assert parts[True].decode() == whole[split:]


@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("aé世\r\n"), max_size=30), st.data())
def test_a_place_is_a_line_and_a_column(text: str, data: st.DataObject) -> None:
    document = Document("poem.txt", text.encode())
    for offset, chunk in document.chunks():
        piece = chunk.decode().replace("\r\n", "\n").replace("\r", "\n")
        inside = data.draw(st.integers(0, len(piece)))
        before = text.encode()[:offset].decode().replace("\r\n", "\n").replace("\r", "\n") + piece[:inside]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        assert document.place(offset, piece[:inside]) == f"poem.txt:{line}:{column}"


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.txt cannot be read: No such file"):
        list(Document("gone.txt", tmp_path / "gone.txt").chunks())
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        list(Document("folder", tmp_path).chunks())
