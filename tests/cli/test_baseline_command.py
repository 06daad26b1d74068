"""`--baseline` and `--confounded`: one change at a time, from the command line."""

from pathlib import Path

import pytest

from tests.cli.run_command import Command

pytestmark = pytest.mark.usefixtures("quick_jobs")


def test_a_run_with_a_baseline_makes_one_change(lmcore: Command, folder: Path) -> None:
    first = lmcore("train", "tiny.yaml", "--name", "first")
    assert first.code == 0
    one = lmcore("train", "tiny.yaml", "--baseline", "first", "--set", "model.norm=rmsnorm", "--name", "norm")
    assert one.code == 0 and "one change: model.norm layernorm → rmsnorm" in one.err

    changes = ("--set", "model.norm=rmsnorm", "--set", "training.optimizer=muon")
    several = ("--baseline", "first", *changes, "--name", "two")
    refused = lmcore("train", "tiny.yaml", *several)
    assert refused.code == 2
    assert "  - model.norm layernorm → rmsnorm\n  - training.optimizer adamw → muon" in refused.err
    assert lmcore("train", "tiny.yaml", *several, "--confounded", " ").code == 2
    assert lmcore("train", "tiny.yaml", *several, "--confounded", "a [bold] try").code == 0

    shown = lmcore("runs", "show", "two").out
    assert "confounded       a [bold] try" in shown and "2 changes: model.norm" in shown
    listed = lmcore("runs", "list").out
    assert [line for line in listed.splitlines() if "· confounded" in line and "-two-" in line]
    assert "-norm-" in listed and listed.count("confounded") == 1

    diff = lmcore("config", "diff", "first", "norm-")
    assert "one change" in diff.out and "model.norm" in diff.out
    missing = lmcore("train", "tiny.yaml", "--baseline", "nothing")
    assert missing.code == 2 and "other.baseline" in missing.err and len(missing.err.strip().splitlines()) == 1


def test_a_fork_changes_one_thing_or_says_why(lmcore: Command, folder: Path) -> None:
    lmcore("train", "tiny.yaml", "--name", "first")
    two = ("--at", "3", "--set", "training.max_steps=9", "--set", "training.gradient_clip=0.5", "--name", "two")
    refused = lmcore("fork", "first", *two)
    assert refused.code == 2 and "its parent" in refused.err and "2 changes" in refused.err
    assert lmcore("fork", "first", *two, "--confounded", "longer and calmer").code == 0
    one = lmcore("fork", "first", "--at", "3", "--set", "training.gradient_clip=0.5", "--name", "one")
    assert one.code == 0 and "one change: training.gradient_clip 1.0 → 0.5" in one.err
    assert sorted(row["confounded"] for row in lmcore("runs", "list", "--json").rows) == ["", "", "longer and calmer"]


def test_an_ablation_may_begin_with_a_run(lmcore: Command, folder: Path) -> None:
    lmcore("train", "tiny.yaml", "--name", "first")
    outcome = lmcore("ablate", "first", "--change", "model.bias=true", "--seeds", "2", "--jobs", "1")
    assert outcome.code == 0, outcome.err
    assert "model.bias=true" in outcome.out and "2 arms × 2 seeds" in outcome.err
