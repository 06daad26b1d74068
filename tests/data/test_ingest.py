import bz2
import gzip
import lzma
import os
import pickle
import shlex
from pathlib import Path

import pytest

from lmcore.config.schema import DatasetConfig
from lmcore.data import ingest
from lmcore.data.errors import DataError
from lmcore.data.ingest import FileCorpus, find_corpus, read_content
from lmcore.data.text_files import Content, Document


def silent(what: str, fraction: float | None) -> None:
    pass


def content_of(config: DatasetConfig, *, any_bytes: bool = False) -> Content:
    return read_content(find_corpus(config, Path("unused"), silent), any_bytes=any_bytes, on_progress=silent)


def text_of(content: Content) -> str:
    return b"".join(chunk for _, _, chunk in content.chunks()).decode()


def files(path: Path | str) -> DatasetConfig:
    return DatasetConfig(source="files", path=str(path))


def file(path: Path | str) -> DatasetConfig:
    return DatasetConfig(source="file", path=str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "texts"
    for name, text in {"b.txt": b"second", "a/z.md": b"first", "c.txt": "dritte ü".encode(), "empty.txt": b""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)
    (root / ".hidden").write_text("secret")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    return root


def test_a_folder_is_its_texts_in_order_with_a_note_on_the_rest(folder: Path) -> None:
    content = content_of(files(folder))
    assert text_of(content) == "first\nsecond\ndritte ü"
    assert (content.size, content.characters) == (22, 21)
    assert content.notes == ("left out what is not UTF-8 text (1): picture.png",)


def test_a_glob_names_files_across_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert text_of(content_of(files(f"{folder}/*.txt"))) == "second\ndritte ü"
    assert text_of(content_of(files(f"{folder}/**/*.m[d]"))) == "first"
    assert text_of(content_of(files(f"{folder}/**"))) == "first\nsecond\ndritte ü"
    monkeypatch.chdir(folder.parent)
    assert text_of(content_of(files("t*s/?.txt"))) == "second\ndritte ü"
    assert text_of(content_of(files("texts"))) == "first\nsecond\ndritte ü"


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "poems [old]").mkdir()
    (tmp_path / "poems [old]" / "one").write_text("a rose")
    assert text_of(content_of(files(tmp_path / "poems [old]"))) == "a rose"


def test_the_same_texts_elsewhere_are_the_same_content(folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    before = content_of(files(folder)).digest
    folder.rename(moved)
    assert content_of(files(moved)).digest == before
    (moved / "b.txt").write_text("secomd")
    assert content_of(files(moved)).digest != before


def test_where_one_text_ends_and_the_next_begins_is_part_of_the_content(tmp_path: Path) -> None:
    digests = set()
    for number, texts in enumerate((["ab", "c"], ["a", "bc"], ["a\nbc"])):
        (tmp_path / str(number)).mkdir()
        for index, text in enumerate(texts):
            (tmp_path / str(number) / f"{index}.txt").write_text(text)
        digests.add(content_of(files(tmp_path / str(number))).digest)
    assert len(digests) == 3


def test_pythons_own_library_is_on_every_machine() -> None:
    corpus = find_corpus(DatasetConfig(source="python"), Path("unused"), silent)
    names = [document.name for document in corpus.documents(silent)]
    assert len(names) > 200
    assert "argparse.py" in names
    assert not any("site-packages" in name or "/test" in name for name in names)
    assert names == sorted(names, key=lambda name: Path(name).parts)


def test_tales_are_cut_between_two_stories() -> None:
    corpus = find_corpus(DatasetConfig(source="tales", tales_megabytes=0.02), Path("unused"), silent)
    content = read_content(corpus, any_bytes=False, on_progress=silent)
    split = corpus.split(content.characters, 0.1)
    assert 0.85 < split / content.characters < 1
    assert text_of(content)[split - 2 : split] == "\n\n"
    floor = corpus.floor(split)
    assert floor is not None
    assert 0.05 < floor < 1


def test_a_file_is_cut_exactly_at_its_share() -> None:
    assert FileCorpus("x", ()).split(1_115_394, 0.1) == 1_003_854
    assert FileCorpus("x", ()).floor(10) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"good\0bad", r"byte 0x00 at offset 4"),
        ("naïve".encode("latin-1"), r"byte 0xef at offset 2"),
        (b"x" * 5_000_000 + b"\xff", r"byte 0xff at offset 5,000,000"),
        ("text".encode("utf-16"), r"UTF-16.*iconv"),
        ("cut short: é".encode()[:-1], r"byte 0xc3 at offset 11"),
        ("Grüße – “so”".encode("cp1252"), r"byte 0xfc at offset 2\..*iconv -f CP1252"),
        (b"surrogate \xed\xa0\x80", r"byte 0xed at offset 10"),
        ("no mark at all".encode("utf-16-le"), r"is UTF-16 without its mark: .*iconv -f UTF-16LE"),
        ("no mark at all".encode("utf-16-be"), r"is UTF-16 without its mark: .*iconv -f UTF-16BE"),
        ("text".encode("utf-32"), r"is UTF-32: .*iconv -f UTF-32"),
    ],
)
def test_what_is_no_text_is_named_with_its_offset(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "odd.txt").write_bytes(raw)
    with pytest.raises(DataError, match=message) as caught:
        content_of(file(tmp_path / "odd.txt"))
    assert "odd.txt" in str(caught.value)
    assert "dataset.tokenizer: byte" in str(caught.value)
    assert content_of(file(tmp_path / "odd.txt"), any_bytes=True).size == len(raw)


