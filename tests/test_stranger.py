"""A runs folder from a stranger: whatever lies in the place of its files, nothing outside changes and nothing hangs."""

import io
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from lmcore import files
from lmcore.experiments.identity.consent import agree
from lmcore.experiments.identity.own_code import read_own_file
from lmcore.process.ablation import jobs
from lmcore.protocol import messages
from lmcore.protocol.events import Rejected
from tests.cli.run_command import Command, Outcome
from tests.process.in_process import Script, Silence, record

CONFIG = """\
model: {d_model: 16, n_layers: 1, n_heads: 2, context_length: 16}
training: {max_steps: 5, batch_size: 2, warmup_steps: 1}
dataset: {tales_megabytes: 0.01}
evaluation: {interval: 1, batches: 1, batch_size: 2, prompt_tokens: 2}
checkpointing: {interval: 2}
hooks: [{name: mine, kind: forward, at: blocks.0.hook_resid_post, use: "my_hooks.py:same"}]
other: {device: cpu, threads: 1}
"""

OWN = """\
from lmcore.hooks.catalogue import hook


@hook("forward")
def same(x, point):
    \"\"\"Leave it as it is.\"\"\"
    return x
"""

SECONDS = 60
"""A command that takes longer hangs."""

RUN = "runs/{run}/"
LAST = RUN + "checkpoints/step-000004"
PLACES = (
    *(RUN + name for name in ("config.yaml", "run.json", "metrics.jsonl", "journal.jsonl", "samples.jsonl")),
    *(RUN + name for name in ("notes.md", "log.txt", "lock.json", "tokenizer.json", "code", "code/my_hooks.py")),
    *(RUN + name for name in (".run.json.partial", "checkpoints")),
    *(LAST, LAST + "/model.safetensors", LAST + "/optimizer.safetensors", LAST + "/state.json"),
    *(RUN + f"checkpoints/{name}" for name in ("step-000005", ".step-000005.partial")),
    *("runs/sessions", "runs/sessions/{session}", "runs/replays", "runs/notebook"),
)
"""Every file and folder of a run and beside it, and the temporary names that earlier versions used."""

ABLATION = "runs/ablations/tried/"
ABLATION_PLACES = (
    "runs/ablations",
    *(ABLATION + name for name in ("", "result.json", "base.yaml", "page.md", "lock.json", "runs", "runs/my_hooks.py")),
    *(ABLATION + f"runs/learning-rate-0-01-{n}-seed-0.{end}" for n in (0, 1, 2) for end in ("yaml", "log")),
)


