"""What was done in a session is done again by the core itself and comes out the same; what does not is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lmcore.experiments.identity.consent import ConsentNeeded, agree, agreed_digests
from lmcore.experiments.identity.own_code import read_own_file
from lmcore.experiments.runs.deletion import delete_run
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.listing import list_runs
from lmcore.process.core.sessions import read_session
from lmcore.process.replay.replay import Replayed, replay
from lmcore.protocol.messages import (
    Ablate,
    Agree,
    Cancel,
    Fork,
    Generate,
    Inspect,
    Load,
    Pause,
    Resume,
    Rewind,
    RunUntil,
    SaveCheckpoint,
    SetValue,
    Start,
    Step,
    Stop,
)
from tests.experiments.tiny import losses
from tests.process.core.test_core import config
from tests.process.core.test_hooks_core import OWN, USING, save
from tests.process.in_process import Given, record

ASK = Generate(1, "One day", max_tokens=6)


class Lines:
    """An audience that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def preparing(self, what: str, fraction: float | None) -> None:
        """Not kept."""

    def training(self, step: int, max_steps: int, seconds: float, metrics: dict[str, float]) -> None:
        """Not kept."""

    def line(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


def run_of(runs: Path, title: str) -> Path:
    """The run with a title."""
    (run,) = [run.folder for run in list_runs(runs) if run.title == title]
    return run


def again(session: Path, **options: Any) -> Replayed:
    """Replay a session beside its runs folder."""
    return replay(read_session(session), session.parent.parent.parent / "again", Lines(), **options)


def edit(session: Path, do: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Change one line of a session."""
    rows = [json.loads(line) for line in session.read_text().splitlines()]
    for row in rows:
        if row.get("do") == do:
            change(row)
    session.write_text("".join(json.dumps(row) + "\n" for row in rows))


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, byte for byte."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runs folder, on a machine where nothing was agreed to."""
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))
    return tmp_path / "runs"


@pytest.fixture
def session(runs: Path) -> Path:
    """Of everything a little: two runs, changes while they train, answers, looks inside."""
    first, _ = record(
        runs,
        Start(config(runs, steps=60), name="first"),
        (7, SetValue("training.learning_rate", "5e-3")),
        (20, ASK),  # in the middle of an evaluation
        (20, SetValue("hooks.quiet.enabled", "true")),
        (20, Generate(2, "One day", max_tokens=6)),
        (23, Pause()),
        Step(2),
        Inspect(3, "parameters", "blocks.0.attn"),
        SaveCheckpoint(),
        RunUntil(metric="loss/train", below=3.9),
        Generate(4, "Once", max_tokens=5),
        Stop(),
        Load("no such run"),  # refused
        Resume(),  # goes on with the run that was stopped
        (45, SetValue("evaluation.prompt", "Now")),
    )
    return first


def test_everything_is_done_again_and_comes_out_the_same(session: Path, runs: Path, tmp_path: Path) -> None:
    before = files_of(runs)
    heard = Lines()
    found = replay(read_session(session), tmp_path / "again", heard)
    assert found.sentences == ["replayed 1 run, 60 steps, 3 changes, 3 answers: everything came out the same."]
    assert losses(run_of(tmp_path / "again", "first")) == losses(run_of(runs, "first"))
    assert files_of(runs) == before
    told = "\n".join(heard.lines)
    for words in (
        "step      7  training.learning_rate: 0.01 → 0.005",
        "asked 'Once': 5 tokens",
        "hooks.quiet.enabled: false → true",
    ):
        assert words in told


def test_a_fork_and_what_was_loaded_are_those_of_the_replay(runs: Path, tmp_path: Path) -> None:
    record(runs, Start(config(runs, steps=30), name="first"))
    first = str(run_of(runs, "first"))
    session, _ = record(
        runs,
        Start(config(runs, steps=30), name="second"),
        Load(first, "20"),
        ASK,
        Fork(first, "20", (("training.learning_rate", "1e-3"),), "third"),
        RunUntil(step=26),
        Stop(),
        Fork(str(runs / "third"), "26"),  # refused: it has another name
        Fork(first, "20", (("training.max_steps", "25"),), "fourth"),
    )
    found = again(session)
    assert found.sentences == ["replayed 4 runs, 36 steps, 0 changes, 1 answer: everything came out the same."]
    for title in ("second", "third"):
        assert losses(run_of(tmp_path / "again", title)) == losses(run_of(runs, title))


