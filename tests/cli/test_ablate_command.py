"""`lmcore ablate`: arms and seeds trained side by side, reused, interrupted, gone on with, and judged."""

import json
import re
import signal
from pathlib import Path

import pytest

from lmcore.experiments.runs.listing import list_runs
from tests.cli.run_command import Command, start

pytestmark = pytest.mark.usefixtures("quick_jobs")

CHANGE = ("--change", "training.learning_rate=2e-4", "--set", "training.min_learning_rate=1e-4")


def test_an_ablation_runs_once_and_its_runs_are_used_again(lmcore: Command, folder: Path) -> None:
    options = ("--seeds", "2", "--max-steps", "4", "--name", "rates")
    first = lmcore("ablate", "tiny.yaml", *CHANGE, *options, "--json", "--markdown", "page.md")
    assert first.code == 0, first.err
    result = first.rows[-1]
    assert result["event"] == "result" and result["status"] == "finished" and result["seeds"] == [1, 2]
    assert [arm["name"] for arm in result["arms"]] == ["baseline", "training.learning_rate=0.0002"]
    assert result["arms"][1]["words"] in ("better", "worse", "no difference that this experiment could see")
    kept = Path("runs/ablations/rates")
    assert Path("page.md").read_text() == (kept / "README.md").read_text()
    assert json.loads((kept / "result.json").read_text())["arms"] == result["arms"]
    assert "baseline, seed 1: validation loss" in first.err
    runs = list_runs(Path("runs"))
    assert len(runs) == 4 and {run.status for run in runs} == {"finished"}

    again = lmcore("ablate", "tiny.yaml", *CHANGE, *options)
    assert again.code == 0 and "made earlier as" in again.err, again.err
    assert len(list_runs(Path("runs"))) == 4
    assert "training.learning_rate=0.0002" in again.out and "runs/ablations/rates/README.md" in again.out

    other = lmcore("ablate", "tiny.yaml", "--change", "model.bias=true", "--name", "rates")
    assert other.code == 2 and "another base" in other.err


def test_an_interrupted_ablation_goes_on_where_it_was(lmcore: Command, folder: Path, warm: list[str]) -> None:
    command = ("ablate", "tiny.yaml", *CHANGE, "--seeds", "2", "--jobs", "1", "--max-steps", "600", "--name", "long")
    quick = ("--set", "evaluation.interval=0", "--set", "checkpointing.interval=0")
    process = start(*command, *quick, "--json", cwd=folder, begin=warm)
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "cell" and event["step"] > 0:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and "same command goes on" in err, err
    assert json.loads(out.splitlines()[-1])["status"] == "interrupted"
    (stopped,) = list_runs(Path("runs"))
    assert stopped.status == "stopped" and 0 < stopped.step < 600

    rest = lmcore(*command, *quick, "--jobs", "2", "--json")
    assert rest.code == 0, rest.err
    assert rest.rows[-1]["arms"][0]["cells"][0]["run"] == stopped.name
    assert len(list_runs(Path("runs"))) == 4


def test_a_failed_arm_leaves_the_others_to_be_judged(lmcore: Command, folder: Path) -> None:
    wild = "training.learning_rate=10"
    base = ("--set", "training.gradient_clip=0", "--set", "model.initial_std=1", "--set", "training.optimizer=sgd")
    outcome = lmcore("ablate", "tiny.yaml", "--change", wild, *base, "--seeds", "2", "--max-steps", "30", "--json")
    assert outcome.code == 1, outcome.err
    arms = outcome.rows[-1]["arms"]
    assert arms[0]["verdict"] is None and len([cell for cell in arms[0]["cells"] if cell["loss"]]) == 2
    assert arms[1]["words"] == "no verdict: 2 of 2 runs failed"
    assert "not finite" in arms[1]["cells"][0]["failure"]


def test_an_arm_that_cannot_run_ends_the_ablation_with_a_sentence(lmcore: Command, folder: Path) -> None:
    change = "hooks=[{name: a, use: zero, at: nowhere}]"
    outcome = lmcore("ablate", "tiny.yaml", "--change", change, "--seeds", "2", "--jobs", "1", "--max-steps", "2")
    assert outcome.code == 2 and "nowhere" in outcome.err, outcome.err
    stored = json.loads(next(Path("runs/ablations").glob("*/result.json")).read_text())
    assert stored["status"] == "interrupted"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "at least one change"),
        (("--change", "model.dropout=0"), "says already"),
        (("--change", "model.dropuot=0.1"), "did you mean"),
        (("--change", "model.bias=true", "--seeds", "1"), "two seeds"),
        (("--change", "model.bias=true", "--jobs", "0"), "--jobs"),
        (("--change", "model.bias=true", "--markdown", "gone/page.md"), "no folder gone"),
    ],
)
def test_wrong_input_is_a_sentence_and_leaves_nothing(
    lmcore: Command, folder: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = lmcore("ablate", "tiny.yaml", *options)
    assert outcome.code == 2
    assert re.search(re.escape(said), re.sub(r"\x1b\[[0-9;]*m", "", outcome.err)), outcome.err
    assert not Path("runs").exists()
