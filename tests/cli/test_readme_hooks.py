"""What the README says of hooks and optimizers is so."""

import re
import textwrap
from pathlib import Path

import pytest

from tests.cli.run_command import TINY, Command

README = Path(__file__).parents[2] / "README.md"


def test_the_table_in_the_readme_is_what_the_command_prints(lmcore: Command, folder: Path) -> None:
    table = lmcore("hooks", "list", "--markdown").out
    assert table in README.read_text(encoding="utf-8"), "its table is the output of `lmcore hooks list --markdown`"


def test_the_readme_s_hooks_and_optimizer_can_be_used(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(folder / "data"))
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", README.read_text(encoding="utf-8"), re.MULTILINE)
    [hooks] = [textwrap.dedent(block) for block in blocks if "    hooks:\n" in block]
    [optimizer] = [textwrap.dedent(block) for block in blocks if "class SignDescent" in block]
    (folder / "my_optimizer.py").write_text(optimizer)
    (folder / "readme.yaml").write_text(TINY.replace("n_layers: 1, n_heads: 2", "n_layers: 2, n_heads: 4") + hooks)
    own = ("--set", "training.optimizer=my_optimizer.py:SignDescent", "--allow-code")
    checked = lmcore("hooks", "check", "readme.yaml", *own)
    assert (checked.code, checked.err) == (0, "optimizer my_optimizer.py:SignDescent: right\n")
    assert lmcore("train", "readme.yaml", *own, "--json").rows[-1]["status"] == "finished"
