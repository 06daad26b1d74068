"""Writing tales: a corpus of any length from a seed, with the exact negative log-probability of each story."""

import math
import random
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

from lmcore.data.tales.grammar import Choice, Fork, Literal, Node, Pick, Recall, Roles, total
from lmcore.data.tales.stories import STORY
from lmcore.errors import LabError

SEPARATOR = "\n\n"


class TalesError(LabError):
    """A request that the corpus cannot answer: says what would be right."""


@dataclass(frozen=True)
class Tales:
    """A corpus of stories, each followed by a blank line: plain ASCII, printable characters and newlines."""

    text: str
    story_ends: "array[int]"  # offset in text just after each story and its blank line
    story_nats: "array[float]"  # negative log-probability of each story, in nats


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
        if isinstance(node, Literal):
            pieces.append(node.text)
            node = node.then
        elif isinstance(node, Fork):
            choice, node = node.options[int(dice() * len(node.options))]
            choices.append(choice)
        elif isinstance(node, Pick):
            choice, word = node.options[int(dice() * len(node.options))]
            choices.append(choice)
            pieces.append(word[node.form])
            if node.role:
                roles[node.role] = word
            node = node.then
        else:
            pieces.append(roles[node.role][node.form] if isinstance(node, Recall) else total(node.terms, roles))
            node = node.then
    pieces.append(SEPARATOR)
    return "".join(pieces), choices


def split_point(tales: Tales, fraction: float) -> int:
    """The first story boundary at or after (1 - fraction) of the text: there the validation part begins.

    Raises TalesError unless 0 <= fraction <= 1.
    """
    if not 0 <= fraction <= 1:
        raise TalesError(f"the validation fraction must lie between 0 and 1, but it is {fraction}")
    wanted = math.ceil((1 - fraction) * len(tales.text))
    return tales.story_ends[bisect_left(tales.story_ends, wanted)] if wanted > 0 else 0


def floor(tales: Tales, start: int, end: int) -> float:
    """Exact mean negative log-probability of text[start:end], in nats per character: the loss of a perfect model.

    Both ends must be story boundaries (0 is one), and the part must not be empty. Raises TalesError.
    """
    if start >= end:
        raise TalesError(f"the part from {start} to {end} is empty: the floor is a mean over at least one story")
    first, last = _stories_before(tales, start), _stories_before(tales, end)
    return math.fsum(tales.story_nats[first:last]) / (end - start)


def _stories_before(tales: Tales, offset: int) -> int:
    """How many stories end at or before a story boundary. Raises TalesError for any other offset."""
    if offset == 0:
        return 0
    story = bisect_left(tales.story_ends, offset)
    if story == len(tales.story_ends) or tales.story_ends[story] != offset:
        raise TalesError(f"offset {offset} lies within a story: the floor is known from one story boundary to another")
    return story + 1
