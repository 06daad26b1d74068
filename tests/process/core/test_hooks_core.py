"""Hooks and own files through the real core: described, changed, agreed to, edited, and asked with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmcore.experiments.runs.metrics import read_metrics
from lmcore.process.client.client import CoreClient
from lmcore.protocol.messages import (
    Agree,
    ConsentWanted,
    DescribeHooks,
    Failed,
    Finished,
    Generate,
    GenerationDone,
    HookDescription,
    HookStatistics,
    LogLine,
    Ready,
    Rejected,
    Resume,
    RunUntil,
    SetValue,
    Start,
    StateChanged,
    Step,
    Stop,
    Token,
    ValueChanged,
)
from tests.process.core.test_core import config, reach
from tests.warm import fork_core

OWN = """\
from lmcore.hooks.catalogue import hook


@hook("forward")
def shrink(x, point, *, factor: float = 0.5):
    \"\"\"Make it smaller.\"\"\"
    return x * factor
"""
USING = '[{name: mine, kind: forward, use: "my_hooks.py:shrink", at: blocks.0.hook_mlp_out}]'


@pytest.fixture(scope="module")
def shared_core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CoreClient]:
    folder = tmp_path_factory.mktemp("core")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LMLAB_DATA", str(folder / "data"))
        with CoreClient(log_folder=folder, launch=fork_core) as core:
            core.wait_for(Ready)
            yield core


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file of one's own that no other test has, so that nobody agreed to it yet."""
    (tmp_path / "my_hooks.py").write_text(f"{OWN}\n# {tmp_path}\n")
    return tmp_path / "my_hooks.py"


def save(path: Path, old: str, new: str) -> None:
    """Edit the file as an editor does: at once, and with a later time."""
    before = path.stat().st_mtime_ns
    partial = path.with_suffix(".partial")
    partial.write_text(path.read_text().replace(old, new))
    os.utime(partial, ns=(before + 10**9, before + 10**9))
    partial.replace(path)


def agree_to(core: CoreClient, wanted: ConsentWanted) -> None:
    core.send(Agree(tuple(file.digest for file in wanted.files)))
    core.wait_for(LogLine, where=lambda line: "may run now" in line.text)


def start_with_own(core: CoreClient, mine: Path) -> StateChanged:
    """A paused run that uses the file, once it was agreed to."""
    text = config(mine.parent / "runs", steps=1000).split("hooks:")[0] + f"hooks: {USING}\n"
    start = Start(text, config_folder=str(mine.parent), paused=True)
    core.send(start)
    agree_to(core, core.wait_for(ConsentWanted))
    core.send(start)
    return reach(core, "paused")


def test_hooks_are_described_with_their_arguments_and_places(core: CoreClient, tmp_path: Path, mine: Path) -> None:
    text = config(tmp_path).split("hooks:")[0]
    core.send(DescribeHooks(1, text))
    told = core.wait_for(HookDescription, where=lambda told: told.request == 1)
    zero = next(entry for entry in told.entries if (entry.kind, entry.name) == ("forward", "zero"))
    assert zero.summary and zero.doc.startswith(zero.summary.rstrip(".")) and zero.stage == "activation"
    assert any(argument.name == "heads" and argument.default == "null" for argument in zero.arguments)
    assert ("blocks.1.attn.hook_z", "[batch, pos, 2, 8]") in told.points
    assert ("blocks.0.mlp.up.weight", "[64, 16]") in told.parameters
    assert all(argument.type for entry in told.entries for argument in entry.arguments)
    core.send(DescribeHooks(2, "model: {d_model: 7}"))
    assert "d_model" in core.wait_for(Rejected, where=lambda rejected: rejected.request == 2).reason
    core.send(DescribeHooks(3, text + f"hooks: {USING}\n", str(tmp_path)))
    told = core.wait_for(HookDescription, where=lambda told: told.request == 3)
    assert not [entry for entry in told.entries if "my_hooks" in entry.name]
    start_with_own(core, mine)
    core.send(DescribeHooks(4))
    told = core.wait_for(HookDescription, where=lambda told: told.request == 4)
    assert [entry.summary for entry in told.entries if entry.name == "my_hooks.py:shrink"] == ["Make it smaller."]


def test_hooks_change_while_a_run_goes_on(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path, steps=1000), paused=True))
    assert [row.name for row in core.wait_for(HookStatistics).rows] == ["quiet"]
    reach(core, "paused")
    first = "{name: half, kind: forward, use: scale, at: blocks.0.hook_mlp_out, with: {factor: 0.5}}"
    core.send(SetValue("hooks", f"[{first}]"))
    changed = core.wait_for(ValueChanged)
    assert (changed.step, changed.key, changed.new) == (0, "hooks", f"[{first}]")
    assert [row.name for row in core.wait_for(HookStatistics).rows] == ["half"]
    core.send(Step(5))
    told = core.wait_for(HookStatistics, where=lambda told: told.step == 5)
    assert told.rows[0].acting and told.rows[0].firings >= 5 and told.rows[0].effect == pytest.approx(0.5)
    reach(core, "paused")
    core.send(SetValue("hooks.half.at", "blocks.9.*"))
    refused = core.wait_for(Rejected)
    assert "blocks.9.*" in refused.reason and "half" in refused.reason
    core.send(SetValue("hooks.half.until_step", "6"))
    told = core.wait_for(HookStatistics, where=lambda told: told.rows[0].until_step == 6)
    assert told.rows[0].acting
    core.send(RunUntil(step=10))
    told = core.wait_for(HookStatistics, where=lambda told: told.step == 10)
    assert not told.rows[0].acting and told.rows[0].effect is None
    reach(core, "paused")


