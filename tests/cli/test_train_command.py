"""Training without a screen: begin, watch, interrupt, resume, ask, judge, list, remove."""

import errno
import json
import math
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lmcore.cli.app import run
from lmcore.config import load_config
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.runs.folder import plainly
from lmcore.training.nonfinite import NonFinite
from tests.cli.run_command import TINY, Command, start

ESCAPES = "[/bold] \x1b[2J\x07 [b +"


@pytest.fixture
def run_folder(lmcore: Command, folder: Path) -> Path:
    """A small run that has finished."""
    outcome = lmcore("train", "tiny.yaml", "--name", "first try")
    assert outcome.code == 0, outcome.err
    return Path(outcome.out.strip())


def test_a_run_is_trained_to_its_end(lmcore: Command, folder: Path) -> None:
    outcome = lmcore("train", "tiny.yaml", "--set", "training.learning_rate=2e-3", "--seed", "5", "--json")
    assert outcome.code == 0, outcome.err
    events = [row["event"] for row in outcome.rows]
    assert events[0] == "run" and events[-1] == "end"
    assert [row["step"] for row in outcome.rows if row["event"] == "step"] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in outcome.rows if row["event"] == "evaluation"] == [3, 6]
    assert outcome.rows[-1]["status"] == "finished"
    kept = Path(outcome.rows[0]["folder"])
    assert kept.parent == Path("runs").resolve() and "tiny" in kept.name
    assert "learning_rate: 2e-3" in (kept / "config.yaml").read_text()
    assert json.loads((kept / "run.json").read_text())["seed"] == 5
    assert "step 6 of 6" in outcome.err and "validation loss" in outcome.err


def test_the_conveniences_are_settings(lmcore: Command, folder: Path) -> None:
    options = ("--max-steps", "2", "--name", "[/odd] name", "--device", "cpu", "--runs-folder", "elsewhere")
    outcome = lmcore("train", "tiny.yaml", *options)
    assert outcome.code == 0, outcome.err
    assert Path(outcome.out.strip()).parent == Path("elsewhere").resolve()
    listed = lmcore("runs", "list", "--runs-folder", "elsewhere", "--json").rows
    assert [(run["title"], run["step"], run["max_steps"]) for run in listed] == [("[/odd] name", 2, 2)]


def test_fewer_steps_than_the_warm_up_shorten_it_with_the_run(lmcore: Command, folder: Path) -> None:
    Path("tiny.yaml").write_text(
        TINY.replace("max_steps: 6", "max_steps: 60").replace("warmup_steps: 1", "warmup_steps: 20")
    )
    said = "With training.max_steps=3, training.warmup_steps is 1 instead of 20, the same share of the run as before."
    outcome = lmcore("train", "tiny.yaml", "--max-steps", "3", "--baseline", "tiny.yaml", "--json")
    assert outcome.code == 0 and said in outcome.err and said in outcome.rows[0]["notes"]
    run = Path(outcome.rows[0]["folder"])
    assert load_config(run / "config.yaml").training.warmup_steps == 1
    recorded = json.loads((run / "run.json").read_text())
    assert recorded["settings"]["training.warmup_steps"] == 1
    assert recorded["baseline"]["words"].startswith("one change: the schedule")
    shown = lmcore("config", "hash", "tiny.yaml", "--set", "training.max_steps=3")
    assert shown.out.strip() == recorded["config_hash"]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (TINY, ("--max-steps", "0"), "training.max_steps must be at least 1"),
        (TINY, ("--device", "toaster"), "other.device must be one of"),
        (TINY, ("--set", "model.n_heads=3"), "model.n_heads (3)"),
        (TINY, ("--set", "dataset.source=file", "--set", "dataset.path=gone.txt"), "gone.txt"),
        (TINY, ("--set", "dataset.source=file", "--set", "dataset.path=empty.txt"), "empty.txt"),
        (TINY, ("--set", "dataset.source=file", "--set", "dataset.path=short.txt"), "short"),
        (TINY, ("--runs-folder", "tiny.yaml"), "tiny.yaml"),
        ("model: [", (), "bad.yaml:1"),
        (f"other: {{name: '{'x' * 101}'}}", (), "100 characters"),
    ],
)
def test_wrong_input_is_a_sentence_and_leaves_nothing(
    lmcore: Command, folder: Path, text: str, options: tuple[str, ...], said: str
) -> None:
    Path("bad.yaml").write_text(text)
    Path("empty.txt").write_text("")
    Path("short.txt").write_text("too short")
    outcome = lmcore("train", "bad.yaml", *options)
    assert outcome.code == 2, outcome.err
    assert said in outcome.err and outcome.out == ""
    assert not Path("runs").exists() or not any(Path("runs").iterdir())


