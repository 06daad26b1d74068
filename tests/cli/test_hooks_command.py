"""`lmcore hooks`: the catalogue, the places, one's own file, and what a configuration's hooks do."""

import re
from pathlib import Path

import pytest

from lmcore.config import load_config
from lmcore.hooks.catalogue import catalogue, load_source
from tests.cli.run_command import TINY, Command


@pytest.fixture(autouse=True)
def agreements(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is agreed to here is remembered here."""
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))


def write_hooks(folder: Path, hooks: str) -> None:
    """The tiny configuration with these hooks, as hooks.yaml."""
    (folder / "hooks.yaml").write_text(TINY + "hooks:\n" + hooks)


def test_list_has_every_hook_with_its_arguments(lmcore: Command, folder: Path) -> None:
    rows = lmcore("hooks", "list", "--json").rows
    assert {(row["kind"], row["use"]) for row in rows} == {(entry.kind, entry.name) for entry in catalogue()}
    assert list(dict.fromkeys(row["kind"] for row in rows)) == ["forward", "backward", "update", "loss"]
    zero = next(row for row in rows if (row["kind"], row["use"]) == ("forward", "zero"))
    assert zero["arguments"][0]["name"] == "heads" and zero["arguments"][0]["default"] is None
    assert all(row["summary"].endswith(".") for row in rows)
    table = lmcore("hooks", "list").out
    assert re.search(r"^forward +an activation +zero +heads=null +\S", table, re.MULTILINE)


def test_points_shows_names_and_shapes(lmcore: Command, folder: Path) -> None:
    rows = {row["name"]: row for row in lmcore("hooks", "points", "tiny.yaml", "--json").rows}
    assert rows["blocks.0.attn.hook_pattern"]["shape"] == "[batch, 2, query, key]"
    assert rows["embed.weight"] == {"name": "embed.weight", "shape": "[128, 16]", "is": "parameter"}
    shown = lmcore("hooks", "points", "tiny.yaml", "blocks.*.hook_mlp_out").out.splitlines()
    assert len(shown) == 2 and shown[1].split()[0] == "blocks.0.hook_mlp_out"
    wide = lmcore("hooks", "points", "tiny.yaml", "embed.weight", "--set", "model.d_model=32")
    assert "[128, 32]" in wide.out


def test_points_that_nothing_matches_names_the_nearest(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("hooks", "points", "tiny.yaml", "blocks.0.hook_mlpout")
    assert outcome.code == 2 and not outcome.out
    assert outcome.err.startswith(
        "No hook point or parameter matches 'blocks.0.hook_mlpout'; near are: blocks.0.hook_mlp_"
    )


def test_new_writes_once_where_configurations_are(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("hooks", "new")
    assert outcome.code == 0 and outcome.err.startswith("my_hooks.py: ")
    written = (folder / "my_hooks.py").read_text()
    assert {kind for kind, _ in load_source("my_hooks.py", written)} == {"forward", "backward", "update", "loss"}
    (folder / "my_hooks.py").write_text("# mine\n")
    again = lmcore("hooks", "new")
    assert again.code == 2 and "my_hooks.py is there already" in again.err
    assert (folder / "my_hooks.py").read_text() == "# mine\n"
    (folder / "configs").mkdir()
    assert lmcore("hooks", "new", "--json").rows == [{"file": "configs/my_hooks.py"}]
    other = lmcore("hooks", "new", "other.py")
    assert "use: other.py:damp" in other.err and "my_hooks" not in (folder / "other.py").read_text()
    for wrong in ("other.txt", "two words.py", "nowhere/other.py"):
        assert lmcore("hooks", "new", wrong).code == 2


def test_the_hook_that_new_suggests_is_checked_and_trains(lmcore: Command, folder: Path) -> None:
    suggested = lmcore("hooks", "new").err.split("\n\n")[1]
    (folder / "mine.yaml").write_text(TINY + suggested + "\n")
    assert load_config(folder / "mine.yaml").hooks[0].use == "my_hooks.py:damp"
    refused = lmcore("hooks", "check", "mine.yaml")
    assert refused.code == 2 and "you have not agreed to" in refused.err and "--allow-code" in refused.err
    checked = lmcore("hooks", "check", "mine.yaml", "--allow-code")
    assert checked.code == 0
    assert re.search(r"damp-the-mlps +forward +my_hooks.py:damp +always +blocks.0.hook_mlp_out +\[batch", checked.out)
    assert lmcore("hooks", "check", "mine.yaml").code == 0  # agreed to once is agreed to
    plain = lmcore("train", "tiny.yaml", "--json").rows
    mine = lmcore("train", "mine.yaml", "--json").rows
    assert mine[-1]["status"] == "finished"
    losses = [[row["loss/train"] for row in rows if "loss/train" in row] for rows in (plain, mine)]
    assert losses[0] and losses[0] != losses[1]


def test_every_hook_of_the_starting_point_trains(lmcore: Command, folder: Path) -> None:
    lmcore("hooks", "new")
    entries = load_source("my_hooks.py", (folder / "my_hooks.py").read_text())
    at = {
        "forward": "blocks.0.hook_mlp_out",
        "backward": "blocks.0.hook_resid_post",
        "update": "*",
        "loss": "*resid_post",
    }
    names = [use.removeprefix("my_hooks.py:") for _, use in entries]
    lines = [
        f"{{name: {name}, kind: {kind}, use: '{use}', at: '{at[kind]}'}}"
        for name, (kind, use) in zip(names, entries, strict=True)
    ]
    write_hooks(folder, "".join(f"  - {line}\n" for line in lines))
    checked = lmcore("hooks", "check", "hooks.yaml", "--allow-code", "--json")
    assert [row["name"] for row in checked.rows] == names and checked.code == 0
    assert lmcore("train", "hooks.yaml", "--json").rows[-1]["status"] == "finished"


def test_check_tells_each_hook_and_each_problem(lmcore: Command, folder: Path) -> None:
    write_hooks(
        folder,
        "  - {name: quiet, use: zero, at: blocks.0.attn.hook_z, with: {heads: [1]}, from_step: 3, until_step: 9}\n"
        "  - {name: off, kind: loss, use: z_loss, enabled: false}\n"
        "  - {name: nowhere, use: zero, at: blocks.7.hook_mlp_out}\n"
        "  - {name: wrong, use: scale, at: blocks.0.hook_mlp_out, with: {factor: much}}\n"
        "  - {name: unknown, use: zeros, at: blocks.0.hook_mlp_out}\n",
    )
    outcome = lmcore("hooks", "check", "hooks.yaml")
    assert outcome.code == 2
    assert re.search(
        r"quiet +forward +zero +from step 3 until 9 +blocks.0.attn.hook_z +\[batch, pos, 2, 8\]", outcome.out
    )
    assert re.search(r"off +loss +z_loss +not \(enabled: false\)", outcome.out)
    problems = outcome.err.splitlines()
    assert len(problems) == 3
    for name, sentence in zip(("nowhere", "wrong", "unknown"), problems, strict=True):
        assert sentence.startswith(f"hook {name!r}: ")


def test_check_shows_where_an_own_file_is_wrong(lmcore: Command, folder: Path) -> None:
    (folder / "my_hooks.py").write_text("import torhc\n")
    write_hooks(folder, "  - {name: a, use: 'my_hooks.py:a', at: '*'}\n  - {name: b, use: 'my_hooks.py:b', at: '*'}\n")
    outcome = lmcore("hooks", "check", "hooks.yaml", "--allow-code")
    assert outcome.code == 2
    assert 'File "my_hooks.py", line 1' in outcome.err
    assert outcome.err.splitlines()[-1].startswith("my_hooks.py cannot be used: line 1: ModuleNotFoundError")
    missing = lmcore("hooks", "check", "tiny.yaml", "--set", "training.optimizer=my_optimizer.py:Mine")
    assert missing.code == 2 and "names my_optimizer.py, but" in missing.err


def test_check_of_a_configuration_without_hooks(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("hooks", "check", "tiny.yaml")
    assert (outcome.code, outcome.err) == (0, "tiny.yaml declares no hooks.\n")
