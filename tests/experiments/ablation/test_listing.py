"""Ablations on disk: listed with how they stand, damaged ones too, and read to go on with."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from lmcore.config import differences, parse_config
from lmcore.experiments.ablation.listing import again, list_ablations, summarize
from lmcore.experiments.ablation.plan import plan_ablation
from lmcore.experiments.ablation.result import BASE, RESULT, Status, result_of, store
from lmcore.experiments.runs.folder import RunError
from lmcore.experiments.runs.lock import RunLock
from tests.experiments.tiny import TINY

CHANGES = ("training.optimizer=muon", "hooks=[{name: a, use: zero, at: '*hook_mlp_out'}]")


def kept(runs_folder: Path, name: str, status: Status = "running", age: float = 0.0) -> Path:
    """What an ablation that has begun leaves behind."""
    planned = plan_ablation(TINY, "tiny.yaml", CHANGES, seeds=2, name=name, overrides=[("training.max_steps", "7")])
    planned = dataclasses.replace(planned, runs_folder=runs_folder)
    planned.folder.mkdir(parents=True)
    store(planned, result_of(planned, status, lambda arm, seed: None))
    (planned.folder / BASE).write_text(planned.baseline.text)
    os.utime(planned.folder / RESULT, (1e9 - age, 1e9 - age))
    return planned.folder


def test_ablations_are_listed_the_newest_first_with_how_they_stand(tmp_path: Path) -> None:
    kept(tmp_path, "older", "finished", age=10)
    lock = RunLock(kept(tmp_path, "going", age=5))
    lock.acquire()
    kept(tmp_path, "left behind")
    damaged = kept(tmp_path, "odd") / RESULT
    damaged.write_text(json.dumps({"name": [1]}))
    os.utime(damaged, (1e9 - 20, 1e9 - 20))
    found = list_ablations(tmp_path)
    assert [(one.name, one.status) for one in found] == [
        ("left behind", "interrupted"),
        ("going", "running"),
        ("older", "finished"),
        ("odd", "damaged"),
    ]
    assert str(damaged) in found[-1].note and found[-1].result is None
    lock.release()


def test_no_folder_holds_no_ablations(tmp_path: Path) -> None:
    assert list_ablations(tmp_path / "nothing") == []


def test_what_is_kept_plans_the_same_ablation_again(tmp_path: Path) -> None:
    rest = again(summarize(kept(tmp_path, "mine")))
    once = plan_ablation(TINY, "tiny.yaml", CHANGES, seeds=2, name="mine", overrides=[("training.max_steps", "7")])
    more = plan_ablation(rest.text, "tiny.yaml", rest.changes, seeds=2, name="mine")
    assert [arm.name for arm in more.arms] == [arm.name for arm in once.arms]
    assert not differences(more.baseline.config, once.baseline.config) and more.seeds == once.seeds
    assert parse_config(rest.text).training.max_steps == 7


def test_without_its_base_it_cannot_go_on(tmp_path: Path) -> None:
    folder = kept(tmp_path, "mine")
    (folder / BASE).unlink()
    with pytest.raises(RunError, match="not there"):
        again(summarize(folder))