def test_a_fork_of_weights_alone_is_that_of_the_replay(runs: Path, tmp_path: Path) -> None:
    record(runs, Start(config(runs, steps=30), name="first"))
    first = str(run_of(runs, "first"))
    session, _ = record(
        runs,
        Fork(first, "20", (("training.max_steps", "6"),), "second", from_weights=True),
        RunUntil(step=4),
        (4, lambda: Fork(str(run_of(runs, "second")), "3", name="third", from_weights=True)),
        Resume(),
    )
    heard = Lines()
    found = replay(read_session(session), tmp_path / "again", heard)
    assert found.sentences == ["replayed 2 runs, 10 steps, 0 changes, 0 answers: everything came out the same."]
    assert any("at step 20, the weights alone as" in line for line in heard.lines)
    for title in ("second", "third"):
        assert losses(run_of(tmp_path / "again", title)) == losses(run_of(runs, title))


@pytest.mark.parametrize("upto", [35, 61])  # at 61 the checkpoint that was loaded is pruned
def test_an_older_run_is_gone_on_with_as_it_was_then_and_stays_as_it_is(runs: Path, tmp_path: Path, upto: int) -> None:
    start = Start(config(runs, steps=80), name="first", paused=True)
    record(runs, start, RunUntil(step=25), SetValue("training.learning_rate", "5e-3"), RunUntil(step=27), Stop())
    first = run_of(runs, "first")
    session, _ = record(
        runs, Load(str(first)), Resume(), (33, SetValue("training.learning_rate", "2e-3")), (upto, Pause()), ASK
    )
    before = files_of(runs)
    found = again(session)
    steps = f"{upto - 27} steps"
    assert found.sentences == [f"replayed 1 run, {steps}, 1 change, 1 answer: everything came out the same."]
    assert files_of(runs) == before
    delete_run(first)
    with pytest.raises(RunError, match=rf"opened {first.name} at step 27.*not possible now"):
        replay(read_session(session), tmp_path / "third", Lines())


def test_a_session_that_was_cut_off_is_repeated_as_far_as_its_run_shows(session: Path, runs: Path) -> None:
    lines = session.read_text().splitlines()
    (cut,) = [number for number, line in enumerate(lines) if '"do": "Pause"' in line]
    session.write_text("\n".join(lines[:cut]) + '\n{"time": "20')
    run = run_of(runs, "first")
    found = again(session)
    assert "no end" in found.sentences[-1]
    assert found.is_same and found.steps == 20  # the last that the session says, since the run has gone on since
    entries = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**entries, "status": "running"}))
    for name in ("step-000040", "step-000060"):
        shutil.rmtree(run / "checkpoints" / name)
    for name in ("metrics.jsonl", "samples.jsonl"):
        rows = [line for line in (run / name).read_text().splitlines() if json.loads(line)["step"] <= 22]
        (run / name).write_text("\n".join(rows) + "\n")
    found = replay(read_session(session), runs.parent / "third", Lines())
    assert found.is_same and found.steps == 22