def test_code_runs_only_when_it_was_agreed_to(core: CoreClient, tmp_path: Path, mine: Path) -> None:
    text = config(tmp_path / "runs").split("hooks:")[0] + f"hooks: {USING}\n"
    core.send(Start(text, config_folder=str(tmp_path), paused=True))
    wanted = core.wait_for(ConsentWanted)
    (file,) = wanted.files
    assert (wanted.command, file.name, file.path) == ("Start", "my_hooks.py", str(mine))
    assert file.text == mine.read_text() and len(file.digest) == 64
    assert not (tmp_path / "runs").exists()
    core.send(Agree(("nonsense",)))
    assert "hexadecimal" in core.wait_for(Rejected).reason
    agree_to(core, wanted)
    core.send(Start(text, config_folder=str(tmp_path), paused=True))
    reach(core, "paused")
    core.send(Step(1))
    assert reach(core, "paused").step == 1


def test_an_edit_acts_at_the_next_step(core: CoreClient, mine: Path) -> None:
    start_with_own(core, mine)
    core.send(Step(2))
    reach(core, "paused")
    save(mine, "0.5", "0.25")
    core.send(Step(3))
    changed = core.wait_for(ValueChanged)
    assert (changed.step, changed.key) == (2, "code.my_hooks.py")
    told = core.wait_for(HookStatistics, where=lambda told: told.step == 5)
    assert told.rows[0].effect == pytest.approx(0.75)


def test_an_error_in_an_edit_pauses_and_nothing_is_lost(core: CoreClient, mine: Path) -> None:
    run = start_with_own(core, mine).run
    assert run is not None
    core.send(RunUntil(step=4))
    reach(core, "paused")
    save(mine, "return x * factor", "return x * (factor")
    core.send(Resume())
    failed = core.wait_for(Failed)
    assert "my_hooks.py" in failed.message and "SyntaxError" in failed.traceback
    paused = reach(core, "paused")
    assert paused.step == 4 and "my_hooks.py" in paused.reason
    save(mine, "return x * (factor", "return x.nothing(factor)")
    core.send(Resume())
    core.wait_for(ValueChanged)
    failed = core.wait_for(Failed)
    assert "mine" in failed.message and "x.nothing(factor)" in failed.traceback
    assert reach(core, "paused").step == 4
    save(mine, "return x.nothing(factor)", "return x * factor")
    core.send(Step(2))
    assert reach(core, "paused").step == 6
    rows, _ = read_metrics(Path(run.folder) / "metrics.jsonl")
    assert [row["step"] for row in rows if "loss/train" in row] == [1, 2, 3, 4, 5, 6]


def test_a_hook_of_an_answer_acts_on_that_answer_alone(core: CoreClient, mine: Path) -> None:
    text = config(mine.parent / "runs", steps=1000)
    core.send(Start(text, config_folder=str(mine.parent), paused=True))
    reach(core, "paused")

    def answer(request: int, *hooks: str) -> str:
        begin = len(core.events)
        core.send(Generate(request, "One", max_tokens=12, temperature=1.0, hooks=hooks))
        core.wait_for(GenerationDone, where=lambda done: done.request == request and done.reason == "length")
        return "".join(event.text for event in core.events[begin:] if isinstance(event, Token))

    plain = answer(1)
    assert answer(2, "{use: zero, at: blocks.*.hook_resid_post}") != plain == answer(3)
    core.send(Generate(4, "One", hooks=("{use: zero, at: blocks.7.hook_z}",)))
    failed = core.wait_for(GenerationDone, where=lambda done: done.request == 4)
    assert failed.reason == "failed" and "blocks.7.hook_z" in failed.note
    core.send(Generate(5, "One", hooks=("{use: 'my_hooks.py:shrink', at: hook_embed}",)))
    wanted = core.wait_for(ConsentWanted)
    assert (wanted.command, wanted.request) == ("Generate", 5)
    agree_to(core, wanted)
    assert len(answer(6, "{use: 'my_hooks.py:shrink', at: hook_embed}")) > 0


def test_a_step_asked_for_while_one_is_made_is_made_too(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path, steps=1000), paused=True))
    reach(core, "paused")
    begin = len(core.events)
    for _ in range(10):
        core.send(Step(1))
    core.wait_for(StateChanged, where=lambda now: now.state == "paused" and now.step == 10)
    assert not [event for event in core.events[begin:] if isinstance(event, Rejected)]
    core.send(RunUntil(step=900))
    core.send(Step(1))
    assert "pause it first" in core.wait_for(Rejected).reason


def test_a_condition_of_one_run_does_not_stop_the_next(core: CoreClient, tmp_path: Path) -> None:
    core.send(Start(config(tmp_path, steps=1000), paused=True))
    core.send(RunUntil(metric="perplexity/val", below=1e9))
    core.send(Stop())
    assert core.wait_for(Finished).status == "stopped"
    core.send(Start(config(tmp_path, steps=12, interval=5)))
    finished = core.wait_for(Finished)
    assert (finished.status, finished.step) == ("finished", 12)
