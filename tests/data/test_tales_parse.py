"""Each tale has exactly one derivation, and it can be read back from the text alone."""

import math
import random

import pytest

from lmcore.data.tales import NoTale, parse_story, story_nats, write_tales
from lmcore.data.tales.parse import derivations
from lmcore.data.tales.write import write_story


def test_the_choices_are_read_back_and_no_others_are_possible() -> None:
    dice = random.Random(1).random
    for _ in range(2_000):
        text, choices = write_story(dice)
        assert list(derivations(text)) == [choices]
        assert parse_story(text) == choices


def test_the_recorded_nats_follow_from_the_text() -> None:
    tales = write_tales(2, 200_000)
    for story, nats in zip(tales.text.split("\n\n"), tales.story_nats, strict=False):
        assert story_nats(story) == pytest.approx(nats, abs=1e-9)


def test_the_probabilities_of_all_openings_sum_to_one() -> None:
    first_choices = {tuple(parse_story(text)[:1]) for text in write_tales(3, 100_000).text.split("\n\n") if text}
    assert math.fsum(math.exp(-choice.nats) for (choice,) in first_choices) == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "from character 0"),
        ("Call me Ishmael.", "from character 0"),
        ("One sunny morning, Ishmael went to sea.", "from character 19"),
    ],
)
def test_a_text_that_is_no_tale_is_told_where_it_departs(text: str, place: str) -> None:
    with pytest.raises(NoTale, match=place):
        parse_story(text)


def test_a_changed_tale_is_no_tale() -> None:
    story = write_tales(4, 1).text.strip()
    for at in range(0, len(story), 7):
        with pytest.raises(NoTale):
            parse_story(story[:at] + "#" + story[at + 1 :])
    with pytest.raises(NoTale):
        parse_story(story + " The end.")
