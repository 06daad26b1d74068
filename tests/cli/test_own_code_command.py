"""Code of one's own on the command line: refused without --allow-code, remembered with it, and its errors shown."""

from pathlib import Path

import pytest

from lmcore.cli.app import run
from tests.cli.run_command import TINY, Command

CODE = '''\
from lmcore.hooks.catalogue import hook


@hook("forward")
def shrink(x, point, *, factor: float = 0.5):
    """Make it smaller."""
    return x * factor
'''
HOOKS = 'hooks: [{name: mine, kind: forward, use: "my_hooks.py:shrink", at: blocks.0.hook_mlp_out}]\n'


@pytest.fixture
def configs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds a configuration and the file beside it that it names; it is not the working folder."""
    monkeypatch.setenv("LMLAB_DATA", str(folder / "data"))
    (folder / "configs").mkdir()
    (folder / "configs/own.yaml").write_text(TINY + HOOKS)
    (folder / "configs/my_hooks.py").write_text(CODE)
    return folder / "configs"


def test_code_needs_a_yes_once(lmcore: Command, configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = lmcore("train", "configs/own.yaml")
    assert refused.code == 2
    assert "--allow-code" in refused.err and str(configs / "my_hooks.py") in refused.err
    assert not Path("runs").exists()
    allowed = lmcore("train", "configs/own.yaml", "--allow-code", "--max-steps", "4")
    assert allowed.code == 0, allowed.err
    folder = allowed.out.strip()
    (configs / "my_hooks.py").unlink()
    asks = (
        ("resume", folder),
        ("sample", folder, "--max-tokens", "3"),
        ("eval", folder, "--batches", "1"),
    )
    for command in asks:
        assert lmcore(*command).code == 0
    monkeypatch.setenv("LMLAB_DATA", str(configs / "elsewhere"))
    for command in asks:
        outcome = lmcore(*command)
        assert outcome.code == 2 and "--allow-code" in outcome.err and outcome.out == ""
    for command in asks:
        assert lmcore(*command, "--allow-code").code == 0


def test_an_error_in_it_is_shown_with_its_place(
    lmcore: Command, configs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (configs / "my_hooks.py").write_text(CODE + "\n1 / 0\n")
    assert run(["train", "configs/own.yaml", "--allow-code"]) == 2
    told = capsys.readouterr().err
    assert 'File "my_hooks.py", line 9' in told and "ZeroDivisionError" in told
    assert "lmcore/cli" not in told


def test_an_error_while_training_loses_nothing(
    lmcore: Command, configs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = HOOKS.replace("at:", "from_step: 2, at:")
    (configs / "own.yaml").write_text(TINY + late)
    (configs / "my_hooks.py").write_text(CODE.replace("x * factor", "x.nothing(factor)"))
    assert run(["train", "configs/own.yaml", "--allow-code"]) == 1
    captured = capsys.readouterr()
    assert "x.nothing(factor)" in captured.err and "mine" in captured.err
    assert [path.name for path in Path(captured.out.strip()).glob("checkpoints/step-*")] == ["step-000002"]