def test_a_loss_that_is_not_finite_ends_the_run_with_one(lmcore: Command, folder: Path) -> None:
    wild = ("--set", "training.learning_rate=10", "--set", "training.gradient_clip=0", "--set", "model.initial_std=1")
    Path("wild.yaml").write_text(
        TINY.replace("max_steps: 6", "max_steps: 400, weight_decay: 1000, muon_learning_rate: 10, optimizer: muon")
    )
    outcome = lmcore("train", "wild.yaml", *wild)
    assert outcome.code == 1 and "is not finite" in outcome.err
    assert [run["status"] for run in lmcore("runs", "list", "--json").rows] == ["failed"]
    (advised,) = advice(outcome.err)
    assert advised[:1] == ["fork"] and any(word.startswith("training.muon_learning_rate=3.3") for word in advised)
    assert lmcore(*advised[:-1]).code == 0  # without --train: such rates will not do either


def test_runs_are_listed_shown_and_found_by_a_part_of_their_name(lmcore: Command, run_folder: Path) -> None:
    listed = lmcore("runs", "list")
    assert run_folder.name in listed.out and "finished" in listed.out and "6 / 6" in listed.out
    shown = lmcore("runs", "show", "FIRST")
    assert shown.code == 0
    assert all(part in shown.out for part in (run_folder.name, "finished", "model.d_model: 16", "At step 6 it said"))
    assert lmcore("runs", "show", "first", "--json").rows[0]["run"]["status"] == "finished"
    assert lmcore("config", "diff", str(run_folder), "tiny.yaml").code == 0


def test_a_run_that_is_none_or_several_is_answered(lmcore: Command, run_folder: Path) -> None:
    assert lmcore("train", "tiny.yaml", "--name", "second try").code == 0
    unclear = lmcore("runs", "show", "try")
    assert unclear.code == 2 and "first" in unclear.err and "second" in unclear.err
    assert lmcore("runs", "show", "third").code == 2
    assert lmcore("resume", "third").code == lmcore("sample", "third").code == lmcore("eval", "third").code == 2


def test_a_run_is_removed_only_when_that_was_meant(lmcore: Command, run_folder: Path) -> None:
    refused = lmcore("runs", "rm", "first")
    assert refused.code == 2 and "--yes" in refused.err and run_folder.is_dir()
    assert lmcore("runs", "rm", "first", "--yes").code == 0
    assert not run_folder.exists()


def test_a_finished_run_has_nothing_to_resume(lmcore: Command, run_folder: Path) -> None:
    outcome = lmcore("resume", "first", "--json")
    assert outcome.code == 0 and outcome.rows[-1]["status"] == "finished"


def test_a_sample_is_streamed_as_text(lmcore: Command, run_folder: Path) -> None:
    options = ("--max-tokens", "12", "--temperature", "0", "--seed", "3")
    shown = lmcore("sample", "first", "--prompt", "One day", *options)
    assert shown.code == 0 and shown.out.startswith("One day")
    told = lmcore("sample", "first", "--prompt", "One day", *options, "--json").rows[0]
    assert told["prompt"] == "One day" and len(told["text"]) == 12 and told["step"] == 6
    assert lmcore("sample", "first", "--checkpoint", "3", "--json", *options).rows[0]["step"] == 3


def test_a_prompt_full_of_escapes_is_shown_as_text(lmcore: Command, run_folder: Path) -> None:
    outcome = lmcore("sample", "first", "--prompt", ESCAPES, "--max-tokens", "4")
    assert outcome.code == 0 and "[/bold] \\x1b[2J\\x07 [b +" in outcome.out
    assert "\x1b" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--temperature", "-1"), "sampling.temperature must be at least 0"),
        (("--top-p", "0"), "sampling.top_p must be greater than 0"),
        (("--checkpoint", "5"), "5"),
        (("--checkpoint", "worst"), "worst"),
    ],
)
def test_wrong_sampling_is_answered(lmcore: Command, run_folder: Path, options: tuple[str, ...], said: str) -> None:
    outcome = lmcore("sample", "first", *options)
    assert outcome.code == 2 and said in outcome.err


def test_a_run_is_judged(lmcore: Command, run_folder: Path) -> None:
    last = lmcore("eval", "first", "--json").rows[0]
    assert last["step"] == 6 and last["loss/val"] > last["loss/floor"] > 0 and last["perplexity/val"] > 1
    best = lmcore("eval", "first", "--checkpoint", "best", "--stride", "8")
    assert best.code == 0 and "bits_per_byte/val" in best.out and "above the floor" in best.out
    assert lmcore("eval", "first", "--stride", "17").code == 2


