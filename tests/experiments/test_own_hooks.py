"""A hook of one's own: it runs once it was agreed to, belongs to the run, and may be edited on the way."""

import json
from pathlib import Path

import pytest

from lmcore.config import SamplingConfig
from lmcore.errors import UserCodeError
from lmcore.experiments.experiment import Experiment
from lmcore.experiments.identity.consent import ConsentNeeded, agree
from lmcore.experiments.identity.own_code import read_own_file
from lmcore.experiments.questions import hooks_of_answer
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.journal import read_changes
from lmcore.hooks.catalogue import HookError
from lmcore.protocol.messages import OwnFile
from tests.experiments.tiny import losses, tiny, train, weights

CODE = '''"""Hooks of my own."""
from pathlib import Path

from lmcore.hooks.catalogue import hook

Path({trace!r}).touch()


@hook("forward")
def halve(x, point, *, factor: float = {factor}):
    """Make it smaller."""
    return x * factor


@hook("forward")
def count(x, point, *, state: dict):
    """Scale by how often it has acted."""
    import torch
    state.setdefault("times", torch.zeros(()))
    state["times"] += 1
    return x / state["times"]
'''
NOISE = '''

@hook("forward")
def noise(x, point, *, generator):
    """Add noise."""
    import torch
    return x + torch.randn(x.shape, generator=generator)
'''
DECLARED = "hooks: [{name: mine, kind: forward, use: 'my_hooks.py:halve', at: blocks.0.hook_mlp_out}]\n"
COUNTING = "{name: counting, kind: forward, use: 'my_hooks.py:count', at: blocks.0.hook_mlp_out}"


@pytest.fixture(autouse=True)
def _nothing_agreed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LMLAB_DATA", str(tmp_path / "data"))


def write(folder: Path, factor: float = 0.5, extra: str = "") -> OwnFile:
    """The file in one version; when it runs, it leaves a file `ran` beside itself."""
    path = folder / "my_hooks.py"
    path.write_text(CODE.replace("{trace!r}", repr(str(folder / "ran"))).replace("{factor}", str(factor)) + extra)
    return read_own_file(path)


def create(runs_folder: Path, name: str = "run", text: str = "", allow: bool = True) -> Experiment:
    folder = runs_folder.parent
    text = text or tiny(checkpointing__keep_best="false") + DECLARED
    return Experiment.create(text, runs_folder=runs_folder, name=name, config_folder=folder, allow_code=allow)


def test_it_does_not_run_before_it_is_agreed_to(runs_folder: Path) -> None:
    file = write(runs_folder.parent)
    with pytest.raises(ConsentNeeded) as needed:
        create(runs_folder, allow=False)
    assert needed.value.files == (file,)
    assert not (runs_folder.parent / "ran").exists()
    assert not runs_folder.exists()
    agree([file.digest])
    experiment = create(runs_folder, allow=False)
    assert (runs_folder.parent / "ran").exists()
    train(experiment, until=2)


