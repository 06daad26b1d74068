"""Opening, starting and forking runs: what is asked first, and what is sent."""

from pathlib import Path

from lmcore.protocol.messages import Fork, Load, Start, StateChanged, Stop
from tests.tui.desk.decided import asked, desk_of, effects_of, sent, told, training
from tests.tui.fake_core import run_info
from tui.desk.desk import Desk
from tui.desk.effects import Ask, Close, Comparison, Confirm, Moments, OneChange, Overlay, Show
from tui.desk.runs import compare_runs, fork_run, new_run, open_run, show_moments

OTHER = Path("runs/other")


def test_a_run_that_trains_is_stopped_only_after_a_yes() -> None:
    desk = desk_of(*training())
    for answer in (False, None):
        assert not sent(effects_of(open_run(desk, OTHER, "last", True), answer)) and not desk.resumes_when_open
    effects = effects_of(open_run(desk, OTHER, "last", True), True)
    assert "step 40 of 4,000" in asked(effects, Confirm).text
    assert sent(effects) == [Stop(), Load(str(OTHER.resolve()), "last")] and desk.resumes_when_open


def test_nothing_is_asked_where_nothing_trains() -> None:
    paused = desk_of(*training(), StateChanged("paused", 40, 4000, run_info()))
    assert [type(command) for command in sent(effects_of(new_run(paused, "", False)))] == [Stop, Start]
    assert [type(command) for command in sent(effects_of(new_run(desk_of(), "", False)))] == [Start]
    assert "not ready" in told(effects_of(open_run(Desk(), OTHER, "last", False)))


def test_a_fork_of_the_open_run_leaves_the_stopping_to_the_core() -> None:
    desk, answer = desk_of(*training()), ((("training.dropout", "0.1"),), True)
    folder = Path(run_info().folder)
    effects = effects_of(fork_run(desk, folder, 20, "a"), answer)
    assert asked(effects, OneChange).is_open and effects[-1] == Overlay(folder)
    assert sent(effects) == [Fork(str(folder.resolve()), "20", answer[0], from_weights=True)]


def test_a_fork_of_another_run_asks_before_it_stops_the_open_one() -> None:
    desk = desk_of(*training())
    effects = effects_of(fork_run(desk, OTHER, 20, "a"), ((), False), True)
    assert [type(effect.question) for effect in effects if isinstance(effect, Ask)] == [OneChange, Confirm]
    assert sent(effects) == [Stop(), Fork(str(OTHER.resolve()), "20")]
    assert not sent(effects_of(fork_run(desk, OTHER, 20, "a"), ((), False), False))
    assert not sent(effects_of(fork_run(desk, OTHER, 20, "a"), None))


def test_moments_are_of_the_open_run_or_of_another() -> None:
    desk = desk_of(*training())
    assert effects_of(show_moments(desk)) == [Close(), Show(Moments())]
    assert effects_of(show_moments(desk, OTHER)) == [Close(), Show(Moments(OTHER))]
    assert effects_of(show_moments(desk, Path(run_info().folder))) == [Close(), Show(Moments())]
    assert "F5 starts one" in told(effects_of(show_moments(desk_of())))


def test_one_run_is_not_compared() -> None:
    assert "needs two runs" in told(effects_of(compare_runs((OTHER,))))
    both = (OTHER, Path("runs/b"))
    assert effects_of(compare_runs(both)) == [Show(Comparison(both))]
