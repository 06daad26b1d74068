"""Reading a tale back: the choices that wrote it, recovered from its text alone."""

import math
from collections.abc import Iterator

from lmcore.data.tales.grammar import Choice, Fork, Literal, Node, Pick, Recall, Roles, total
from lmcore.data.tales.stories import STORY
from lmcore.errors import LabError

_Trail = tuple["_Trail", Choice] | None  # the choices so far, newest first, sharing their beginnings


class NoTale(LabError):
    """A text that the grammar of tales cannot have written: says where it departs from every tale."""


def parse_story(text: str) -> list[Choice]:
    """The choices that wrote one tale, in order; blank lines around it do not matter. Raises NoTale."""
    found = list(derivations(text))
    if len(found) != 1:
        raise NoTale(f"this tale can be told in {len(found)} ways, which no tale may: {text[:60]!r}")
    return found[0]


def story_nats(text: str) -> float:
    """Negative log-probability of one tale in nats, from its text alone. Raises NoTale."""
    return math.fsum(choice.nats for choice in parse_story(text))


def derivations(text: str) -> Iterator[list[Choice]]:
    """Every way in which the grammar can write `text`, all alternatives followed. Raises NoTale if there is none."""
    text = text.strip("\n")
    furthest, found = 0, 0
    open_ways: list[tuple[Node | None, int, Roles, _Trail]] = [(STORY, 0, {}, None)]
    while open_ways:
        node, at, roles, trail = open_ways.pop()
        while isinstance(node, Literal | Recall) or (node is not None and not isinstance(node, Fork | Pick)):
            if isinstance(node, Literal):
                written = node.text
            else:
                written = roles[node.role][node.form] if isinstance(node, Recall) else total(node.terms, roles)
            if not text.startswith(written, at):
                break
            at += len(written)
            node = node.then
        furthest = max(furthest, at)
        if node is None and at == len(text):
            found += 1
            yield _unwind(trail)
        elif isinstance(node, Fork):
            for choice, target in dict(node.options).items():
                open_ways.append((target, at, roles, (trail, choice)))
        elif isinstance(node, Pick):
            for choice, word in node.options:
                if text.startswith(word[node.form], at):
                    bound = {**roles, node.role: word} if node.role else roles
                    open_ways.append((node.then, at + len(word[node.form]), bound, (trail, choice)))
    if not found:
        raise NoTale(
            f"this text is no tale: from character {furthest} on it departs from every tale, "
            f"after {text[max(0, furthest - 30) : furthest]!r} comes {text[furthest : furthest + 20]!r}"
        )


def _unwind(trail: _Trail) -> list[Choice]:
    """The choices of a trail, oldest first."""
    choices = []
    while trail is not None:
        trail, choice = trail
        choices.append(choice)
    return choices[::-1]
