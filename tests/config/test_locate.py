"""Files that cannot be read are answered with a sentence."""

import errno
import os
from pathlib import Path

import pytest

from lmcore.config import ConfigError, TrainingConfig, find_config, load_config, read_config_text


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


def test_what_is_no_file_is_named_and_hides_no_other_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").touch()
    (tmp_path / "good.yaml").touch()
    for name in ("baseline.yaml", "configs/large-model.yaml"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "configs" / "mine.yaml").mkdir()
    for name, target in (("loop.yaml", "loop.yaml"), ("gone.yaml", "nowhere"), ("zero", "/dev/zero")):
        (tmp_path / name).symlink_to(target)
    for name, said in (
        ("baseline.yaml", "baseline.yaml is a pipe or a device: copy its text into a file first"),
        ("large-model", "configs/large-model.yaml is a pipe or a device: copy its text into a file first"),
        ("large-model.yaml", "configs/large-model.yaml is a pipe or a device: copy its text into a file first"),
        ("mine", "configs/mine.yaml is a folder, not a configuration file"),
        ("run", "run is a folder, not a configuration file; did you mean run/config.yaml?"),
        ("loop.yaml", f"loop.yaml is a link to loop.yaml, which cannot be read: {os.strerror(errno.ELOOP)}"),
        ("gone.yaml", "gone.yaml is a link to nowhere, which cannot be read: No such file or directory"),
        ("zero", "zero is a pipe or a device: copy its text into a file first"),
        ("/dev/null", "/dev/null is a pipe or a device: copy its text into a file first"),
        ("good", "there is no configuration 'good'; did you mean good.yaml?"),
    ):
        with pytest.raises(ConfigError) as refusal:
            find_config(name)
        assert str(refusal.value) == said
    assert find_config("baseline").name == "baseline.yaml"  # that of the package
    (tmp_path / "link.yaml").symlink_to("good.yaml")
    assert load_config(find_config("link.yaml")) == TrainingConfig()


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
    with pytest.raises(ConfigError, match=r"pipe\.yaml: cannot be read: it is a device or a pipe"):
        read_config_text(tmp_path / "pipe.yaml")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * 3_000_000)
    with pytest.raises(ConfigError, match="at most"):
        load_config(path)
