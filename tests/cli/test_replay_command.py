"""`lmcore replay`: what was done through the real core is done once more, headless, and its verdict is told."""

import json
from pathlib import Path

import pytest

from lmcore.process.client.client import CoreClient
from lmcore.process.core.sessions import read_session
from lmcore.protocol.messages import (
    Finished,
    Fork,
    Generate,
    GenerationDone,
    Pause,
    Ready,
    Resume,
    SetValue,
    Start,
    StateChanged,
    Step,
    Stop,
    ValueChanged,
)
from tests.cli.run_command import TINY, Command
from tests.experiments.tiny import losses
from tests.process.core.test_core import config, reach
from tests.process.core.test_hooks_core import OWN
from tests.process.in_process import record
from tests.warm import fork_core


def test_what_was_done_through_the_core_is_done_again_to_the_bit(lmcore: Command, folder: Path) -> None:
    with CoreClient(log_folder=folder / "logs", launch=fork_core) as core:
        core.wait_for(Ready)
        core.send(Start(config(folder / "runs", steps=10**6), name="first"))
        first = reach(core, "running").run
        assert first is not None
        core.send(SetValue("training.learning_rate", "5e-3"))
        core.send(Generate(1, "One day [/b] \x1b[2J ", max_tokens=12, seed=3))
        core.send(SetValue("hooks.quiet.enabled", "true"))
        core.wait_for(ValueChanged, where=lambda changed: changed.key == "hooks.quiet.enabled")
        core.send(Generate(2, "One day ", max_tokens=12))
        core.wait_for(GenerationDone, where=lambda done: done.request == 2)
        core.send(Pause())
        reach(core, "paused")
        core.send(Step(2))
        paused = reach(core, "paused")
        core.send(Stop())
        core.wait_for(Finished)
        core.send(Fork(first.folder, "last", (("training.max_steps", str(paused.step + 25)),), "second"))
        reach(core, "paused")
        core.send(Resume())
        second = core.wait_for(Finished)
    outcome = lmcore("replay", "last")
    assert outcome.code == 0, outcome.out + outcome.err
    assert outcome.out == (
        f"replayed 2 runs, {paused.step + 25:,} steps, 2 changes, 2 answers: everything came out the same.\n"
    )
    assert "\x1b" not in outcome.err and "training.learning_rate: 0.01 → 0.005" in outcome.err
    (session,) = Path("runs/sessions").glob("*.jsonl")
    (replayed,) = Path("runs/replays").iterdir()
    for name in (first.name, second.run):
        title = name.split("-")[2]
        (again,) = replayed.glob(f"*-{title}-*")
        assert losses(again) == losses(Path("runs") / name)
    assert [deed.outcome.answer for deed in read_session(session).deeds if deed.outcome.answer is not None]
    (told,) = lmcore("replay", session.stem, "--into", "elsewhere", "--json").rows
    assert told["same"] and told["steps"] == paused.step + 25
    assert {Path(run["folder"]).parent.name for run in told["runs"]} == {"elsewhere"}
    listed = lmcore("runs", "list", "--json").rows
    assert {run["name"] for run in listed} == {first.name, second.run}
    assert any(isinstance(event, StateChanged) for event in core.events)


def test_what_comes_out_differently_ends_with_one_and_is_named(lmcore: Command, folder: Path) -> None:
    session, _ = record(folder / "runs", Start(TINY, paused=True), Generate(1, "One", max_tokens=4))
    rows = [json.loads(line) for line in session.read_text().splitlines()]
    for row in rows:
        if row.get("do") == "Generate":
            row["out"]["answer"]["text"] += "\x1b[2Jno"
    session.write_text("".join(json.dumps(row) + "\n" for row in rows))
    outcome = lmcore("replay", str(session))
    assert outcome.code == 1
    assert "the answer was '\\x1b[2Jno', now '', from its character 5 on" in outcome.out
    assert "\x1b" not in outcome.out


def test_own_code_runs_only_when_the_person_says_so(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(folder / "data"))
    (folder / "my_hooks.py").write_text(f"{OWN}\nopen('ran', 'w')\n")
    hooks = 'hooks: [{name: mine, kind: forward, use: "my_hooks.py:shrink", at: blocks.0.hook_mlp_out}]\n'
    (folder / "own.yaml").write_text(TINY + hooks)
    assert lmcore("train", "own.yaml", "--allow-code").code == 0  # the person agrees
    session, _ = record(folder / "runs", Start(TINY + hooks, paused=True))
    (folder / "data" / "agreed-code.txt").unlink()
    (folder / "ran").unlink()
    outcome = lmcore("replay", "last")
    assert outcome.code == 2 and "--allow-code" in outcome.err and session.name in outcome.err
    assert not (folder / "ran").exists() and not list((folder / "runs").glob("replays/*"))
    assert lmcore("replay", "last", "--allow-code").code == 0
    assert (folder / "ran").exists()


@pytest.mark.parametrize(("name", "said"), [("last", "no session"), ("x.jsonl", "line 1"), ("tiny", "no session")])
def test_what_cannot_be_replayed_is_answered(lmcore: Command, folder: Path, name: str, said: str) -> None:
    (folder / "x.jsonl").write_text("something else\n")
    outcome = lmcore("replay", name)
    assert outcome.code == 2 and said in outcome.err and outcome.out == ""
    assert not (folder / "runs").exists()
