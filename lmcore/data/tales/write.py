"""Writing tales: a corpus of any length from a seed, with the exact negative log-probability of each story."""

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from lmcore.data.tales.grammar import Choice, Fork, Literal, Node, Pick, Recall, Roles, total
from lmcore.data.tales.stories import STORY

SEPARATOR = "\n\n"


class TalesError(ValueError):
    """A request that the corpus cannot answer: says what would be right."""


@dataclass(frozen=True)
class Tales:
    """A corpus of stories, each followed by a blank line: plain ASCII, printable characters and newlines."""

    text: str
    story_ends: array[int]  # offset in text just after each story and its blank line
    story_nats: array[float]  # negative log-probability of each story, in nats


def write_tales(seed: int, characters: int) -> Tales:
    """Stories until at least `characters` characters are written: the same for the same seed, on every machine.

    A longer corpus of the same seed begins with the shorter one. Raises TalesError for a length below 1.
    """
    if characters < 1:
        raise TalesError(f"a corpus of tales needs at least 1 character, but {characters} were asked for")
    dice = random.Random(seed).random
    pieces: list[str] = []
    ends, nats = array("q"), array("d")
    end = 0
    while end < characters:
        story, choices = write_story(dice)
        pieces.append(story)
        end += len(story)
        ends.append(end)
        nats.append(math.fsum([choice.nats for choice in choices]))
    return Tales("".join(pieces), ends, nats)


def write_story(dice: Callable[[], float]) -> tuple[str, list[Choice]]:
    """One story with the blank line after it, and the choices it took; `dice` gives uniform numbers in [0, 1)."""
    pieces: list[str] = []
    choices: list[Choice] = []
    roles: Roles = {}
    node: Node | None = STORY
    while node is not None:
        kind = type(node)
        if kind is Literal:
            pieces.append(node.text)  # type: ignore[union-attr]
        node = node.then
    pieces.append(SEPARATOR)
    return "".join(pieces), choices
