"""Own files: which a configuration names, how they are read and kept, and who agreed to them."""

from pathlib import Path

import pytest

from lmcore.config import parse_config
from lmcore.experiments.identity.consent import ConsentNeeded, agree, agreed_digests, require_consent
from lmcore.experiments.identity.own_code import (
    MOST_BYTES,
    digest_of,
    keep,
    kept,
    learned_files,
    named_files,
    read_own_file,
    read_own_files,
)
from lmcore.experiments.runs.folder import RunError


@pytest.fixture(autouse=True)
def _nothing_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))


def hooks(*uses: str, enabled: str = "true") -> str:
    listed = (f"{{name: h{i}, use: {use!r}, at: x, enabled: {enabled}}}" for i, use in enumerate(uses))
    return f"hooks: [{', '.join(listed)}]\n"


def test_the_files_that_are_named_are_found_once_each() -> None:
    config = parse_config(hooks("zero", "b.py:f", "a.py:g", "b.py:h"))
    assert named_files(config) == ("b.py", "a.py")
    assert named_files(parse_config(hooks("zero"))) == ()


def test_a_hook_that_is_off_makes_its_file_no_part_of_what_is_learned() -> None:
    config = parse_config(hooks("a.py:f", enabled="false"))
    assert named_files(config) == ("a.py",)
    assert learned_files(config) == ()


@pytest.mark.parametrize(
    "use", ["../a.py:f", "/etc/a.py:f", "sub/a.py:f", "a.txt:f", ".a.py:f", "a\\b.py:f", ".py:f", ":f"]
)
def test_a_file_elsewhere_is_refused(use: str) -> None:
    with pytest.raises(RunError, match="plain name"):
        named_files(parse_config(hooks(use)))


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"names gone.py, but .* has no such file"):
        read_own_files(["gone.py"], tmp_path)
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'")
    with pytest.raises(RunError, match="not text in UTF-8"):
        read_own_file(tmp_path / "latin.py")
    (tmp_path / "long.py").write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(RunError, match="more than 1,048,576 bytes"):
        read_own_file(tmp_path / "long.py")


def test_every_version_is_kept_byte_for_byte_and_found_by_its_digest(tmp_path: Path) -> None:
    versions = []
    (tmp_path / "run").mkdir()
    for text in (b"a = 1\r\n", b"a = 2\n", "ä = 3".encode(), b"a = 1\r\n"):
        (tmp_path / "mine.py").write_bytes(text)
        versions.append(read_own_file(tmp_path / "mine.py"))
        keep(tmp_path / "run", versions[-1])
    for version in versions:
        again = kept(tmp_path / "run", "mine.py", version.digest)
        assert again.text == version.text
        assert digest_of(Path(again.path).read_bytes()) == version.digest
    assert len(list((tmp_path / "run/code").iterdir())) == 3
    assert (tmp_path / "run/code/mine.py").read_bytes() == b"a = 1\r\n"


def test_a_version_that_was_changed_is_not_what_the_run_used(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("a = 1\n")
    file = read_own_file(tmp_path / "mine.py")
    keep(tmp_path, file)
    (tmp_path / "code/mine.py").write_text("import os\n")
    with pytest.raises(RunError, match="changed or removed"):
        kept(tmp_path, "mine.py", file.digest)
    with pytest.raises(RunError):
        kept(tmp_path, "../mine.py", file.digest)


@pytest.mark.parametrize(
    "line",
    [
        "import helper",
        "import helper.parts as parts",
        "from helper import a",
        "from . import helper",
        "from .helper import a",
        "def f():\n    import torch, helper",
        "import importlib\nimportlib.import_module('helper')",
        "__import__('helper')",
    ],
)
@pytest.mark.parametrize("place", ["beside", "working folder, on the path", "a folder without __init__"])
def test_an_import_of_a_file_that_nobody_was_shown_is_refused(
    line: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, work = tmp_path / "configs", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    if place == "beside":
        (home / "helper.py").write_text("a = 1\n")
    elif place.startswith("working"):
        (work / "helper.py").write_text("a = 1\n")
        monkeypatch.syspath_prepend(str(work))
    else:
        (home / "helper").mkdir()
    number = line.count("\n", 0, line.index("helper")) + 1
    (home / "mine.py").write_text(line + "\n")
    with pytest.raises(RunError, match=rf"mine.py, line {number}, imports .*Put what it needs into mine.py itself"):
        read_own_file(home / "mine.py")


def test_what_is_installed_or_is_pythons_own_may_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also beside a file of the same name as a module of Python's, which nobody means."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random.py").write_text("")
    lines = (
        "import random, math\nimport torch.nn.functional as F\nfrom lmcore.hooks import catalogue\nimport not_there\n"
    )
    (tmp_path / "mine.py").write_text(lines)
    assert read_own_file(tmp_path / "mine.py").text == lines
    (tmp_path / "broken.py").write_text("import (\n")  # told with its line where it would run
    assert read_own_file(tmp_path / "broken.py").text


def test_consent_is_asked_for_once_for_each_content(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("a = 1\n")
    file = read_own_file(tmp_path / "mine.py")
    with pytest.raises(ConsentNeeded, match="--allow-code") as needed:
        require_consent([file])
    assert needed.value.files == (file,)
    assert file.digest in str(needed.value) and file.path in str(needed.value)
    require_consent([file], allow=True)
    require_consent([file])
    assert agreed_digests() == {file.digest}
    (tmp_path / "mine.py").write_text("a = 2\n")
    with pytest.raises(ConsentNeeded):
        require_consent([file, read_own_file(tmp_path / "mine.py")])


def test_agreeing_twice_is_remembered_once_and_only_digests_are(tmp_path: Path) -> None:
    digest = digest_of(b"x")
    agree([digest, digest])
    agree([digest])
    assert (tmp_path / "data/agreed-code.txt").read_text() == f"{digest}\n"
    with pytest.raises(RunError, match="64 hexadecimal"):
        agree(["all of them"])


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "file"))
    with pytest.raises(RunError):
        agree([digest_of(b"x")])