def test_each_wrong_path_is_its_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "one.txt").write_text("text")
    (tmp_path / "none").mkdir()
    (tmp_path / "binary").mkdir()
    (tmp_path / "binary" / "a.bin").write_bytes(b"\0")
    os.mkfifo(tmp_path / "pipe")
    for config, message in (
        (file(tmp_path / "absent" / "x.txt"), f"there is no .*x.txt .looked from {tmp_path}."),
        (file("C:\temp"), r"in double quotes \\ begins an escape: use single quotes"),
        (file(""), "dataset.path is empty"),
        (file(tmp_path), "is a folder; .* use dataset.source: files"),
        (file(tmp_path / "pipe"), "pipe is a pipe: copy its text into a file first"),
        (file(tmp_path / "empty.txt"), "empty.txt is empty"),
        (file(tmp_path / "one.txt" / "x"), "cannot be read: Not a directory"),
        (file("nul\0byte"), "cannot be read: .*null"),
        (files(tmp_path / "one.txt"), "is one file; use dataset.source: file"),
        (files(tmp_path / "absent"), "there is no"),
        (files(tmp_path / "none"), "has no files"),
        (files(tmp_path / "*.pdf"), "has no files"),
        (files(tmp_path / "a**b" / "x"), "cannot be matched|has no files"),
        (files(tmp_path / "binary"), "holds no UTF-8 text, only a.bin"),
    ):
        with pytest.raises(DataError, match=message):
            content_of(config)


def test_a_file_that_may_not_be_read_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Document) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Document, "open", refuse)
    with pytest.raises(DataError, match=r"b\.txt cannot be read: Permission denied"):
        content_of(file(folder / "b.txt"))


