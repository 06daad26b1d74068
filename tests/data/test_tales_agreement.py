"""What a tale says first holds to its end: articles, pronouns, colours, owners, sums, answers."""

import math
import re
from collections import Counter

import pytest

from lmcore.data.tales import floor, parse_story, write_tales
from lmcore.data.tales.words import VALUES, WORDS

TALES = write_tales(seed=21, characters=600_000)
STORIES = TALES.text.split("\n\n")[:-1]
HEROES = {word[""]: word for word in WORDS["heroes"]}


def matches(pattern: str) -> list[re.Match[str]]:
    """The first match of a pattern in each story that has one; there must be many."""
    found = [match for story in STORIES if (match := re.search(pattern, story))]
    assert len(found) > 50, f"hardly any story has {pattern}"
    return found


def test_articles_follow_the_sound_of_the_next_word() -> None:
    for article, word in set(re.findall(r"\b([Aa]n?) ([\w-]+)", TALES.text)):
        vowel = (word[0] in "aeiou" and not word.startswith(("one", "use"))) or word in ("honest", "hour")
        assert article.lower() == ("an" if vowel else "a"), f"{article} {word}"


def test_pronouns_agree_with_the_hero() -> None:
    for story in STORIES:
        hero = next(
            HEROES[choice.picked] for choice in parse_story(story) if choice.what in ("girls", "boys", "cubs", "heroes")
        )
        narration = re.sub(r'"[^"]*"', "", story)
        pronouns = set(re.findall(r"\b(?:he|she|him|her|his)\b", narration.lower()))
        assert pronouns <= {hero["he"], hero["him"], hero["his"]}, story


def test_what_was_lost_is_what_is_missed() -> None:
    for match in matches(
        r'(?:took|carried|brought) (?:his|her) (\w+) ([\w-]+) to .*? looked for the (\w+) ([\w-]+) .*? "Oh ([\w-]+),'
    ):
        assert (match[1], match[2]) == (match[3], match[4])
        assert match[2] == match[5]


def test_what_was_borrowed_returns_to_its_owner() -> None:
    for match in matches(
        r"(\w+) borrowed an? (\w+ [\w-]+) from (the [\w ]+), .*?The (\w+ [\w-]+) belongs to (the [\w ]+)\."
    ):
        assert (match[2], match[3]) == (match[4], match[5])
        assert match[1] in HEROES


def test_a_trade_changes_the_owners() -> None:
    for match in matches(
        r'your (\w+ [\w-]+) for my (\w+) (\w+)\?.*, your (\w+) for my (\w+ [\w-]+)," .* with the (\w+ [\w-]+),'
    ):
        assert match[1] == match[5] == match[6]
        assert match[3] == match[4]


def test_sums_are_right() -> None:
    for match in matches(
        r"found (\w+) (\w+)\. .* (\w+) more \w+\. .*\"(\w+) and (\w+) make (\w+) (\w+),"
        r".* (\w+) of the (\w+) (\w+) to .*, so (\w+) (\w+) were left\. \w+ and \w+ \w+ the (\w+) (\w+) "
    ):
        first, items, second, again, more, total, whose, given, whole, *rest = match.groups()
        assert (again.lower(), more, whole) == (first, second, total)
        assert VALUES[first] + VALUES[second] == VALUES[total]
        assert VALUES[total] - VALUES[given] == VALUES[rest[1]] == VALUES[rest[3]]
        assert {whose, rest[0], rest[2], rest[4]} == {items}


def test_riddles_get_their_answers() -> None:
    answers = {word["question"]: word[""] for word in WORDS["riddles"]}
    for match in matches(r'my riddle, .*\. "([^?]+\?)" .*, it is ([\w ]+)!'):
        assert answers[match[1]] == match[2]


def test_the_vocabulary_is_rich_and_every_word_of_it_is_used() -> None:
    used = {word.lower() for word in re.findall(r"[A-Za-z]+", TALES.text)}
    assert len(used) >= 800
    for name, words in WORDS.items():
        assert len({word[""] for word in words}) == len(words), f"a word stands twice in {name}"
        for word in words:
            assert word[""] in TALES.text or word["Cap"] in TALES.text, f"{word['']} of {name} is never used"


def test_stories_are_short_and_none_comes_twice() -> None:
    assert len(set(STORIES)) == len(STORIES)
    assert all(300 <= len(story) <= 800 for story in STORIES)


def test_words_come_as_often_as_their_probability_says() -> None:
    picked: dict[str, Counter[str]] = {}
    for story in STORIES:
        for choice in parse_story(story):
            picked.setdefault(choice.what, Counter())[choice.picked] += 1
    assert picked.keys() - {"fork"} == set(WORDS)
    for name, words in WORDS.items():
        expected = picked[name].total() / len(words)
        chi_squared = sum((picked[name][word[""]] - expected) ** 2 / expected for word in words)
        assert chi_squared == pytest.approx(len(words) - 1, abs=5 * (2 * len(words)) ** 0.5), name


def test_models_approach_the_floor_from_above() -> None:
    train, held_out = TALES.text[:120_000], write_tales(seed=22, characters=10_000)
    losses = [ngram_loss(train, held_out.text, order) for order in (1, 2, 4, 6)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1.2
    assert losses[-1] > floor(held_out, 0, len(held_out.text))


def ngram_loss(train: str, held_out: str, order: int) -> float:
    """Nats per character of held-out text under an interpolated n-gram model (Dirichlet smoothing at each length)."""
    counts: dict[str, Counter[str]] = {}
    for length in range(order):
        for at in range(length, len(train)):
            counts.setdefault(train[at - length : at], Counter())[train[at]] += 1
    totals = {history: following.total() for history, following in counts.items()}
    nats = 0.0
    for at in range(order, len(held_out)):
        probability = 1 / 128
        for length in range(order):
            if (history := held_out[at - length : at]) in counts:
                probability = (counts[history][held_out[at]] + probability) / (totals[history] + 1)
        nats -= math.log(probability)
    return nats / (len(held_out) - order)
