"""The places where a hook may act, and which of them a typed `at` means. Pure functions."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from lmcore.protocol.messages import HookDescription

Place = tuple[str, str]
"""A hook point's or a parameter's name, and its shape in words."""


def places_of(kind: str, described: HookDescription) -> tuple[Place, ...]:
    """Where a hook of a kind may act: hook points, parameters, or both."""
    points, parameters = described.points, described.parameters
    return {"forward": points, "update": parameters}.get(kind, (*points, *parameters))


def matched(at: str, kind: str, described: HookDescription) -> tuple[Place, ...]:
    """The places that a glob matches: hook points first, and parameters only where no point matches."""
    points = [place for place in described.points if fnmatchcase(place[0], at)] if kind != "update" else []
    parameters = [place for place in described.parameters if fnmatchcase(place[0], at)] if kind != "forward" else []
    return tuple(points or parameters)


def suggested(typed: str, kind: str, described: HookDescription) -> tuple[Place, ...]:
    """What the picker offers: the places that a glob matches, else those with every typed word in their names."""
    found = matched(typed, kind, described)
    if found:
        return found
    words: Sequence[str] = typed.lower().replace("*", " ").split()
    return tuple(place for place in places_of(kind, described) if all(word in place[0].lower() for word in words))
