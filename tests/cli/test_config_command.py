"""`lmcore config` and the command line itself, none of which loads torch."""

import errno
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from lmcore.config import leaf_keys, parse_config, template
from lmcore.plain_text import printable
from tests.cli.run_command import Command, start

ESCAPES = "[/bold]\x1b[2J\x07"


@pytest.mark.parametrize(
    "arguments", [("--help",), ("train", "--help"), ("config", "--help"), ("runs", "-h"), ("--version",)]
)
def test_help_is_shown(lmcore: Command, arguments: tuple[str, ...]) -> None:
    outcome = lmcore(*arguments)
    assert outcome.code == 0 and outcome.out.strip() and "<bool>" not in outcome.out


def test_no_torch_is_loaded_for_what_needs_none(folder: Path) -> None:
    Path("hooked.yaml").write_text("hooks: [{use: zero, at: '*hook_z'}, {name: own, use: 'my_hooks.py:damp', at: '*'}]")
    shutil.copy(files("lmcore.cli") / "my_hooks.py", folder)  # type: ignore[arg-type]
    code = (
        "import sys\nfrom lmcore.cli.app import run\n"
        "for line in ('--help', 'config check tiny.yaml hooked.yaml', 'config show tiny.yaml', 'config hash tiny.yaml',"
        " 'runs list', 'runs list optimizer=muon', 'runs list --sort loss/val', 'runs list loss/val<2',"
        " 'config diff tiny.yaml baseline', 'config template', 'init there', 'data fetch',"
        " 'runs show nothing'):\n"
        "    run(line.split())\n    assert 'torch' not in sys.modules, line\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("train",),
        ("train", "tiny.yaml", "--nonsense"),
        ("train", "tiny.yaml", "--max-steps", "few"),
        ("config",),
    ],
)
def test_a_wrong_command_line_is_answered_with_two(lmcore: Command, folder: Path, arguments: tuple[str, ...]) -> None:
    outcome = lmcore(*arguments)
    assert outcome.code == 2 and (outcome.err or "Usage" in outcome.out)


def test_an_option_that_is_a_setting_leads_to_it(lmcore: Command, folder: Path) -> None:
    said = lmcore("train", "tiny.yaml", "--lr", "1e-3").err
    assert "No such option: --lr" in said and "; values are set by --set training.learning_rate=VALUE\n" in said
    assert "--set model.d_model=VALUE" in lmcore("ablate", "tiny.yaml", "--d-model", "8").err
    assert "--set" not in lmcore("runs", "list", "--lr").err + lmcore("train", "tiny.yaml", "--nonsense").err


def test_check_says_what_is_wrong_and_where(lmcore: Command, folder: Path) -> None:
    Path("bad.yaml").write_text("model:\n  d_modl: 3\n  n_heads: 0\n")
    outcome = lmcore("config", "check", "tiny.yaml", "bad.yaml", "--json")
    assert outcome.code == 2
    assert [(row["config"], len(row["problems"])) for row in outcome.rows] == [("tiny.yaml", 0), ("bad.yaml", 2)]
    assert outcome.rows[1]["problems"][0]["line"] == 2
    assert "bad.yaml:2:3: model has no key 'd_modl'; did you mean 'd_model'?" in outcome.err
    Path("bad.yaml").write_text("hooks:\n  - {name: a, use: zeroo, at: '*hook_z'}\n  - {name: b, use: gone.py:f}\n")
    outcome = lmcore("config", "check", "bad.yaml", "--json")
    assert outcome.code == 2 and [problem["key"] for problem in outcome.rows[0]["problems"]] == [
        "hooks.0.use",
        "hooks.1.use",
    ]
    assert "bad.yaml:2:20: there is no forward hook 'zeroo'; did you mean 'zero'?" in outcome.err
    assert "bad.yaml:3:20: The configuration names gone.py" in outcome.err
    assert lmcore("config", "check", "baseline", "tiny.yaml").code == 0