def test_data_is_shown(lmcore: Command, folder: Path) -> None:
    shown = lmcore("data", "show", "tiny.yaml")
    assert shown.code == 0 and "training tokens" in shown.out
    told = lmcore("data", "show", "tiny.yaml", "--set", "dataset.tokenizer=byte", "--json").rows[0]
    assert told["vocabulary"] == 256 and told["training_tokens"] > told["validation_tokens"] > 0
    assert lmcore("data", "fetch").out.startswith("tiny-shakespeare")
    assert lmcore("data", "fetch", "nothing").code == 2


def test_an_interrupted_run_is_saved_and_goes_on_bit_for_bit(lmcore: Command, folder: Path) -> None:
    options = ("--json", "--max-steps", "150", "--set", "evaluation.interval=0", "--set", "checkpointing.interval=0")
    straight = lmcore("train", "tiny.yaml", "--name", "straight", *options).rows
    process = start("train", "tiny.yaml", "--name", "halved", *options, cwd=folder, pipesize=4096)  # it cannot run away
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        if json.loads(line).get("step") == 5:
            break
    process.send_signal(signal.SIGINT)
    rest = [json.loads(line) for line in process.stdout]
    assert process.wait(300) == 130, process.stderr.read()
    said = process.stderr.read()
    assert "Ctrl+C once more" in said and "lmcore resume" in said
    assert rest[-1]["status"] == "stopped" and rest[-1]["step"] < 150
    process.stdout.close()
    process.stderr.close()

    resumed = lmcore("resume", "halved", "--json").rows
    assert resumed[-1]["status"] == "finished"
    losses = {row["step"]: row["loss/train"] for row in straight if row["event"] == "step"}
    again = {row["step"]: row["loss/train"] for row in resumed if row["event"] == "step"}
    assert min(again) == rest[-1]["step"] + 1 and max(again) == 150
    assert all(losses[step] == loss for step, loss in again.items())


def test_a_reader_that_leaves_stops_the_run_cleanly(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", closefd=False) as gone, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", gone)
        assert run(["train", "tiny.yaml", "--json"]) == 0
    os.close(writing)
    assert [row["status"] for row in lmcore("runs", "list", "--json").rows] == ["stopped"]


