"""Files that cannot be read are answered with a sentence."""

import os
from pathlib import Path

import pytest

from lmcore.config import ConfigError, find_config, load_config, read_config_text


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no configuration 'basline'; did you mean baseline\?"):
        find_config("basline")
    with pytest.raises(ConfigError, match=r"there are .*large-model"):
        find_config("nothing-like-it")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        find_config(str(tmp_path))


def test_a_folder_does_not_hide_the_configuration_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baseline").mkdir()
    assert find_config("baseline").name == "baseline.yaml"


@pytest.mark.parametrize("name", ["\x00", "a" * 5000, "", "../\x1b[2J", "[/bold]"])
def test_strange_names_are_answered(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no configuration"):
        find_config(name)


def test_a_file_that_is_not_text_says_where(tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"model:\n  d_model: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"binary\.yaml:2:12: the byte 0xFF is not UTF-8"):
        load_config(path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_config_text(tmp_path / "gone.yaml")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match=r"pipe\.yaml: cannot be read: it is a pipe"):
        read_config_text(tmp_path / "pipe.yaml")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * 3_000_000)
    with pytest.raises(ConfigError, match="at most"):
        load_config(path)