@dataclass
class Stranger:
    """A runs folder in the working folder, and what lies outside it."""

    folder: Path
    run: str
    other: str
    session: str

    def place(self, pattern: str) -> Path:
        """The path of a place."""
        return self.folder / pattern.format(run=self.run, session=self.session)

    def outside(self) -> list[tuple[str, bytes, int]]:
        """Everything that must stay as it is."""
        root = self.folder.parent / "outside"
        return [
            (str(path), path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(root.rglob("*"))
            if path.is_file()
        ]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    """A run that was trained in two sessions of the lab, and a copy of it; made once."""
    folder = tmp_path_factory.mktemp("stranger")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LMLAB_DATA", str(folder / "data"))
        patch.setenv("LMLAB_CACHE", str(folder / "cache"))
        (folder / "my_hooks.py").write_text(OWN)
        agree([read_own_file(folder / "my_hooks.py").digest])
        change = messages.SetValue("training.learning_rate", "0.002")
        start = messages.Start(CONFIG, name="a", paused=True)
        record(folder / "runs", start, messages.Step(3), change, messages.SaveCheckpoint(), messages.Stop())
        run = next(path for path in (folder / "runs").iterdir() if path.name != "sessions")
        session, _ = record(folder / "runs", messages.Load(str(run)), messages.Step(1), messages.Stop())
        (run / "notes.md").write_text("A note.\n")
        shutil.copytree(run, run.with_name("other"))
    return Stranger(folder, run.name, "other", session.name)


@pytest.fixture
def stranger(made: Stranger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stranger:
    """The same in a folder of its own, in which to work."""
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copytree(made.folder / "runs", folder / "runs")
    (tmp_path / "outside" / "folder").mkdir(parents=True)
    (tmp_path / "outside" / "file").write_text("the user's own\n")
    (tmp_path / "outside" / "folder" / "file").write_text("the user's own\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LMLAB_DATA", str(made.folder / "data"))
    monkeypatch.setenv("LMLAB_CACHE", str(made.folder / "cache"))
    return Stranger(folder, made.run, made.other, made.session)


def _link(place: Path, outside: Path) -> None:
    place.symlink_to(outside / "file")


def _hard_link(place: Path, outside: Path) -> None:
    place.hardlink_to(outside / "file")


def _link_to_nothing(place: Path, outside: Path) -> None:
    place.symlink_to(outside / "not-there")


def _link_to_a_folder(place: Path, outside: Path) -> None:
    place.symlink_to(outside / "folder")


def _link_to_a_device(place: Path, outside: Path) -> None:
    place.symlink_to("/dev/zero")


def _pipe(place: Path, outside: Path) -> None:
    os.mkfifo(place)


def _huge(place: Path, outside: Path) -> None:
    with place.open("wb") as file:
        file.truncate(1 << 42)


def _folder(place: Path, outside: Path) -> None:
    place.mkdir()


THINGS = (_link, _pipe, _link_to_nothing, _huge, _hard_link, _link_to_a_folder, _folder, _link_to_a_device)


def put(stranger: Stranger, pattern: str, thing: Callable[[Path, Path], None]) -> Path:
    """Put a thing where something of the run is, or would be."""
    place = stranger.place(pattern)
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    thing(place, stranger.folder.parent / "outside")
    return place


@contextmanager
def in_time() -> Iterator[None]:
    """Fail where something waits for ever."""

    def late(_: int, __: FrameType | None) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


COMMANDS: dict[str, Callable[[Stranger], tuple[str, ...]]] = {
    "list": lambda s: ("runs", "list"),
    "show": lambda s: ("runs", "show", s.run),
    "tag": lambda s: ("runs", "tag", s.run, "+mine"),
    "note": lambda s: ("runs", "note", s.run, "text"),
    "archive": lambda s: ("runs", "archive", s.run),
    "rm": lambda s: ("runs", "rm", s.run, "--yes"),
    "notebook": lambda s: ("notebook",),
    "compare": lambda s: ("compare", s.other, s.run),
    "diff": lambda s: ("config", "diff", s.other, s.run),
    "check": lambda s: ("config", "check", f"runs/{s.run}"),
    "resume": lambda s: ("resume", s.run),
    "eval": lambda s: ("eval", s.run, "--batches", "1"),
    "sample": lambda s: ("sample", s.run, "--max-tokens", "1"),
    "verify": lambda s: ("verify", s.run),
    "fork": lambda s: ("fork", s.run),
    "replay": lambda s: ("replay", "last"),
}


def check(stranger: Stranger, outcome: Outcome, before: Any) -> None:
    """Nothing outside has changed, and what could not be done is said in a sentence."""
    assert stranger.outside() == before
    assert not (stranger.folder.parent / "outside" / "not-there").exists()
    assert outcome.code in (0, 1, 2)
    assert outcome.code == 0 or (outcome.err + outcome.out).strip()
    assert "Something broke" not in outcome.err, outcome.err
    assert "Traceback" not in outcome.err, outcome.err


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_reaches_out_of_a_run(stranger: Stranger, capsys: pytest.CaptureFixture[str], command: str) -> None:
    lmcore = Command(capsys)
    for place in places(stranger, PLACES, list(COMMANDS).index(command)):
        before = stranger.outside()
        with in_time():
            outcome = lmcore(*COMMANDS[command](stranger))
        try:
            check(stranger, outcome, before)
        except AssertionError as error:
            raise AssertionError(f"{command} with {place.relative_to(stranger.folder)}: {error}") from error


WRITTEN = ("metrics.jsonl", "samples.jsonl", "run.json", "config.yaml", "lock.json", "checkpoints", "code/my_hooks.py")


@pytest.mark.parametrize("name", WRITTEN)
def test_going_on_refuses_a_link_by_name(stranger: Stranger, capsys: pytest.CaptureFixture[str], name: str) -> None:
    place = put(stranger, RUN + name, _link_to_a_folder if name == "checkpoints" else _link)
    before = stranger.outside()
    outcome = Command(capsys)("resume", stranger.run)
    assert outcome.code == 2 and str(place) in outcome.err and "it is a link" in outcome.err
    assert stranger.outside() == before


def test_every_command_names_an_odd_value(stranger: Stranger, capsys: pytest.CaptureFixture[str]) -> None:
    place, before = stranger.place(RUN + "run.json"), stranger.outside()
    place.write_text(json.dumps({**json.loads(place.read_text()), "parent": 7}))
    script = Script((messages.ListMoments(1, str(place.parent)), messages.Load(str(place.parent))), Ear())
    script.run()
    refused = [event.reason for event in script.outbox.events if isinstance(event, Rejected)]
    assert len(refused) == 2 and all("parent should be a table" in reason for reason in refused)
    for name, command in sorted(COMMANDS.items(), key=lambda named: named[0] == "rm"):
        outcome = Command(capsys)(*command(stranger))
        check(stranger, outcome, before)
        said = "run.json is damaged: parent should be a table, or null" in outcome.err + outcome.out
        assert said or name in ("note", "check", "rm", "notebook", "replay"), (name, outcome)


class Ear(Silence):
    """An outbox that lets what is printed go to the run's log, as the core's own does."""

    def write_log(self, log_path: Path) -> None:
        """Open it, and close it."""
        os.close(files.open_to_append(log_path))


def test_the_core_does_not_reach_out_of_a_run(stranger: Stranger) -> None:
    run = str(stranger.place(RUN))
    commands = (
        messages.ListMoments(1, run),
        messages.Load(run),
        messages.SetValue("training.learning_rate", "0.003"),
        messages.Step(1),
        messages.SaveCheckpoint(),
        messages.Stop(),
    )
    for place in places(stranger, PLACES, 0):
        before = stranger.outside()
        script = Script(commands, Ear())
        with in_time():
            script.run()
        failed = [event for event in script.outbox.events if isinstance(event, messages.Failed)]
        assert stranger.outside() == before and not failed, (place, failed)
        assert not (stranger.folder.parent / "outside" / "not-there").exists(), place


class Ended:
    """A job's process that has ended at once."""

    stdout = None

    def __init__(self, *_: Any, **__: Any) -> None:
        self.stdout = io.StringIO()

    def wait(self) -> int:
        """Its exit code."""
        return 1

    def terminate(self) -> None:
        """It is over."""


def test_an_ablation_does_not_reach_out_of_its_folder(
    stranger: Stranger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.subprocess, "Popen", Ended)
    ablate = ("ablate", stranger.run, "--change", "training.learning_rate=0.01", "--seeds", "2", "--name", "tried")
    for place in places(stranger, ABLATION_PLACES, 0):
        before = stranger.outside()
        with in_time():
            outcome = Command(capsys)(*ablate)
        try:
            check(stranger, outcome, before)
        except AssertionError as error:
            raise AssertionError(f"{place.relative_to(stranger.folder)}: {error}") from error


def places(stranger: Stranger, patterns: Sequence[str], first: int) -> Iterator[Path]:
    """A whole runs folder with a thing in one of its places, for each place; which thing it is goes round."""
    runs, kept = stranger.folder / "runs", stranger.folder / "kept"
    runs.rename(kept)
    for number, pattern in enumerate(patterns, start=first):
        shutil.rmtree(runs, ignore_errors=True)
        shutil.copytree(kept, runs)
        yield put(stranger, pattern, THINGS[number % len(THINGS)])
