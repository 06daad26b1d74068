"""A run's history: rows, late evaluations, going back, axes, and what is on disk."""

import json
from pathlib import Path

import pytest

from tui.lab.history import History, read_history


def history(steps: range) -> History:
    result = History()
    result.append((step, step * 100, step * 0.5, {"loss/train": 1.0 / (1 + step)}) for step in steps)
    return result


def test_an_evaluation_of_the_same_step_adds_to_its_row() -> None:
    run = history(range(1, 11))
    run.append([(10, 1000, 5.0, {"loss/val": 0.3})])
    assert run.names == ["loss/train", "loss/val"]
    assert len(run.series["loss/train"]) == 10 and run.series["loss/val"].at(10) == (10, 0.3)


def test_a_run_that_went_back_forgets_what_was_later() -> None:
    run = history(range(1, 101))
    run.append([(51, 5100, 25.5, {"loss/train": 9.0})])
    assert run.last_step == 51 and run.series["loss/train"].at(51) == (51, 9.0)


@pytest.mark.parametrize("axis", ["step", "tokens", "time"])
def test_positions_and_steps_are_inverse(axis: str) -> None:
    run = history(range(1, 101))
    for step in (0.0, 1, 7.5, 99, 100):
        assert run.step_at(run.position(step, axis), axis) == pytest.approx(step)  # type: ignore[arg-type]


def test_tokens_and_time_count_from_the_rows() -> None:
    run = history(range(1, 11))
    assert run.position(4, "tokens") == 400 and run.position(4, "time") == 2.0
    assert run.position(4.5, "tokens") == 450


def test_a_smoothed_curve_of_an_unknown_metric_is_empty() -> None:
    assert len(History().smoothed("loss/train", 0.9)) == 0


def test_smoothing_with_another_weight_is_computed_anew() -> None:
    run = history(range(1, 50))
    strong, weak = run.smoothed("loss/train", 0.99), run.smoothed("loss/train", 0.0)
    assert list(weak.values) == pytest.approx(list(run.series["loss/train"].values))
    assert strong.values[-1] > weak.values[-1]


def test_a_run_on_disk_is_read_with_half_a_last_line(tmp_path: Path) -> None:
    rows = [
        {"step": step, "tokens": step * 10, "seconds": step * 0.1, "loss/train": 2.0, "learning_rate": 1e-3}
        for step in (1, 2, 3)
    ]
    lines = [json.dumps(row) for row in rows] + [json.dumps({"step": 3, "loss/val": 1.5}), '{"step": 4, "los']
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    run = read_history(tmp_path)
    assert run.names == ["learning_rate", "loss/train", "loss/val"]
    assert run.last_step == 3 and run.position(3, "tokens") == 30


def test_a_folder_without_metrics_gives_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path).names == []