@pytest.mark.parametrize(
    ("do", "change", "said"),
    [
        ("Generate", lambda row: row["out"]["answer"].update(text="Once upon"), "the answer was 'Once upon', now"),
        ("SetValue", lambda row: row["with"].update(value="6e-3"), "now training.learning_rate 0.01 → 0.006"),
        ("Inspect", lambda row: row["out"].update(table="0" * 64), "other numbers"),
        ("Start", lambda row: row["out"]["opened"]["identity"].update(data_fingerprint="0123"), "its data was 0123"),
        ("Step", lambda row: row["with"].update(n=1), "training stopped (paused), then it went on"),
        ("Stop", lambda row: row.update(do="Pause"), "refused now: No run is training"),
    ],
)
def test_what_comes_out_differently_is_named(
    session: Path, do: str, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    edit(session, do, change)
    found = again(session)
    assert not found.is_same
    assert "not everything came out the same" in found.sentences[0]
    assert said in "\n".join(found.sentences)


def test_a_number_that_was_changed_in_the_record_is_named(session: Path, runs: Path) -> None:
    metrics = run_of(runs, "first") / "metrics.jsonl"
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    next(row for row in rows if row["step"] == 12)["loss/train"] = 1.25
    metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    edit(session, "Generate", lambda row: row["out"]["answer"].update(text="Once upon"))
    found = again(session)
    assert not found.is_same
    assert ", step 12, loss/train: recorded 1.25, now" in found.sentences[1]  # the first of all that differs
    assert [difference.step for difference in found.differences[:2]] == [12, 20]


def test_a_run_that_is_gone_is_said_not_to_be_compared(session: Path, runs: Path) -> None:
    name = run_of(runs, "first").name
    delete_run(run_of(runs, "first"))
    found = again(session)
    assert found.is_same
    assert "all that could be compared came out the same" in found.sentences[0]
    assert f"The numbers of {name} could not be compared" in found.sentences[-1]


def test_an_answer_that_was_cut_off_is_cut_off_there_again(runs: Path) -> None:
    long = Generate(5, "One", max_tokens=40)
    session, _ = record(runs, Start(config(runs, steps=8), paused=True), long, Cancel(5), RunUntil(step=8))
    edit(session, "Generate", _cut_off)
    found = again(session)
    assert found.is_same and found.answers == 1


def _cut_off(row: dict[str, Any]) -> None:
    answer = row["out"]["answer"]
    answer.update(text=answer["text"][:7], tokens=7, reason="cancelled")


def test_a_pause_for_a_reason_of_time_is_repeated_where_it_was(runs: Path) -> None:
    until = RunUntil(metric="throughput/tokens_per_second", below=1e12)  # at once here; anywhere elsewhere
    session, _ = record(runs, Start(config(runs, steps=30), paused=True), until, ASK, RunUntil(step=5))
    edit(session, "RunUntil", lambda row: row["with"].update(below=0.0) if row["with"]["metric"] else None)
    found = again(session)
    assert found.is_same and found.steps == 5


def test_a_replay_that_the_person_ends_says_so(session: Path) -> None:
    asked = iter([False] * 30)
    found = again(session, is_interrupted=lambda: next(asked, True))
    assert found.is_interrupted and not found.is_same
    assert "interrupted" in found.sentences[0], found.sentences


def own_session(runs: Path, mine: Path, *given: Given) -> Path:
    """A session with a hook of one's own, which the person agreed to."""
    mine.write_text(f"{OWN}\n# {mine}\n")
    text = config(runs, steps=40).split("hooks:")[0] + f"hooks: {USING}\n"
    start = Start(text, name="own", config_folder=str(mine.parent), paused=True)
    digest = read_own_file(mine).digest
    session, _ = record(runs, start, Agree((digest,)), start, *given)
    return session


def test_own_code_runs_in_a_replay_as_it_was_then_and_only_when_it_was_agreed_to(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    mine = tmp_path / "configs" / "my_hooks.py"
    answer = Generate(
        2, "One", max_tokens=3, hooks=('{use: "other.py:shrink", kind: forward, at: blocks.0.hook_mlp_out}',)
    )
    other = mine.with_name("other.py")
    other.write_text(OWN.replace("0.5", "0.0"))
    agree([read_own_file(other).digest])
    session = own_session(
        runs,
        mine,
        RunUntil(step=5),
        answer,
        Resume(),
        (9, lambda: save(mine, "0.5", "0.25")),
        (20, Pause()),
        SetValue("hooks", "[]"),
        RunUntil(step=30),
    )
    told = [json.loads(line) for line in session.read_text().splitlines()]
    (edited,) = [row for row in told if row.get("do") == "FileEdited"]
    assert edited["at"]["step"] in (9, 10)
    assert {row["own_file"] for row in told if "own_file" in row} == {"my_hooks.py", "other.py"}

    shutil.rmtree(mine.parent)  # the session has what it needs
    assert again(session).is_same
    (tmp_path / "data" / "agreed-code.txt").unlink()
    shutil.rmtree(tmp_path / "again")
    with pytest.raises(ConsentNeeded, match=r"my_hooks\.py"):
        again(session)
    assert not (tmp_path / "again").exists() and not agreed_digests()
    found = again(session, allow_code=True)
    assert found.is_same and found.changes == 2 and found.answers == 1
    assert losses(run_of(tmp_path / "again", "own")) == losses(run_of(runs, "own"))


def test_an_older_run_with_own_code_needs_consent_too(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    mine = tmp_path / "configs" / "my_hooks.py"
    own_session(runs, mine, RunUntil(step=5), Stop())
    session, _ = record(runs, Load(str(run_of(runs, "own"))), RunUntil(step=8))
    lines = [line for line in session.read_text().splitlines() if "own_file" not in line]
    session.write_text("\n".join(lines) + "\n")
    edit(session, "Load", lambda row: row.pop("own"))
    edit(session, "RunUntil", lambda row: row.pop("own"))
    (tmp_path / "data" / "agreed-code.txt").unlink()
    with pytest.raises(ConsentNeeded, match=r"my_hooks\.py"):
        again(session)
    shutil.rmtree(tmp_path / "again")
    assert again(session, allow_code=True).is_same


def test_a_baseline_is_found_again_among_the_runs_of_the_replay(runs: Path, tmp_path: Path) -> None:
    text = config(runs, steps=8)
    held = text.replace("norms_interval: 5", "norms_interval: 5, baseline: base").replace("0.01", "0.02")
    session, _ = record(runs, Start(text, name="base"), Start(held, name="held"))
    found = again(session)
    assert found.is_same and len(found.runs) == 2
    entries = json.loads((run_of(tmp_path / "again", "held") / "run.json").read_text())
    assert entries["baseline"]["name"] == run_of(tmp_path / "again", "base").name


def test_a_run_that_needed_a_reason_is_made_again_with_it_once(runs: Path, tmp_path: Path) -> None:
    text = config(runs, steps=8)
    held = text.replace("norms_interval: 5", "norms_interval: 5, baseline: base").replace("0.01", "0.02")
    held = held.replace("n_layers: 2", "n_layers: 1").replace("blocks.0", "blocks.*")
    asked, given = Start(held, name="held"), Start(held, name="held", confounded="both at once")
    session, _ = record(runs, Start(text, name="base"), asked, given)
    refused = [deed for deed in read_session(session).deeds if deed.outcome.refused]
    assert [deed.command for deed in refused] == [asked]
    assert "at once against its baseline" in refused[0].outcome.refused
    found = again(session)
    assert found.is_same and len(found.runs) == 2
    entries = json.loads((run_of(tmp_path / "again", "held") / "run.json").read_text())
    assert entries["confounded"] == "both at once"


def test_an_ablation_is_left_to_its_own_command(runs: Path) -> None:
    ablate = Ablate("nonsense: true", "base", ("training.optimizer=muon",), 2)  # refused; that is edited out
    session, _ = record(runs, ablate, Start(config(runs, steps=8)))
    edit(session, "Ablate", lambda row: row.update(out={}))
    found = again(session)
    assert found.is_same and "lmcore ablate" in found.sentences[-1]


@pytest.mark.parametrize("is_older", [False, True])
def test_looking_back_and_forking_from_memory_are_repeated(runs: Path, tmp_path: Path, is_older: bool) -> None:
    opening: tuple[Given, ...] = (Start(config(runs, steps=30), name="first", paused=True),)
    if is_older:
        record(runs, *opening, RunUntil(step=5), Stop())
        opening = (Load(str(run_of(runs, "first"))),)
    changes = (("training.learning_rate", "1e-3"),)
    session, _ = record(
        runs,
        *opening,
        RunUntil(step=12),
        ASK,
        Rewind(9),
        Generate(2, "One day", max_tokens=6),
        Inspect(3, "parameters", "blocks.0.attn"),
        Rewind(),
        RunUntil(step=14),
        (14, lambda: Fork(str(run_of(runs, "first")), "10", changes, "second")),
        RunUntil(step=16),
    )
    found = again(session)
    assert found.is_same, found.sentences
    assert found.answers == 2 and len(found.runs) == 2
    assert losses(run_of(tmp_path / "again", "second")) == losses(run_of(runs, "second"))
