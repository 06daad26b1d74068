"""`lmcore fork` and `lmcore verify`: a new run from a moment of another, and the proof that a run can be repeated."""

import json
from pathlib import Path

import pytest

from lmcore.experiments.runs.folder import update_run
from lmcore.experiments.runs.journal import append_change, change_now, read_journal
from tests.cli.run_command import Command
from tui.panes.loss.records import read_past_changes


@pytest.fixture
def run_folder(lmcore: Command, folder: Path) -> Path:
    """A small run that has finished, with checkpoints at steps 3 and 6."""
    outcome = lmcore("train", "tiny.yaml", "--name", "parent")
    assert outcome.code == 0, outcome.err
    return Path(outcome.out.strip())


def numbers(folder: Path, after: int) -> list[dict[str, object]]:
    """Every row of metrics after a step, without times."""
    rows = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    kept = [row for row in rows if row["step"] > after]
    return [{k: v for k, v in row.items() if k != "seconds" and not k.startswith("throughput/")} for row in kept]


def test_a_damaged_journal_is_followed_only_as_far_as_the_checkpoint_knows_it(
    lmcore: Command, run_folder: Path
) -> None:
    journal = run_folder / "journal.jsonl"
    append_change(journal, change_now(2, "sampling.top_k", "0", "5"))
    update_run(run_folder, {"journal": read_journal(journal).mark, "status": "stopped"})
    journal.write_text("")
    (run_folder / "checkpoints" / "step-000006" / "state.json").unlink()
    said = f"journal.jsonl of {run_folder.name} ends after 0 changes, and run.json knows 1"
    for command in (("eval", "--batches", "1"), ("sample", "--max-tokens", "1"), ("fork",), ("resume",)):
        refused = lmcore(command[0], run_folder.name, *command[1:])
        assert refused.code == 2 and said in refused.err, refused
        assert f"`lmcore resume {run_folder.name} --from-checkpoint` follows" in refused.err
        done = lmcore(command[0], run_folder.name, *command[1:], "--from-checkpoint")
        assert done.code == 0 and f"{said}. This follows the 0 changes that step-000003 knows" in done.err, done
    assert (run_folder / "journal.damaged-1.jsonl").exists()
    assert lmcore("verify", run_folder.name).code == 0


def test_a_damaged_journal_is_named_by_what_reads_it(lmcore: Command, run_folder: Path) -> None:
    assert lmcore("fork", "parent", "--at", "3", "--name", "other").code == 0
    append_change(run_folder / "journal.jsonl", change_now(2, "training.learning_rate", "1", "2"))
    with (run_folder / "journal.jsonl").open("a") as file:
        file.write("garbage\n")
    said = "journal.jsonl has 1 line that is not readable, so which values acted is not certain."
    for command in (("compare", "parent", "other"), ("config", "diff", "parent", "tiny.yaml"), ("notebook", "-o", "-")):
        outcome = lmcore(*command)
        assert outcome.code == 0 and said in " ".join((outcome.out + outcome.err).split()), outcome
    changes, problem = read_past_changes(run_folder)
    assert len(changes) == 1 and problem == said


def test_a_run_is_reproduced(lmcore: Command, run_folder: Path) -> None:
    outcome = lmcore("verify", "parent")
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{run_folder.name}: reproduced, 6 of 6 steps identical; weights identical at step 6.\n"
    (told,) = lmcore("verify", "parent", "--from", "3", "--steps", "2", "--json").rows
    assert (told["reproduced"], told["first"], told["last"], told["identical"]) == (True, 3, 5, 2)


def test_a_run_that_is_not_reproduced_ends_with_one(lmcore: Command, run_folder: Path) -> None:
    metrics = run_folder / "metrics.jsonl"
    lines = metrics.read_text().splitlines()
    metrics.write_text(
        "\n".join([*lines[:1], lines[1].replace('"loss/train": ', '"loss/train": 1'), *lines[2:]]) + "\n"
    )
    outcome = lmcore("verify", "parent")
    assert outcome.code == 1
    assert "not reproduced, 1 of 6 steps identical" in outcome.out
    assert "First difference: step 2, loss/train: recorded 1" in outcome.out
    (told,) = lmcore("verify", "parent", "--json").rows
    assert not told["reproduced"] and told["metric"]["step"] == 2 and told["checkpoints"] == [3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nobody",), "nobody"),
        (("parent", "--from", "4"), "no checkpoint at step 4"),
        (("parent", "--from", "6"), "nothing to verify"),
        (("parent", "--steps", "0"), "--steps"),
    ],
)
def test_what_cannot_be_verified_is_answered(
    lmcore: Command, run_folder: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = lmcore("verify", *options)
    assert outcome.code == 2 and said in outcome.err and outcome.out == ""


def test_a_fork_without_a_change_has_its_parents_bits(lmcore: Command, run_folder: Path) -> None:
    outcome = lmcore("fork", "parent", "--at", "3", "--name", "child", "--train")
    assert outcome.code == 0, outcome.err
    child = Path(outcome.out.strip())
    assert numbers(child, after=0) == numbers(run_folder, after=3)
    for name in ("model", "optimizer"):
        file = f"checkpoints/step-000006/{name}.safetensors"
        assert (child / file).read_bytes() == (run_folder / file).read_bytes()
    assert lmcore("verify", "child").code == 0


def test_a_fork_records_its_parent_and_waits(lmcore: Command, run_folder: Path) -> None:
    changes = ("--set", "training.max_steps=8", "--set", "training.learning_rate=1e-4")
    outcome = lmcore("fork", "parent", *changes, "--name", "longer", "--confounded", "for the test", "--json")
    assert outcome.code == 0, outcome.err
    (told,) = outcome.rows
    assert (told["step"], told["max_steps"]) == (6, 8)
    assert (told["parent"]["run"], told["parent"]["step"]) == (run_folder.name, 6)
    assert "lmcore resume" in outcome.err
    assert "learning_rate: 1e-4" in (Path(told["folder"]) / "config.yaml").read_text()
    assert lmcore("resume", "longer").code == 0
    listed = lmcore("runs", "list")
    above, below = [line for line in listed.out.splitlines() if run_folder.name in line or "longer" in line]
    assert above.startswith(run_folder.name) and below.startswith("└ ") and "from step 6" in below
    runs = {run["title"]: run for run in lmcore("runs", "list", "--json").rows}
    assert (runs["longer"]["parent"], runs["longer"]["parent_step"]) == (run_folder.name, 6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--at", "5"), "no checkpoint at step 5"),
        ((), "training.max_steps above 6"),
        (("--at", "3", "--set", "model.d_model=32"), "does not fit"),
        (("--at", "3", "--set", "training.learning_rate"), "KEY=VALUE"),
    ],
)
def test_a_fork_that_cannot_be_leaves_nothing(
    lmcore: Command, run_folder: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = lmcore("fork", "parent", *options)
    assert outcome.code == 2 and said in outcome.err
    assert len(list(Path("runs").iterdir())) == 1
