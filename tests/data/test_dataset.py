import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch

from lmcore.config.schema import DatasetConfig
from lmcore.data import dataset as module
from lmcore.data.dataset import DataError, Dataset, prepare
from lmcore.data.tokenizers.bpe import FILE_NAME

TEXT = "The fox said: “I found it.” Then she went home — alone…\n" * 200


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock an hour later, so that files that were just written have a stamp that can be trusted."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)


def of(path: Path, **more: Any) -> DatasetConfig:
    return DatasetConfig(source="file", path=str(path), **more)


def decoded(data: Dataset) -> str:
    return data.tokenizer.decode(torch.cat([data.train, data.validation]).tolist())


def test_a_file_is_split_at_its_last_tenth(text: Path, cache: Path) -> None:
    text.write_text("0123456789" * 100 + "abcde")
    data = prepare(of(text), cache_folder=cache)
    assert (len(data.train), len(data.validation)) == (904, 101)
    assert data.tokenizer.decode(data.validation.tolist())[:1] == "4"
    assert (data.train_characters, data.validation_bytes, data.floor, data.notes) == (904, 101, None, ())
    assert data.train.dtype == torch.uint8


def test_all_tokenizers_split_at_the_same_character(text: Path, cache: Path) -> None:
    split = int(len(TEXT) * 0.75)
    for tokenizer in ("byte", "bpe"):
        data = prepare(of(text, tokenizer=tokenizer, bpe_vocabulary=280, validation_fraction=0.25), cache_folder=cache)
        assert data.tokenizer.decode(data.train.tolist()) == TEXT[:split]
        assert data.tokenizer.decode(data.validation.tolist()) == TEXT[split:]
        assert data.train_characters == split
        assert data.validation_bytes == len(TEXT[split:].encode())
        assert data.notes == ()


def test_what_was_folded_is_noted_and_counted_in_what_the_model_sees(text: Path, cache: Path) -> None:
    data = prepare(of(text), cache_folder=cache)
    assert decoded(data)[:56] == 'The fox said: "I found it." Then she went home -- alone.'
    assert data.notes == ('folded 800 characters (— → --, “ → ", ” → ", …)',)
    assert data.validation_bytes == len(data.validation)
    assert data.train_characters == len(data.train)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("tokenizer", ["char", "byte", "bpe"])