def test_what_is_no_file_is_left_out_with_a_note(folder: Path) -> None:
    (folder / "loop").symlink_to(folder)
    (folder / "dangling").symlink_to(folder / "nothing")
    (folder / "myself").symlink_to("myself")
    (folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe")
    content = content_of(files(folder))
    assert text_of(content) == "first\nsecond\ndritte ü"
    assert content.notes[0] == (
        "left out what is no file (5): dangling (a link that leads nowhere), loop (a link to a folder), "
        "myself (a link that leads nowhere), …"
    )
    with pytest.raises(DataError, match=r"zero is a device"):
        content_of(file(folder / "zero"))
    with pytest.raises(DataError, match=r"has no files, only pipe \(a pipe\)"):
        content_of(files(folder / "pip*"))


def test_a_file_that_became_a_pipe_is_not_waited_for(folder: Path) -> None:
    corpus = find_corpus(files(folder), folder, silent)
    (folder / "b.txt").unlink()
    os.mkfifo(folder / "b.txt")
    with pytest.raises(DataError, match=r"b\.txt is a pipe"):
        read_content(corpus, any_bytes=False, on_progress=silent)


def test_a_file_that_grows_while_it_is_read_ends(folder: Path) -> None:
    document = Document("b.txt", folder / "b.txt")
    for _, _chunk in document.chunks():
        with (folder / "b.txt").open("ab") as more:
            more.write(b"more")
    assert (folder / "b.txt").read_bytes() == b"secondmore"


def test_a_text_that_is_there_already_is_left_out_with_a_note(folder: Path) -> None:
    (folder / "d.txt").symlink_to("b.txt")
    content = content_of(files(folder))
    assert text_of(content) == "first\nsecond\ndritte ü"
    assert "left out 1 file that is the same as b.txt: d.txt" in content.notes
    os.link(folder / "c.txt", folder / "e.txt")
    (folder / "f.txt").write_bytes(b"first")
    content = content_of(files(folder))
    assert text_of(content) == "first\nsecond\ndritte ü"
    assert (
        "left out 3 files that are the same as others: d.txt (as b.txt), e.txt (as c.txt), f.txt (as a/z.md)"
        in content.notes
    )


@pytest.mark.parametrize(
    ("raw", "name", "way"),
    [
        (gzip.compress(b"text", mtime=0), "gzip", "gunzip -k"),
        (bz2.compress(b"text"), "bzip2", "bunzip2 -k"),
        (lzma.compress(b"text"), "xz", "unxz -k"),
        (b"\x28\xb5\x2f\xfd\x24", "Zstandard", "unzstd"),
        (b"PK\x03\x04\x14\0", "zip", "unzip"),
        (b"\0" * 257 + b"ustar\0", "tar", "tar -xf"),
        (b"PAR1\x15\x04", "Parquet", "write its column of text"),
        (b"\x93NUMPY\x01\0", "a NumPy array", "write their text"),
        (pickle.dumps(["text"]), "pickled", "write their text"),
        (b"%PDF-1.7\nall of it ASCII", "PDF", "pdftotext"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
    ],
)
def test_what_holds_text_in_another_form_is_named_with_the_way_to_it(
    tmp_path: Path, raw: bytes, name: str, way: str
) -> None:
    path = tmp_path / "my $(text)"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=f"is {name}: .*{way}") as caught:
        content_of(file(path))
    assert str(path) not in str(caught.value).split(way)[1].replace(f"'{path}'", ""), "a name must not act in a shell"
    with pytest.raises(DataError, match=rf"no UTF-8 text, only my \$\(text\) \({name}\)\. my .* is {name}: "):
        content_of(files(tmp_path))
    (tmp_path / "plain").write_text("plain text")
    assert content_of(files(tmp_path)).notes == (f"left out what is not UTF-8 text (1): my $(text) ({name})",)
    content = content_of(file(path), any_bytes=True)
    assert content.size == len(raw)
    assert content.notes == (f"learned byte by byte, as dataset.tokenizer: byte has it: {path} ({name})",)


def test_json_lines_say_how_to_take_their_text_out(tmp_path: Path) -> None:
    path = tmp_path / "it's.jsonl"
    path.write_text('{"id": "17", "text": "One day"}\n{"id": "18", "text": "Next day"}\n')
    quoted = shlex.quote(str(path))
    assert content_of(file(path)).notes == (
        f"{path} is JSON lines, of which keys and quotes are learned, too. To learn its field text alone: "
        f"jq -r .text {quoted} > texts.txt",
    )
    for text in ("{a poem}\n{of braces}\n", '{"one": "record"}\n', "[" * 100_000 + "\n[", '{"a": 1}\nno record\n'):
        path.write_text(text)
        assert content_of(file(path)).notes == ()
    path.write_text('{"n\'; ls": "long"}\n{"a": 1}\n')
    assert shlex.split(content_of(file(path)).notes[0].partition("jq")[2])[1] == """.["n'; ls"]"""


def test_a_young_file_has_no_stamp_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text.txt"
    path.write_text("one")
    corpus = find_corpus(file(path), tmp_path, silent)
    assert corpus.stamp() == ""
    os.utime(path, (1_000_000, 1_000_000))
    assert corpus.stamp() == "", "its own time can be set to anything"
    now = path.stat().st_ctime
    monkeypatch.setattr(ingest.time, "time", lambda: now + 10)
    old = corpus.stamp()
    assert str(path) in old
    path.write_text("two")
    os.utime(path, (1_000_000, 1_000_000))
    monkeypatch.setattr(ingest.time, "time", lambda: path.stat().st_ctime + 10)
    assert corpus.stamp() not in ("", old)


def test_reading_tells_how_far_it_is(folder: Path) -> None:
    told: list[tuple[str, float | None]] = []
    read_content(find_corpus(files(folder), folder, silent), any_bytes=False, on_progress=lambda *now: told.append(now))
    assert {what for what, _ in told} == {f"reading {folder}"}
    fractions = [fraction for _, fraction in told if fraction is not None]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 1