def test_show_is_the_resolved_configuration(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("config", "show", "tiny.yaml", "--set", "training.learning_rate=2e-3")
    assert outcome.code == 0 and "parameters" in outcome.err
    assert parse_config(outcome.out).training.learning_rate == 2e-3
    assert outcome.out.startswith("# A model that trains in a moment.")
    shown = lmcore("config", "show", "tiny.yaml", "--json").rows[0]
    assert shown["config"]["model"]["d_model"] == 16 and shown["estimate"]["parameters"] > 0


def test_diff_shows_what_differs(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("config", "diff", "tiny.yaml", "baseline")
    assert outcome.code == 0
    assert any(line.split() == ["model.d_model", "16", "128"] for line in outcome.out.splitlines())
    assert lmcore("config", "diff", "baseline", "baseline").out == ""
    keys = {row["key"] for row in lmcore("config", "diff", "tiny.yaml", "baseline", "--json").rows}
    assert "model.d_model" in keys <= set(leaf_keys())


def test_diff_tells_what_is_learned_from_the_seed_and_from_presentation(lmcore: Command, folder: Path) -> None:
    changed = ["training.max_steps=12", "training.warmup_steps=2", "other.seed=9", "evaluation.interval=2"]
    settings = [part for setting in changed for part in ("--set", setting)]
    Path("other.yaml").write_text(lmcore("config", "show", "tiny.yaml", *settings).out)
    out = lmcore("config", "diff", "tiny.yaml", "other.yaml").out
    learned, seed, presentation = out.split("\n\n")
    assert learned.startswith("What is learned differently: one change\n") and "the schedule" in learned
    assert seed.startswith("Seed\n") and presentation.startswith("Only presentation\n")
    rows = lmcore("config", "diff", "tiny.yaml", "other.yaml", "--json").rows
    assert {row["key"]: (row["meaning"], row["group"]) for row in rows} == {
        "training.max_steps": ("learned", "schedule"),
        "training.warmup_steps": ("learned", "schedule"),
        "other.seed": ("seed", ""),
        "evaluation.interval": ("presentation", ""),
    }
    Path("other.yaml").write_text(lmcore("config", "show", "tiny.yaml", *settings[:4]).out)
    assert "\n\n" not in lmcore("config", "diff", "tiny.yaml", "other.yaml").out  # no heading without what it heads


def test_template_is_every_field_and_refresh_renews_comments(lmcore: Command, folder: Path) -> None:
    assert lmcore("config", "template").out == template()
    Path("old.yaml").write_text("# Mine.\n\nmodel:\n  # Long ago.\n  d_model: 64\n")
    assert lmcore("config", "template", "--refresh", "old.yaml").code == 0
    assert (
        "Long ago" not in Path("old.yaml").read_text()
        and "Width of the residual stream" in Path("old.yaml").read_text()
    )


def test_refresh_keeps_the_file_where_the_disk_is_full(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path("tiny.yaml").read_bytes()
    Path("link.yaml").symlink_to("tiny.yaml")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        outcome = lmcore("config", "template", "--refresh", "tiny.yaml")
    assert outcome.code == 1 and "the disk is full" in outcome.err
    assert Path("tiny.yaml").read_bytes() == written
    assert sorted(path.name for path in folder.iterdir()) == ["link.yaml", "tiny.yaml"]
    Path("tiny.yaml").chmod(0o640)
    assert lmcore("config", "template", "--refresh", "link.yaml").code == 0
    assert Path("link.yaml").is_symlink() and Path("tiny.yaml").stat().st_mode & 0o777 == 0o640
    assert Path("tiny.yaml").read_bytes() != written


def test_hash_is_of_what_is_learned(lmcore: Command, folder: Path) -> None:
    digest = lmcore("config", "hash", "tiny.yaml").out
    assert lmcore("config", "hash", "tiny.yaml", "--set", "other.seed=9", "--set", "other.name=x").out == digest
    assert lmcore("config", "hash", "tiny.yaml", "--set", "training.learning_rate=0.5").out != digest


def test_a_setting_without_a_value_is_answered(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("config", "show", "tiny.yaml", "--set", "training.learning_rate")
    assert outcome.code == 2 and "KEY=VALUE" in outcome.err


def test_several_wrong_settings_are_told_at_once(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("config", "show", "tiny.yaml", "--set", "model.d_model=x", "--set", "nonsense=1")
    assert outcome.code == 2 and len(outcome.err.strip().splitlines()) == 2


@pytest.mark.parametrize("name", [ESCAPES, "[b +", "\udcff", "a" * 5000])
def test_names_from_outside_are_shown_as_text(lmcore: Command, folder: Path, name: str) -> None:
    for arguments in (("config", "check", name), ("config", "hash", name), ("runs", "show", name), ("train", name)):
        outcome = lmcore(*arguments)
        assert outcome.code == 2
        assert "\x1b" not in outcome.err + outcome.out and "\x07" not in outcome.err


def test_control_characters_are_shown_as_escapes() -> None:
    assert printable("a\x1b[2J[/b]\u202eé😀\ud800\n", keep="\n") == "a\\x1b[2J[/b]\\u202eé😀\\ud800\n"


def test_a_reader_that_wants_no_more_is_no_error(folder: Path) -> None:
    process = start("config", "template", cwd=folder)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait(20)) == ("", 0)
    process.stderr.close()


def test_an_unexpected_error_is_a_sentence_and_with_debug_a_place(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lmcore.cli import app as commands

    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr("lmcore.config.find_config", breaks)
    outcome = lmcore("config", "check", "tiny.yaml")
    assert outcome.code == 1 and "ZeroDivisionError: nobody thought of this" in outcome.err
    assert commands.run(["--debug", "config", "check", "tiny.yaml"]) == 1
    assert "in breaks" in capsys.readouterr().err


def test_completion_offers_names(folder: Path) -> None:
    environment = {
        **os.environ,
        "_LMCORE_COMPLETE": "complete_bash",
        "COMP_WORDS": "lmcore train small",
        "COMP_CWORD": "2",
    }
    done = subprocess.run(
        [sys.executable, "-m", "lmcore"], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.split() == ["small-model"]
