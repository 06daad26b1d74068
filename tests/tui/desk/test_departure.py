"""Quitting: what is asked, what is saved, and what happens when it cannot be."""

import signal

from tests.tui.ablation_events import BEGAN
from tests.tui.desk.decided import Written, asked, desk_of, effects_of, told, training
from tui.desk.departure import core_ended, end_by_signal, quit_lab
from tui.desk.desk import Desk
from tui.desk.effects import Confirm, ConfirmQuit, EndCore, Exit


def test_a_run_that_trains_is_asked_about_and_saved() -> None:
    desk = desk_of(*training())
    assert len(effects_of(quit_lab(desk), "stay")) == len(effects_of(quit_lab(desk), None)) == 1
    effects = effects_of(quit_lab(desk), "save")
    assert asked(effects, ConfirmQuit).step == 40 and "Saving the run" in told(effects)
    assert effects[-1] == EndCore(60.0, must_save=True)


def test_an_ablation_and_an_edited_text_are_asked_about() -> None:
    effects = effects_of(quit_lab(desk_of(BEGAN)), True)
    assert "runs are in" in asked(effects, Confirm).text and effects[-1] == EndCore(60.0, must_save=True)
    edited = desk_of(sheet=Written(is_changed=True))
    assert len(effects_of(quit_lab(edited), False)) == 1
    assert effects_of(quit_lab(edited), True)[-1] == EndCore(5.0, must_save=False)


def test_a_core_that_still_loads_is_not_waited_for() -> None:
    assert effects_of(quit_lab(Desk())) == [EndCore(0.5, must_save=False)]


def test_what_cannot_be_saved_is_tried_again_or_given_up() -> None:
    desk = desk_of(*training())
    desk.leaving.is_going = True
    assert effects_of(core_ended(desk, "the disk is full."), False)[-1] == EndCore(60.0, must_save=True)
    assert len(effects_of(core_ended(desk, "the disk is full."), None)) == 1 and desk.leaving.problem == ""
    assert effects_of(core_ended(desk, "the disk is full."), True)[-1] == Exit() and desk.leaving.problem
    assert effects_of(core_ended(desk, "")) == [Exit()]


def test_a_signal_asks_nobody_and_a_second_one_changes_nothing() -> None:
    desk = desk_of(*training())
    assert effects_of(end_by_signal(desk, signal.SIGTERM))[-1] == EndCore(60.0, must_save=True)
    assert effects_of(end_by_signal(desk, signal.SIGHUP)) == []
    assert effects_of(core_ended(desk, "the disk is full.")) == [Exit()] and desk.leaving.by == signal.SIGTERM
