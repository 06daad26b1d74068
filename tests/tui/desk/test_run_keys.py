"""F5, F6 and F8 in each state of the lab."""

from dataclasses import replace
from pathlib import Path

import pytest

from lmcore.config import Problem, parse_config
from lmcore.protocol.messages import CoreDied, Pause, Resume, Start, StateChanged, Step, Stop
from tests.tui.desk.decided import Written, desk_of, effects_of, sent, told, training
from tests.tui.fake_core import run_info
from tui.desk.desk import Desk
from tui.desk.effects import Close, GoToField, SeeLoss, StartCore
from tui.desk.run_keys import press_start, press_step, press_stop

PAUSED = (*training(), StateChanged("paused", 40, 4000, run_info()))


def test_f5_starts_pauses_and_resumes() -> None:
    desk = desk_of()
    effects = effects_of(press_start(desk))
    (start,) = sent(effects)
    assert isinstance(start, Start) and not start.paused and SeeLoss() in effects
    assert (start.name, start.config_folder) == ("tiny", str(Path("configs").resolve()))
    assert sent(effects_of(press_start(desk_of(*training())))) == [Pause()]
    assert sent(effects_of(press_start(desk_of(*PAUSED)))) == [Resume()]
    preparing = effects_of(press_start(desk_of(StateChanged("preparing"))))
    assert not sent(preparing) and "F8 cancels it" in told(preparing)


def test_f5_waits_for_the_core_and_a_second_one_takes_it_back() -> None:
    desk = Desk(sheet=Written())
    assert "as soon as the core is ready" in told(effects_of(press_start(desk))) and desk.waits_to_start
    assert "does not start" in told(effects_of(press_start(desk))) and not desk.waits_to_start


def test_f5_starts_a_dead_core_again_and_remembers_its_run() -> None:
    desk = desk_of(*training(), CoreDied(-9, (), "runs/a"))
    assert StartCore() in effects_of(press_start(desk))
    assert (desk.reopens, desk.lab.core) == ("runs/a", "starting")


@pytest.mark.parametrize("press", [press_start, press_step])
def test_nothing_starts_from_a_wrong_configuration(press: object) -> None:
    sheet = Written(problems=(Problem(3, 1, "model.d_modle", "no such key"),))
    effects = effects_of(press(desk_of(sheet=sheet)))  # type: ignore[operator]
    assert not sent(effects) and "Line 3: no such key" in told(effects)
    assert [effect for effect in effects if isinstance(effect, Close | GoToField)] == [
        Close(),
        GoToField("model.d_modle"),
    ]


def test_f6_makes_one_step_and_begins_a_run_paused() -> None:
    desk = desk_of()
    start, step = sent(effects_of(press_step(desk)))
    assert isinstance(start, Start) and start.paused and step == Step(1) and desk.lab.is_stepping
    assert sent(effects_of(press_step(desk_of(*PAUSED)))) == [Step(1)]
    assert "pause it first" in told(effects_of(press_step(desk_of(*training()))))
    stepping = desk_of(*PAUSED)
    effects_of(press_step(stepping))
    stepping.lab = replace(stepping.lab, state="running")
    assert sent(effects_of(press_step(stepping))) == [Step(1)]


def test_f8_stops_what_is_open() -> None:
    assert sent(effects_of(press_stop(desk_of(*training())))) == [Stop()]
    assert "no run to stop" in told(effects_of(press_stop(desk_of())))


def test_a_run_goes_into_the_folder_of_the_command_line_and_keeps_its_own_name() -> None:
    desk = desk_of(sheet=Written("other: {name: mine}\n"))
    desk.given_runs_folder = Path("elsewhere")
    (start,) = sent(effects_of(press_start(desk)))
    assert isinstance(start, Start) and start.name == ""
    assert parse_config(start.config_text).other.runs_folder == "elsewhere"