def test_the_second_start_reads_nothing(
    text: Path, cache: Path, tokenizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = of(text, tokenizer=tokenizer, bpe_vocabulary=300)
    first = prepare(config, cache_folder=cache)

    def refuse(*args: object, **more: object) -> None:
        raise AssertionError("the text was read again")

    monkeypatch.setattr(module, "read_content", refuse)
    second = prepare(config, cache_folder=cache)
    assert torch.equal(first.train, second.train)
    assert torch.equal(first.validation, second.validation)
    for field in ("fingerprint", "tokenizer_fingerprint", "floor", "train_characters", "validation_bytes", "notes"):
        assert getattr(first, field) == getattr(second, field)


def test_a_changed_file_is_read_again(text: Path, cache: Path) -> None:
    first = prepare(of(text), cache_folder=cache)
    text.write_text(TEXT.replace("fox", "cat"), encoding="utf-8")
    second = prepare(of(text), cache_folder=cache)
    assert first.fingerprint != second.fingerprint
    assert "cat" in decoded(second)
    text.write_text(TEXT.replace("fox", "dog"), encoding="utf-8")  # at once, with the same length
    assert "dog" in decoded(prepare(of(text), cache_folder=cache))


@pytest.mark.usefixtures("later")
def test_a_changed_file_is_read_again_whatever_date_it_bears(text: Path, cache: Path) -> None:
    old = (1_700_000_000, 1_700_000_000)
    os.utime(text, old)
    first, before = prepare(of(text), cache_folder=cache), text.stat().st_ctime_ns
    text.write_text(TEXT.replace("fox", "fax"), encoding="utf-8")
    while text.stat().st_ctime_ns == before:  # file systems count their time in ticks
        os.utime(text, old)
    os.utime(text, old)
    second = prepare(of(text), cache_folder=cache)
    assert second.fingerprint != first.fingerprint
    assert "The fax" in decoded(second)


@pytest.mark.parametrize("tokenizer", ["char", "bpe"])
def test_a_damaged_cache_never_gives_another_text_and_is_said(text: Path, cache: Path, tokenizer: str) -> None:
    config = of(text, tokenizer=tokenizer, bpe_vocabulary=280)
    first = prepare(config, cache_folder=cache)
    seen = decoded(first)  # before the file that it is mapped from is written into
    (ids,) = cache.glob("tokens/*/ids.bin")
    raw = bytearray(ids.read_bytes())
    raw[len(raw) // 2] ^= 0x7F
    ids.write_bytes(raw)
    again = prepare(config, cache_folder=cache)
    assert (again.fingerprint, decoded(again)) == (first.fingerprint, seen)
    assert again.was_damaged and again.notes == (module.DAMAGED, *first.notes)
    assert prepare(config, cache_folder=cache).notes == first.notes


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_the_old_one(
    text: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = module.read_content

    def meddle(*args: Any, **more: Any) -> Any:
        content = read(*args, **more)
        text.write_text(TEXT.replace("fox", "cat"), encoding="utf-8")
        os.utime(text, (1_700_000_001, 1_700_000_001))
        return content

    monkeypatch.setattr(module, "read_content", meddle)
    with pytest.raises(DataError, match="was changed while it was read"):
        prepare(of(text), cache_folder=cache)
    monkeypatch.undo()
    assert "cat" in decoded(prepare(of(text), cache_folder=cache))


def test_the_fingerprint_is_the_same_wherever_the_text_lies(text: Path, cache: Path, tmp_path: Path) -> None:
    first = prepare(of(text), cache_folder=cache)
    moved = text.rename(tmp_path / "renamed.txt")
    assert prepare(of(moved), cache_folder=cache).fingerprint == first.fingerprint
    assert prepare(of(moved), cache_folder=tmp_path / "other cache").fingerprint == first.fingerprint
    others = [
        prepare(of(moved, **more), cache_folder=cache).fingerprint
        for more in ({"tokenizer": "byte"}, {"validation_fraction": 0.2}, {"tokenizer": "bpe", "bpe_vocabulary": 280})
    ]
    assert len({first.fingerprint, *others}) == 4


def test_tales_know_their_floor(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DatasetConfig(tales_megabytes=0.05, tales_seed=3)
    told: list[str] = []
    data = prepare(config, lambda what, fraction: told.append(what), cache)
    assert "writing tales" in told
    assert "tokenizing" in told
    assert data.floor is not None
    assert 0.05 < data.floor < 1
    assert data.tokenizer.decode(data.validation.tolist()[-2:]) == "\n\n"
    told.clear()
    assert prepare(config, lambda what, fraction: told.append(what), cache).floor == data.floor
    assert told == []


def test_the_floor_of_larger_tokens_is_larger(cache: Path) -> None:
    char, byte, bpe = (
        prepare(DatasetConfig(tales_megabytes=0.05, tokenizer=name, bpe_vocabulary=400), cache_folder=cache)
        for name in ("char", "byte", "bpe")
    )
    assert char.floor and byte.floor and bpe.floor
    assert char.floor == byte.floor
    assert char.validation_bytes == byte.validation_bytes == bpe.validation_bytes
    assert bpe.floor * len(bpe.validation) == pytest.approx(char.floor * len(char.validation))


def test_tales_from_a_file_do_not_borrow_the_floor(cache: Path, tmp_path: Path) -> None:
    tales = prepare(DatasetConfig(tales_megabytes=0.05), cache_folder=cache)
    (tmp_path / "tales.txt").write_text(decoded(tales))
    assert prepare(of(tmp_path / "tales.txt"), cache_folder=cache).floor is None
    assert prepare(DatasetConfig(tales_megabytes=0.05), cache_folder=cache).floor == tales.floor


def test_bpe_is_learned_from_the_training_split_alone(text: Path, cache: Path) -> None:
    text.write_text("one two three four\n" * 90 + "zebra zebra zebra\n" * 10)
    data = prepare(of(text, tokenizer="bpe", bpe_vocabulary=300), cache_folder=cache)
    assert data.train.dtype == torch.int32
    assert not any(b"zeb" in piece for piece in data.tokenizer.pieces)  # type: ignore[attr-defined]
    assert "fewer than" in data.notes[0]


def test_merging_can_be_ended_and_has_no_percentage(text: Path, cache: Path) -> None:
    told: list[str] = []

    def end(what: str, fraction: float | None) -> None:
        told.append(what)
        if what == "merging pieces":
            assert fraction is None
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(of(text, tokenizer="bpe", bpe_vocabulary=300), end, cache)
    assert "learning bpe pieces" in told
    assert not (cache / "tokens").exists()


def test_a_run_stores_its_pieces_and_goes_on_with_them(text: Path, cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    config = of(text, tokenizer="bpe", bpe_vocabulary=300)
    first = prepare(config, cache_folder=cache, run_folder=run)
    stored = (run / FILE_NAME).read_bytes()
    text.write_text(TEXT + "Something else that came later.\n" * 50, encoding="utf-8")
    later = prepare(config, cache_folder=cache, run_folder=run)
    assert later.tokenizer_fingerprint == first.tokenizer_fingerprint
    assert (run / FILE_NAME).read_bytes() == stored
    assert decoded(later).endswith("Something else that came later.\n")


def test_going_on_with_a_run_finds_its_tokens_in_the_cache(
    text: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = of(text, tokenizer="bpe", bpe_vocabulary=300)
    first = prepare(config, cache_folder=cache, run_folder=tmp_path)
    monkeypatch.setattr(module, "_tokenize", None)
    assert prepare(config, cache_folder=cache, run_folder=tmp_path).fingerprint == first.fingerprint


def test_byte_takes_anything(cache: Path, tmp_path: Path) -> None:
    for name, raw in (("image", bytes(range(256)) * 10), ("continuations", b"\x80" * 1000)):
        (tmp_path / name).write_bytes(raw)
        data = prepare(of(tmp_path / name, tokenizer="byte"), cache_folder=cache)
        assert bytes(torch.cat([data.train, data.validation]).tolist()) == raw
        assert abs(len(data.validation) - len(raw) // 10) < 60


def test_an_unknown_character_is_an_error_where_it_is_asked_for(text: Path, cache: Path) -> None:
    text.write_text("é\r\nsecond line, which is longer\r\nthe third 世界\n" * 3)
    with pytest.raises(DataError, match=r"fox\.txt:3:11: the character 世 \(U\+4E16\)"):
        prepare(of(text, unknown="error"), cache_folder=cache)
    assert not list((cache / "tokens").iterdir())
    assert "?" not in decoded(prepare(of(text, unknown="drop"), cache_folder=cache))
    assert "third ??" in decoded(prepare(of(text, unknown="replace"), cache_folder=cache))


SCRIPTS = {
    "russian": "Однажды утром Лили пошла в лес.\n",
    "chinese": "一天早上，莉莉去了森林。她找到一把银钥匙。\n",
    "arabic": "ذات صباح ذهبت ليلي إلى الغابة.\n",
    "emoji": "🦊🌲🔑 👩‍👩‍👧\n",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_text_in_another_script_is_refused_where_it_would_be_question_marks(
    text: Path, cache: Path, script: str
) -> None:
    text.write_text(SCRIPTS[script] * 60, encoding="utf-8")
    for unknown in ("replace", "drop"):
        with pytest.raises(DataError, match=r"\d\d\.\d % of the characters .* set dataset.tokenizer to byte or bpe"):
            prepare(of(text, unknown=unknown), cache_folder=cache)
    assert not list((cache / "tokens").iterdir())
    for tokenizer in ("byte", "bpe"):
        data = prepare(of(text, tokenizer=tokenizer, bpe_vocabulary=300), cache_folder=cache)
        assert decoded(data) == SCRIPTS[script] * 60
        assert not any("character" in note for note in data.notes)


def test_a_few_characters_that_are_lost_are_counted(text: Path, cache: Path) -> None:
    text.write_text(("x" * 96 + "世🦊\n\n") * 20, encoding="utf-8")
    for unknown, what in (("replace", "replaced 40 characters by '?'"), ("drop", "dropped 40 characters")):
        data = prepare(of(text, unknown=unknown), cache_folder=cache)
        assert data.notes == (f"{what} (世, 🦊): 2.0 % of the text",)


@pytest.mark.parametrize(
    ("content", "more", "message"),
    [
        ("", {}, "is empty"),
        ("x", {}, "too short to be split: 0 tokens for training, 1"),
        ("short " * 20, {}, r"training split of .* has 108 tokens, but one window needs 257"),
        ("long " * 200, {}, r"validation split of .* has 100 tokens.* a larger dataset\.validation_fraction or a"),
    ],
)
def test_too_little_text_is_a_sentence(
    text: Path, cache: Path, content: str, more: dict[str, str], message: str
) -> None:
    text.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        prepare(of(text, **more), cache_folder=cache, context_length=256)


def test_the_last_word_on_tiny_shakespeare(cache: Path, tmp_path: Path) -> None:
    """The published split: int(n · 0.9) characters for training, whatever the text."""
    path = tmp_path / "plays.txt"
    path.write_text(("ROMEO:\nBut soft!\n\n" * 62_000)[:1_115_394])
    data = prepare(of(path), cache_folder=cache)
    assert (len(data.train), len(data.validation)) == (1_003_854, 111_540)


def test_tales_too_few_for_a_window_say_which_number_to_raise(cache: Path) -> None:
    for megabytes, message in ((0.0001, "too short to be split"), (0.012, "but one window needs 2,049")):
        with pytest.raises(DataError, match=f"{message}.*a larger dataset.tales_megabytes"):
            prepare(DatasetConfig(tales_megabytes=megabytes), cache_folder=cache, context_length=2048)


@pytest.mark.parametrize("line", ["a line of plain English\n", "“naïve” — and 世界, among more that is plain\n"])
def test_a_long_text_passes_through_little_memory(text: Path, cache: Path, line: str) -> None:
    raw = line.encode()
    text.write_bytes(raw * (40_000_000 // len(raw)))
    tracemalloc.start()
    data = prepare(of(text), cache_folder=cache)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data.train) > 10_000_000
    assert peak < (1 if line.isascii() else 3) * 20_000_000


def test_opening_a_run_again_writes_nothing_into_it(text: Path, cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    config = of(text, tokenizer="bpe", bpe_vocabulary=280)
    prepare(config, cache_folder=cache, run_folder=run)
    before = (run / FILE_NAME).stat()
    prepare(config, cache_folder=cache, run_folder=run)
    after = (run / FILE_NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_progress_is_told_by_the_percent(cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(400):
        (folder / f"{number}.txt").write_text(f"a little text, number {number}\n")
    told: list[tuple[str, float | None]] = []
    prepare(DatasetConfig(source="files", path=str(folder)), lambda *now: told.append(now), cache)
    for what in (f"reading {folder}", "tokenizing"):
        fractions = [fraction for name, fraction in told if name == what and fraction is not None]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1
        assert 50 < len(fractions) <= 101
