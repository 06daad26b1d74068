"""What the lab does by itself when the core tells something."""

from dataclasses import replace

from lmcore.protocol.messages import (
    Agree,
    ConsentWanted,
    CoreDied,
    Failed,
    Load,
    ReasonWanted,
    Rejected,
    Resume,
    Start,
    StateChanged,
    Step,
)
from tests.tui.desk.decided import asked, desk_of, effects_of, sent, told, training
from tests.tui.fake_core import CODE, READY, run_info
from tui.desk.effects import Ask, AskRestart, Consent, Hand, Reason, Show, StartCore, Traceback
from tui.desk.reactions import react

START = Start("text", paused=True)


def test_files_that_are_agreed_to_run_with_the_step_that_wanted_them() -> None:
    desk = desk_of()
    desk.sent["Start"] = START
    effects = effects_of(react(desk, ConsentWanted("Start", (CODE,))), True)
    assert asked(effects, Consent).files == (CODE,)
    assert sent(effects) == [Agree((CODE.digest,)), START, Step(1)]


def test_without_a_yes_nothing_runs_and_who_asked_hears_it() -> None:
    for answer in (False, None):
        desk = desk_of()
        desk.resumes_when_open = True
        effects = effects_of(react(desk, ConsentWanted("Load", (CODE,))), answer)
        assert not sent(effects) and "was not agreed to" in told(effects) and not desk.resumes_when_open
    effects = effects_of(react(desk_of(), ConsentWanted("DescribeHooks", (CODE,), 7)), False)
    assert isinstance(effects[-1], Hand) and isinstance(effects[-1].event, Rejected) and effects[-1].event.request == 7


def test_several_changes_need_a_reason() -> None:
    desk = desk_of()
    desk.sent["Start"] = START
    effects = effects_of(react(desk, ReasonWanted("Start", "baseline", ("a", "b"))), "to see")
    assert asked(effects, Reason).differences == ("a", "b")
    assert sent(effects) == [replace(START, confounded="to see"), Step(1)]
    assert "Not started" in told(effects_of(react(desk, ReasonWanted("Start", "baseline", ("a", "b"))), None))


def test_a_refused_step_is_silent_while_its_run_waits_for_an_answer() -> None:
    desk, refused = desk_of(), Rejected("Step", "There is no run.")
    assert told(effects_of(react(desk, refused))) == "There is no run."
    way = react(desk, ConsentWanted("Start", (CODE,)))
    assert isinstance(next(way), Ask)
    assert not effects_of(react(desk, refused))
    way.close()


def test_a_run_that_was_opened_to_train_on_does_so_once() -> None:
    desk, paused = desk_of(), StateChanged("paused", 40, 4000, run_info())
    desk.resumes_when_open = True
    assert sent(effects_of(react(desk, paused))) == [Resume()]
    assert not sent(effects_of(react(desk, paused)))


def test_a_core_that_died_is_started_again_and_opens_its_run() -> None:
    desk = desk_of(*training())
    died = CoreDied(-9, (), "runs/a")
    assert StartCore() not in effects_of(react(desk, died), "close")
    effects = effects_of(react(desk, died), "restart")
    assert asked(effects, AskRestart).died == died and StartCore() in effects
    assert sent(effects_of(react(desk, READY))) == [Load("runs/a")] and desk.resumes_when_open
    assert not sent(effects_of(react(desk, READY)))


def test_f5_that_waited_starts_when_the_core_is_ready() -> None:
    desk = desk_of()
    desk.waits_to_start = True
    assert [type(command) for command in sent(effects_of(react(desk, READY)))] == [Start]
    assert not desk.waits_to_start


def test_a_failure_shows_its_traceback_or_says_a_sentence() -> None:
    failed = Failed("It broke.", "Traceback …")
    way = react(desk_of(), failed)
    assert next(way) == Show(Traceback(failed))
    effects = effects_of(react(desk_of(), Failed("It broke.", "")))
    assert told(effects).startswith("It broke.")
