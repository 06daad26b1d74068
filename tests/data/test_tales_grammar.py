"""The notation of the tales: what a pattern writes, with which probability, and how its mistakes are told."""

import math
import random
from collections import Counter

import pytest

from lmcore.data.tales.grammar import Fork, GrammarError, Literal, Node, Pick, Recall, Roles, compile_pattern, total


def texts(node: Node | None, roles: Roles | None = None) -> dict[str, float]:
    """Every text that a graph can write, with its probability."""
    roles = roles or {}
    if node is None:
        return {"": 1.0}
    found: Counter[str] = Counter()
    if isinstance(node, Fork):
        for choice, then in dict(node.options).items():
            for text, probability in texts(then, roles).items():
                found[text] += math.exp(-choice.nats) * probability
    elif isinstance(node, Pick):
        for choice, word in node.options:
            for text, probability in texts(node.then, {**roles, node.role: word}).items():
                found[word[node.form] + text] += math.exp(-choice.nats) * probability
    else:
        if isinstance(node, Literal):
            written = node.text
        else:
            written = roles[node.role][node.form] if isinstance(node, Recall) else total(node.terms, roles)
        for text, probability in texts(node.then, roles).items():
            found[written + text] += probability
    return dict(found)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("Once.", {"Once.": 1}),
        ("[a|b]c", {"ac": 1 / 2, "bc": 1 / 2}),
        ("[3:a|b]", {"a": 3 / 4, "b": 1 / 4}),
        ("x[ y|]", {"x y": 1 / 2, "x": 1 / 2}),
        ("[a[b|c]|d]", {"ab": 1 / 4, "ac": 1 / 4, "d": 1 / 2}),
        ("{n:given} + {n}", {"two + two": 1 / 2, "three + three": 1 / 2}),
        ("{n:given.Cap}, {n+n}, {n+n-n}", {"Two, four, two": 1 / 2, "Three, six, three": 1 / 2}),
        ("", {"": 1}),
    ],
)
def test_a_pattern_writes_its_texts_with_their_probabilities(pattern: str, expected: dict[str, float]) -> None:
    assert texts(compile_pattern(pattern)) == pytest.approx(expected)


def test_probabilities_of_a_large_pattern_sum_to_one() -> None:
    written = texts(compile_pattern("[{a:colours.a} {:foods}|[2:The {b:given}|{:second} {:first}]]{:meals}"))
    assert math.fsum(written.values()) == pytest.approx(1)
    assert len(written) > 1_000


def test_weights_are_what_the_dice_follow() -> None:
    fork = compile_pattern("[3:a|b]")
    assert isinstance(fork, Fork)
    dice = random.Random(0)
    picked = Counter(fork.options[int(dice.random() * len(fork.options))][0].picked for _ in range(4_000))
    assert picked["0"] == pytest.approx(3_000, abs=150)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[a|b", "never closed"),
        ("a|b", "outside of any fork"),
        ("a]", "outside of any fork"),
        ("{hero", "a brace without its partner"),
        ("{x:unicorns}", "no word list is called 'unicorns'"),
        ("{x:foods.his}", "has the form 'his'"),
    ],
)
def test_mistakes_in_a_pattern_are_told(pattern: str, message: str) -> None:
    with pytest.raises(GrammarError, match=message):
        compile_pattern(pattern)
