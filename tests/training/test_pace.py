"""That steps have become slow is said once, when it is certain, and not where the run itself explains it."""

from collections.abc import Iterable

from lmcore.training.pace import Pace

SENTENCE = "Steps take 6 times as long as before (3.0 s, before 500 ms): something else seems to use the machine."


def notices(pace: Pace, seconds: Iterable[float], tokens: int = 100, setting: object = None) -> list[tuple[int, str]]:
    """What is said after which step, counted from 0."""
    said = [pace.notice(one, tokens, setting) for one in seconds]
    return [(step, sentence) for step, sentence in enumerate(said) if sentence]


def test_it_is_said_once_when_most_of_the_newest_steps_are_slow_for_some_seconds() -> None:
    assert notices(Pace(), [0.5] * 30 + [3.0] * 200) == [(33, SENTENCE)]


def test_it_is_said_again_only_after_it_was_over() -> None:
    slow, half, usual = [3.0] * 10, [1.2] * 10, [0.5] * 10
    said = notices(Pace(), usual * 3 + slow + half + slow + usual + slow)
    assert [step for step, _ in said] == [33, 73]


def test_single_long_steps_and_short_hitches_are_not_said() -> None:
    assert notices(Pace(), ([0.5] * 9 + [60.0]) * 20) == []
    assert notices(Pace(), [0.01] * 50 + [0.05] * 90 + [0.01] * 50) == []  # 4.5 seconds


def test_the_first_steps_say_nothing() -> None:
    assert notices(Pace(), [9.0] + [0.5] * 15 + [4.0] * 4) == []


def test_a_larger_batch_is_no_slower_for_each_token_and_another_setting_begins_anew() -> None:
    pace = Pace()
    assert notices(pace, [0.5] * 30) == []
    assert notices(pace, [3.0] * 30, tokens=600) == []
    assert notices(pace, [3.0] * 30, setting="a costly hook") == []
    assert notices(pace, [18.0] * 10, setting="a costly hook")[0][0] == 2
