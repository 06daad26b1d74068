"""The pure parts of the ablation screens: the state, the grid's cells, the table for any width, and drafts."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from lmcore.config import parse_config
from lmcore.protocol.messages import AblationCell, AblationEnded, AblationStands, CoreDied, StateChanged
from tests.experiments.runs.made_runs import make_run
from tests.tui.ablation_events import BEGAN, MUON, NORM, TEXT, finished, planned, result, run_name, training
from tests.tui.fake_core import run_info
from tui.desk.ablations import ended_sentence
from tui.lab.ablation import AblationState, advance_ablation, outcome
from tui.lab.ablation_draft import (
    Baseline,
    Draft,
    DraftError,
    arm_of,
    command_of,
    draft_of,
    forecast,
    measured_rate,
    plan_of,
    work_rate_of,
)
from tui.lab.state import LabState, advance_state
from tui.panes.config.reading import read
from tui.screens.ablation.grid import cell_of, cells_of
from tui.screens.ablation.offers import offers
from tui.screens.ablation.verdicts import rows_of, verdict_lines

BASELINE = Baseline(TEXT, "configs/tiny.yaml", "")


def state(*events: object) -> AblationState:
    lab = advance_state(LabState(), [BEGAN, *events])  # type: ignore[list-item]
    assert lab.ablation is not None
    return lab.ablation


def flat(lines: list[list[list[tuple[str, str]]]]) -> list[str]:
    return ["".join(text for text, _ in line) for row in lines for line in row]


def test_the_state_counts_runs_and_keeps_the_newest_of_each() -> None:
    found = state(
        finished("baseline", 1), finished(MUON, 1, reused=True), training(NORM, 1, 100), training(NORM, 1, 200)
    )
    assert (found.done, found.total) == (2, 9) and found.cells[NORM, 1].step == 200
    assert found.is_going
    # 600 of the 8 × 400 steps that were to be made, in 60 s
    assert found.seconds_left(now=1060.0) == pytest.approx(60 * (3200 / 600 - 1))
    assert state().seconds_left(now=1060.0) is None


def test_the_ablation_stays_while_runs_are_opened_and_ends_with_the_core() -> None:
    lab = advance_state(LabState(), [BEGAN, StateChanged("preparing"), StateChanged("paused", 3, 9, run_info())])
    assert lab.ablation is not None and lab.ablation.is_going
    died = advance_state(lab, [CoreDied(1)]).ablation
    assert died is not None and died.status == "stopped" and "saved" in died.reason
    assert advance_ablation(None, AblationEnded("x", "stopped")) is None


def test_a_cell_says_how_far_it_is_and_then_its_loss() -> None:
    kept = {(arm.name, cell.seed): cell for arm in result().arms for cell in arm.cells}
    assert cell_of(None, None).word[0] == "·"
    going = cell_of(training(MUON, 1, 168), None)
    assert going.word == ("42 %", "training") and going.is_training and "step 168 of 400" in going.about
    assert cell_of(finished(MUON, 1, reused=True), None).word[0] == "1.7000 ♺"
    assert "20.0 s of training" in cell_of(finished(MUON, 1), kept[MUON, 1]).about
    failed = cell_of(AblationCell(MUON, 1, "failed", 0, 400, said="the loss is\nnan \x1b[2J"), None)
    assert failed.word == ("✖ failed", "failed") and failed.about == "failed: the loss is⏎nan ␛[2J"
    assert cell_of(AblationCell(MUON, 1, "stopped", 7, 400), None).word[0] == "‖ saved"


def test_every_arm_and_seed_has_a_cell() -> None:
    cells = cells_of(BEGAN.arms, BEGAN.seeds, {(MUON, 2): training(MUON, 2, 4)}, result(missing=((MUON, 2),)))
    failed = cells_of(BEGAN.arms, BEGAN.seeds, {}, result(failures={(NORM, 2): "nan"}))[NORM, 2]
    assert failed.word[0] == "✖ failed" and failed.run == run_name(NORM, 2)
    assert len(cells) == 9 and cells[MUON, 2].is_training and cells["baseline", 3].word[0].strip() == "1.8800"


def test_until_the_end_there_are_differences_so_far_and_no_verdict() -> None:
    rows = rows_of(result("running", missing=((MUON, 3), (NORM, 2), (NORM, 3))))
    assert [row.cells["verdict"] for row in rows] == ["", "2 of 3 seeds so far", "1 of 3 seeds so far"]
    assert [row.cells["difference"] for row in rows] == ["–", "-0.1995 so far", "+0.0040 so far"]
    assert {row.cells["p"] for row in rows} == {"–"}
    words = " ".join(flat(verdict_lines(result("running", missing=((MUON, 3),)), 160)))
    assert "better" not in words and "worse" not in words and " p " not in words


@pytest.mark.parametrize("width", [60, 76, 100, 120, 154, 240])
def test_the_table_says_the_same_at_any_width(width: int) -> None:
    for what in (result(), result("running", missing=((NORM, 3),)), result(failures={(NORM, 2): "nan"})):
        lines = flat(verdict_lines(what, width))
        assert max(map(cell_len, lines)) <= width
        words = " ".join(lines)
        if what.status == "finished":
            for word in ("-0.2000", "better", "could see", "95 % interval", "tokens to reach", "12,800"):
                assert word in words, (width, word)


def test_an_arm_has_one_line_where_there_is_room() -> None:
    assert [len(row) for row in verdict_lines(result(), 200)] == [1, 1, 1, 1]
    assert all(len(row) > 1 for row in verdict_lines(result(), 76)[1:])


def test_the_end_is_said_in_a_sentence() -> None:
    done = state(AblationStands(result()), AblationEnded("tiny-ab12", "finished"))
    assert f"{MUON} better" in ended_sentence(done) and "no difference" in ended_sentence(done)
    assert "0 of 9 runs" in ended_sentence(state(AblationEnded("tiny-ab12", "stopped")))
    assert "no arm" in ended_sentence(state(AblationEnded("tiny-ab12", "failed", "no arm can run")))
    assert "1 of 3 runs failed" in outcome(result(failures={(NORM, 2): "nan"}))


def test_offers_are_keys_that_are_learned_then_their_choices() -> None:
    reading = read(TEXT)
    keys = [offer.text for offer in offers("optim", reading)]
    assert "training.optimizer=" in keys
    assert not any(offer.text.startswith("other.") for offer in offers("", reading))
    values = [offer.text for offer in offers("training.optimizer=", reading)]
    assert "training.optimizer=muon" in values and "training.optimizer=adamw" not in values
    assert [offer.text for offer in offers("training.optimizer=mu", reading)] == ["training.optimizer=muon"]
    assert offers("no.such=", reading) == [] and offers("[/b", reading) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.optimizer=adamw", "says already"),
        ("training.optimizer=moun", "training.optimizer"),
        ("other.seed=7", "nothing that the model learns"),
        ("model.bias=true training.optimizer=muon", "more than one change"),
        (NORM, "same change"),
    ],
)
def test_a_change_that_makes_no_arm_is_refused_in_a_sentence(change: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        arm_of(BASELINE, (NORM,), change)
    assert arm_of(BASELINE, (NORM,), MUON).name == MUON


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft(), "change"),
        (Draft((MUON,), seeds="1"), "seeds"),
        (Draft((MUON,), seeds="many"), "seeds"),
        (Draft((MUON,), seeds="-3"), "seeds"),
        (Draft((MUON,), steps="few"), "steps"),
        (Draft((MUON,), steps="0"), "steps"),
    ],
)
def test_a_draft_that_cannot_stand_names_its_line(draft: Draft, field: str) -> None:
    with pytest.raises(DraftError) as refused:
        plan_of(BASELINE, draft)
    assert refused.value.field == field


def test_a_draft_becomes_a_command_and_comes_back() -> None:
    draft = Draft((MUON, NORM), "3", "200", "mine")
    command = command_of(BASELINE, draft)
    assert command.changes == (MUON, NORM) and command.seeds == 3
    assert command.overrides == (("training.max_steps", "200"),) and command.base == "configs/tiny.yaml"
    assert draft_of(command) == draft


def test_a_forecast_counts_runs_and_scales_a_measured_speed() -> None:
    plan = planned()
    assert "9 runs of 400 steps" in forecast(plan, 2, None) and "not measured" in forecast(plan, 2, None)
    rate = work_rate_of(plan.baseline.config, 0.1, 1)  # 0.1 s for a step of one thread
    words = forecast(plan, 2, rate)
    assert "2 at once" in words and "about 3 min" in words  # 9 runs × 400 steps × 0.1 s on two cores


def test_the_speed_of_an_earlier_run_is_read(tmp_path: Path) -> None:
    assert measured_rate(tmp_path / "nothing") is None
    run = make_run(tmp_path, "20260102-run", environment={"threads": 2})
    (run / "config.yaml").write_text(TEXT)
    (run / "metrics.jsonl").write_text('{"step": 100, "seconds": 10.0}\n')
    (tmp_path / "20260103-damaged").mkdir()
    assert measured_rate(tmp_path) == pytest.approx(work_rate_of(parse_config(TEXT), 0.1, 2))