def test_a_run_of_a_stranger_is_not_opened_without_consent(runs_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(runs_folder.parent)
    experiment = create(runs_folder)
    train(experiment, until=6)
    experiment.close("stopped")
    (runs_folder.parent / "ran").unlink()
    monkeypatch.setenv("LMLAB_DATA", str(runs_folder.parent / "another machine"))
    for open_it in (
        lambda: Experiment.open(experiment.folder),
        lambda: Experiment.open(experiment.folder, "5"),
        lambda: Experiment.fork(experiment.folder, "last", runs_folder=runs_folder),
    ):
        with pytest.raises(ConsentNeeded):
            open_it()
    assert not (runs_folder.parent / "ran").exists()
    assert Experiment.open(experiment.folder, allow_code=True).step == 5
    assert Experiment.open(experiment.folder).step == 5


def test_its_digest_is_part_of_what_the_run_is(runs_folder: Path) -> None:
    first = write(runs_folder.parent)
    one, two = create(runs_folder, "one"), create(runs_folder, "two")
    other = write(runs_folder.parent, factor=0.25)
    three = create(runs_folder, "three")
    assert one.run["id"] == two.run["id"] != three.run["id"]
    assert one.run["config_hash"] == three.run["config_hash"]
    said = json.loads((one.folder / "run.json").read_text())
    assert said["own_code"] == {"my_hooks.py": first.digest}
    assert said["code_folder"] == str(runs_folder.parent)
    assert (three.folder / "code/my_hooks.py").read_text() == other.text
    off = tiny() + DECLARED.replace("{name", "{enabled: false, name")
    assert create(runs_folder, "off", off).run["id"] == create(runs_folder, "none", tiny()).run["id"]


def test_the_run_keeps_its_own_copy(runs_folder: Path) -> None:
    write(runs_folder.parent)
    whole = create(runs_folder, "whole")
    train(whole)
    part = create(runs_folder, "part")
    train(part, until=7)
    part.close("stopped")
    write(runs_folder.parent, factor=9)
    part = Experiment.open(part.folder)
    train(part)
    assert weights(part) == weights(whole)
    (part.folder / "code/my_hooks.py").write_text("import os\n")
    with pytest.raises(RunError, match="changed or removed"):
        Experiment.open(part.folder)


def test_an_edit_acts_from_its_step_and_is_repeated_from_there(runs_folder: Path) -> None:
    def edit(experiment: Experiment) -> None:
        train(experiment, until=3)
        use(experiment, write(runs_folder.parent, factor=0.25))
        train(experiment, until=7)
        use(experiment, write(runs_folder.parent, factor=2.0))
        experiment.set_value("hooks", f"[{COUNTING}]")
        train(experiment, until=8)

    def use(experiment: Experiment, file: OwnFile) -> None:
        agree([file.digest])
        experiment.use_file(file)

    write(runs_folder.parent)
    whole, part, unedited = (create(runs_folder, name) for name in ("whole", "part", "unedited"))
    edit(whole)
    train(whole)
    write(runs_folder.parent)
    edit(part)
    part.close("interrupted")
    again = Experiment.open(part.folder)
    assert again.step == 5
    assert "= 0.25" in again.own.files["my_hooks.py"].text
    train(again)
    assert "= 2.0" in again.own.files["my_hooks.py"].text
    assert losses(again.folder) == losses(whole.folder)
    assert weights(again) == weights(whole)
    train(unedited)
    assert weights(unedited) != weights(whole)
    changes = [change for change in read_changes(again.folder / "journal.jsonl") if change.key == "code.my_hooks.py"]
    assert [change.step for change in changes] == [3, 7]
    assert changes[0].new == changes[1].old != changes[1].new
    assert len(list((again.folder / "code").iterdir())) == 3


def test_an_edit_runs_only_when_agreed_to(runs_folder: Path) -> None:
    write(runs_folder.parent)
    experiment = create(runs_folder)
    (runs_folder.parent / "ran").unlink()
    with pytest.raises(ConsentNeeded):
        experiment.use_file(write(runs_folder.parent, factor=0.25))
    assert not (runs_folder.parent / "ran").exists()


@pytest.mark.parametrize(
    ("old", "new", "traced"),
    [
        ("import Path", "import (Path", True),
        ("return x * factor", "return x * factor\n\n\n1 / 0", True),
        ("def halve", "def third", False),
        ("factor: float", "ratio: float", False),
    ],
)
def test_an_edit_with_an_error_changes_nothing(runs_folder: Path, old: str, new: str, traced: bool) -> None:
    write(runs_folder.parent)
    declared = DECLARED.replace("at:", "with: {factor: 0.5}, at:")
    text = tiny(checkpointing__keep_best="false") + declared
    plain, experiment = create(runs_folder, "plain", text), create(runs_folder, "edited", text)
    train(experiment, until=3)
    good = (runs_folder.parent / "my_hooks.py").read_text()
    (runs_folder.parent / "my_hooks.py").write_text(good.replace(old, new))
    bad = read_own_file(runs_folder.parent / "my_hooks.py")
    agree([bad.digest])
    with pytest.raises((HookError, UserCodeError)) as stop:
        experiment.use_file(bad)
    trace = stop.value.trace if isinstance(stop.value, UserCodeError) else ""
    assert ("my_hooks.py" in trace and "Error" in trace) == traced
    assert read_changes(experiment.folder / "journal.jsonl") == []
    assert len(list((experiment.folder / "code").iterdir())) == 1
    train(experiment)
    train(plain)
    assert weights(experiment) == weights(plain)


def test_an_error_while_it_acts_undoes_the_step(runs_folder: Path) -> None:
    write(runs_folder.parent)
    plain, experiment = create(runs_folder, "plain"), create(runs_folder, "edited")
    train(experiment, until=3)
    before = weights(experiment)
    bad = write(
        runs_folder.parent, extra='\n\n@hook("forward")\ndef bad(x, point):\n    """Fail."""\n    return x / None\n'
    )
    agree([bad.digest])
    experiment.use_file(bad)
    experiment.set_value("hooks", DECLARED.removeprefix("hooks: ").replace(":halve", ":bad").strip())
    with pytest.raises(UserCodeError, match=r"mine.*blocks.0.hook_mlp_out") as stop:
        experiment.advance()
    assert "return x / None" in stop.value.trace
    assert experiment.step == 3 and weights(experiment) == before
    experiment.set_value("hooks", DECLARED.removeprefix("hooks: ").strip())
    train(experiment)
    train(plain)
    assert weights(experiment) == weights(plain)


def test_a_file_may_come_to_a_run_that_began_without_any(runs_folder: Path) -> None:
    run = create(runs_folder, text=tiny(checkpointing__keep_best="false"), allow=False)
    train(run, until=6)
    with pytest.raises(RunError, match="no such file"):
        run.set_value("hooks", f"[{COUNTING}]")
    file = write(runs_folder.parent)
    with pytest.raises(ConsentNeeded):
        run.set_value("hooks", f"[{COUNTING}]")
    assert run.config.hooks == () and not (runs_folder.parent / "ran").exists()
    agree([file.digest])
    run.set_value("hooks", f"[{COUNTING}]")
    train(run)
    assert [c.key for c in read_changes(run.folder / "journal.jsonl")] == ["code.my_hooks.py", "hooks"]
    again = Experiment.open(run.folder, "10")
    assert again.own.files["my_hooks.py"].digest == file.digest
    fork = Experiment.fork(run.folder, "10", runs_folder=runs_folder, name="fork")
    train(fork)
    assert fork.run["own_code"] == {"my_hooks.py": file.digest}
    assert weights(fork) == weights(run)


def test_it_may_act_on_one_answer(runs_folder: Path) -> None:
    run = create(runs_folder, text=tiny(), allow=False)
    hooks = hooks_of_answer(["{use: 'my_hooks.py:halve', at: blocks.1.hook_resid_post, with: {factor: 0}}"])
    file = write(runs_folder.parent)
    with pytest.raises(ConsentNeeded):
        run.generate("One", SamplingConfig(max_tokens=4), hooks)
    agree([file.digest])
    assert len(list(run.generate("One", SamplingConfig(max_tokens=4), hooks))) == 4
    assert run.own.files == {}


def test_noise_in_an_answer_depends_on_its_seed_alone(runs_folder: Path) -> None:
    agree([write(runs_folder.parent, extra=NOISE).digest])
    run = create(runs_folder, text=tiny(), allow=False)
    hooks = hooks_of_answer(["{use: 'my_hooks.py:noise', at: 'blocks.*.hook_mlp_out'}"])

    def answer(seed: int) -> list[int]:
        return [
            piece.token for piece in run.generate("One", SamplingConfig(max_tokens=20, temperature=0, seed=seed), hooks)
        ]

    first = answer(1)
    assert len(set(first)) > 1  # other noise for each token
    train(run, until=1)
    run.evaluate()
    again = Experiment.open(run.folder, "0")
    assert first != answer(2)
    assert [
        p.token for p in again.generate("One", SamplingConfig(max_tokens=20, temperature=0, seed=1), hooks)
    ] == first


def test_an_error_where_only_the_newest_token_is_computed_says_so(runs_folder: Path) -> None:
    file = """from lmcore.hooks.catalogue import hook


@hook("forward")
def wipe(x, point):
    \"\"\"Take the second query's attention away.\"\"\"
    x[:, :, 1] = 0.0
    return x
"""
    (runs_folder.parent / "my_hooks.py").write_text(file)
    hook = "hooks: [{name: w, kind: forward, use: 'my_hooks.py:wipe', at: blocks.0.attn.hook_pattern}]\n"
    experiment = create(runs_folder, text=tiny() + hook)
    with pytest.raises(
        UserCodeError, match=r"fixed prompt could not be answered, one token at a time: hook 'w' failed at"
    ):
        train(experiment)
