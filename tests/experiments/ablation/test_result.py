"""Putting an ablation's runs together, and the page that tells of them."""

import dataclasses
import json
from pathlib import Path

import pytest

from lmcore.experiments.ablation.page import HEADINGS, markdown, table_rows
from lmcore.experiments.ablation.plan import Ablation, Arm, plan_ablation
from lmcore.experiments.ablation.result import (
    RESULT,
    CurvePoint,
    FinishedRun,
    Status,
    as_json,
    difference_so_far,
    read_result,
    result_of,
    store,
)
from lmcore.experiments.runs.folder import RunError
from lmcore.protocol.results import AblationResult
from tests.experiments.tiny import TINY

LOSSES = {
    "baseline": (1.900, 1.920, 1.880),
    "training.optimizer=muon": (1.700, 1.721, 1.679),
    "model.norm=rmsnorm": (1.904, 1.918, 1.879),
}


def run_of(arm: str, seed: int) -> FinishedRun:
    """A run that comes down to its loss from 0.1 below it at first: an early evaluation may be the best."""
    loss = LOSSES[arm][seed - 1]
    losses = (3.0, loss - 0.1, loss)
    curve = tuple(
        CurvePoint(step, 32 * step, 0.5 * step, value) for step, value in zip((4, 8, 12), losses, strict=True)
    )
    return FinishedRun(f"run-{arm}-{seed}", curve)


def result(
    status: Status = "finished", missing: tuple[tuple[str, int], ...] = (), failed: bool = False
) -> AblationResult:
    def finished(arm: Arm, seed: int) -> FinishedRun | None:
        return None if (arm.name, seed) in missing else run_of(arm.name, seed)

    failures = dict.fromkeys(missing, ("Training ended: a | loss\x1b[2J of nan", "run-that-failed")) if failed else {}
    return result_of(ablation(), status, finished, failures, frozenset({"run-baseline-1"}))


def ablation() -> Ablation:
    return plan_ablation(TINY, "tiny.yaml", list(LOSSES)[1:], seeds=3, name="try | *me*")


def test_verdicts_come_from_the_last_evaluations_alone() -> None:
    base, muon, norm = result().arms
    assert base.losses == list(LOSSES["baseline"]) and base.verdict is None and base.words == ""
    assert muon.verdict is not None and muon.words == "better"
    assert muon.verdict.mean_difference == pytest.approx(-0.2)
    assert norm.words == "no difference that this experiment could see"


def test_reaching_the_baseline_is_the_first_evaluation_at_its_mean_final_loss() -> None:
    whole = result()
    assert whole.target == pytest.approx(1.9)
    muon = whole.arms[1]
    assert [cell.tokens_to_reach for cell in muon.cells] == [256, 256, 256]
    assert [cell.seconds_to_reach for cell in muon.cells] == [4.0, 4.0, 4.0]


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_there_is_no_verdict_before_all_seeds_are_there(status: Status) -> None:
    partial = result(status, missing=(("model.norm=rmsnorm", 3),))
    assert [arm.verdict for arm in partial.arms] == [None, None, None]
    assert partial.arms[2].words == "2 of 3 seeds so far"


def test_an_arm_with_failed_runs_is_not_judged_but_counts_in_the_correction() -> None:
    _, muon, norm = result(missing=(("model.norm=rmsnorm", 2),), failed=True).arms
    assert norm.verdict is None and norm.words == "no verdict: 1 of 3 runs failed"
    assert norm.cells[1].run == "run-that-failed" and norm.cells[1].loss is None
    assert muon.verdict is not None and muon.verdict.arms == 2
    without = result(missing=(("baseline", 1),), failed=True)
    assert without.target is None and all(arm.verdict is None for arm in without.arms)


def test_the_page_says_everything_and_shows_text_as_text() -> None:
    page = markdown(result(missing=(("model.norm=rmsnorm", 2),), failed=True))
    assert "# try \\| \\*me\\*" in page and "\x1b" not in page
    assert "made earlier" in page and "a \\| loss" in page and "seeds 1, 2, 3" in page
    table = [line for line in page.splitlines() if line.startswith("| ")]
    assert table[0].count(" | ") == len(HEADINGS) - 1
    assert any("better" in line and "-0.2000" in line for line in table)


def test_rows_have_a_cell_for_each_heading() -> None:
    rows = table_rows(result())
    assert [row[0] for row in rows] == list(LOSSES) and {len(row) for row in rows} == {len(HEADINGS)}


def test_a_result_is_plain_data(tmp_path: Path) -> None:
    plain = json.loads(json.dumps(as_json(result()), allow_nan=False))
    assert plain["arms"][1]["words"] == "better" and plain["arms"][1]["verdict"]["seeds"] == 3
    assert plain["arms"][0]["cells"][0]["reused"] is True


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = stored(tmp_path, whole := result(missing=(("model.norm=rmsnorm", 2),), failed=True))
    assert read_result(folder) == whole


def test_a_result_kept_before_the_sign_flip_test_was_told_is_still_read(tmp_path: Path) -> None:
    folder = stored(tmp_path, result())
    kept = json.loads((folder / RESULT).read_text())
    for arm in kept["arms"][1:]:
        del arm["verdict"]["p_sign_flip"]
    (folder / RESULT).write_text(json.dumps(kept))
    read = read_result(folder)
    assert [arm.words for arm in read.arms] == [arm.words for arm in result().arms]
    assert "sign-flip" not in markdown(read) and "sign-flip" in markdown(result())


@pytest.mark.parametrize(
    ("old", "new"),
    [('"status"', '"stat"'), ('"running"', '"odd"'), ('{\n  "base', '"base'), ('"seed": 1', '"seed": 7')],
)
def test_a_damaged_result_is_a_sentence(tmp_path: Path, old: str, new: str) -> None:
    folder = stored(tmp_path, result("running"))
    text = (folder / RESULT).read_text()
    assert old in text
    (folder / RESULT).write_text(text.replace(old, new))
    with pytest.raises(RunError, match="damaged"):
        read_result(folder)


def test_an_arm_that_stands_there_twice_is_damage(tmp_path: Path) -> None:
    whole = result()
    folder = stored(tmp_path, dataclasses.replace(whole, arms=(*whole.arms, whole.arms[0])))
    with pytest.raises(RunError, match="twice"):
        read_result(folder)


def test_a_difference_so_far_is_over_the_pairs_that_are_there() -> None:
    _, muon, norm = (partial := result("running", missing=(("baseline", 2), ("model.norm=rmsnorm", 1)))).arms
    assert difference_so_far(partial, muon) == pytest.approx((-0.2 - 0.201) / 2)
    assert difference_so_far(partial, norm) == pytest.approx(-0.001)
    early = result("running", missing=tuple(("baseline", seed) for seed in (1, 2, 3)))
    assert difference_so_far(early, early.arms[1]) is None


def stored(runs_folder: Path, what: AblationResult) -> Path:
    planned = dataclasses.replace(ablation(), runs_folder=runs_folder)
    planned.folder.mkdir(parents=True)
    store(planned, what)
    return planned.folder