def test_a_disk_that_fills_up_ends_the_run_with_one(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def full(*_: object) -> None:
        written.append(1)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lmcore.experiments.runs.metrics.MetricsWriter.append", fail_with_sentence(full))
    outcome = lmcore("train", "tiny.yaml")
    assert outcome.code == 1 and "the disk is full" in outcome.err


def fail_with_sentence(write: Callable[..., None]) -> Callable[..., None]:
    """A writer of metrics that tells of errors as the real one does."""

    def append(*arguments: object) -> None:
        with plainly("write", Path("metrics.jsonl")):
            write(*arguments)

    return append


def damage(checkpoint: Path) -> None:
    """Change one byte of its weights."""
    content = bytearray((checkpoint / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (checkpoint / "model.safetensors").write_bytes(content)


@pytest.mark.parametrize(
    "command", [("sample", "--max-tokens", "2"), ("eval",), ("fork",), ("fork", "--train"), ("resume",)]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_an_older_checkpoint_that_stands_for_a_damaged_one_is_said(
    lmcore: Command, run_folder: Path, command: tuple[str, ...], as_json: bool
) -> None:
    damage(run_folder / "checkpoints/step-000006")
    name, *options = command
    outcome = lmcore(name, "first", *options, *(["--json"] if as_json else []))
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("step-000006 is damaged; this is step 3.") == 1
    if as_json:
        assert outcome.rows[0]["damaged"] == ["step-000006"]


def test_a_damaged_best_is_said_too_and_a_whole_one_is_passed_over_by_nobody(lmcore: Command, run_folder: Path) -> None:
    assert lmcore("eval", "first", "--json").rows[0]["damaged"] == []
    best = lmcore("eval", "first", "--checkpoint", "best", "--json").rows[0]["step"]
    other = {3: 6, 6: 3}[best]
    (run_folder / f"checkpoints/step-{best:06d}/state.json").write_text("{")
    found = lmcore("eval", "first", "--checkpoint", "best")
    assert f"step-{best:06d} is damaged; this is step {other}." in found.err
    assert lmcore("eval", "first", "--checkpoint", str(best)).code == 2
    verified = lmcore("verify", "first")
    assert verified.code == 1 and f"checkpoint step-{best:06d}" in verified.out


def test_a_run_whose_folder_is_deleted_ends_with_a_sentence(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmcore.experiments.experiment import Experiment
    from lmcore.protocol.messages import Record

    advance = Experiment.advance

    def delete_and_advance(self: Experiment, on_batch: Callable[[], None] | None = None) -> list[Record]:
        if self.step == 2:
            shutil.rmtree(self.folder)
        return advance(self, on_batch)

    monkeypatch.setattr(Experiment, "advance", delete_and_advance)
    outcome = lmcore("train", "tiny.yaml")
    assert outcome.code == 1
    assert "was deleted or moved while it was being written" in outcome.err
    assert list((folder / "runs").iterdir()) == []


def test_what_the_text_lost_is_said_when_a_run_begins_and_when_it_goes_on(lmcore: Command, folder: Path) -> None:
    (folder / "text.txt").write_text(("One day, Lily went to the forest again and again. 🦊\n") * 60, encoding="utf-8")
    text = ("--set", "dataset.source=file", "--set", "dataset.path=text.txt")
    note = "replaced 60 characters by '?' (🦊): 1.9 % of the text"
    assert note in lmcore("data", "show", "tiny.yaml", *text).err
    trained = lmcore("train", "tiny.yaml", *text, "--max-steps", "2")
    assert (trained.code, note in trained.err) == (0, True)
    name = Path(trained.out.strip()).name
    for checkpoint in (folder / "runs" / name / "checkpoints").iterdir():
        if checkpoint.name == "step-000002":
            shutil.rmtree(checkpoint)
    assert note in lmcore("resume", name).err
    assert "replaced 1 character by '?' (世): 50.0 % of the text" in lmcore("sample", name, "--prompt", "a世").err


def advice(said: str) -> list[list[str]]:
    """The arguments of each command line that was recommended."""
    return [shlex.split(line.split("lmcore ", 1)[1]) for line in said.splitlines() if ": lmcore " in line]


@pytest.mark.parametrize("where", ["runs", "of [mine]"])
def test_what_is_recommended_works_when_it_is_pasted(lmcore: Command, folder: Path, where: str) -> None:
    """Also where the runs lie elsewhere, in a folder whose name the shell would take apart."""
    assert lmcore("train", "tiny.yaml", "--runs-folder", where, "--name", "first").code == 0
    finished = lmcore("resume", "last", "--runs-folder", where)
    (advised,) = advice(finished.err)
    assert "training.max_steps=12" in advised
    longer = lmcore(*advised, "--json")
    assert longer.code == 0, longer.err
    assert longer.rows[-1]["status"] == "finished" and longer.rows[-1]["step"] == 12
    first = lmcore("runs", "list", "--runs-folder", where, "--json").rows[-1]["name"]
    forked = lmcore("fork", first, "--at", "3", "--runs-folder", where, "--name", "third")
    (advised,) = advice(forked.err)
    assert lmcore(*advised).code == 0


def test_a_lower_rate_may_need_a_lower_end_and_forks_from_before_the_step_that_failed(
    lmcore: Command, folder: Path
) -> None:
    steep = "max_steps: 6, learning_rate: 1e-3, min_learning_rate: 9e-4"
    Path("steep.yaml").write_text(TINY.replace("max_steps: 6", steep))
    experiment = Experiment.create(Path("steep.yaml").read_text(), runs_folder=Path("runs"))
    while experiment.step < 5:
        experiment.advance()
    with torch.no_grad():
        next(experiment.model.parameters()).fill_(math.nan)
    with pytest.raises(NonFinite):
        experiment.advance()
    experiment.close("failed")
    words = shlex.split(experiment.gentler)
    assert words[words.index("--at") + 1] == "3"
    outcome = lmcore(*words[1:])
    assert outcome.code == 0 and "Finished at step 6" in outcome.err, outcome.err


def test_a_fork_from_the_weights_alone_begins_at_step_0(lmcore: Command, run_folder: Path) -> None:
    options = ("--from-weights", "--set", "training.max_steps=2", "--name", "tuned", "--train", "--json")
    outcome = lmcore("fork", "first try", *options)
    assert outcome.code == 0, outcome.err
    assert [row["step"] for row in outcome.rows if row["event"] == "step"] == [1, 2]
    assert "from the weights of step 6" in lmcore("runs", "list").out
    assert "the weights of step 6" in lmcore("runs", "show", "tuned").out
    verified = lmcore("verify", "tuned")
    assert verified.code == 0 and "Its first weights are those of" in verified.out
    too_short = lmcore("fork", "first try")
    assert too_short.code == 2 and "--from-weights" in too_short.err
