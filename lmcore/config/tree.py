"""YAML text as a tree whose nodes know which characters they are made of.

Built from PyYAML's events, not by its loader: nothing is constructed from tags, aliases are not followed, and depth and
size are bounded, so that any text whatever soon ends in a tree or in a problem.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from lmcore.config.problems import MOST_PROBLEMS, Problem, problem_at
from lmcore.config.scalars import UNPRINTABLE, resolve_plain
from lmcore.config.syntax_errors import explain

MOST_CHARACTERS = 256 * 1024
MOST_VALUES = 10_000
DEEPEST = 20
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same events, twenty times as fast


@dataclass(frozen=True)
class Scalar:
    """A single value; `text[start:end]` is what stands for it, quotes included (nothing for an empty value)."""

    start: int
    end: int
    value: Any
    style: str  # "" for plain, else one of ' " | >


@dataclass(frozen=True)
class Entry:
    """A key and its value."""

    name: str
    key: Scalar
    value: "Node"


@dataclass(frozen=True)
class Mapping:
    """Keys and values, in their order, in block style or {flow} style."""

    start: int
    end: int
    entries: tuple[Entry, ...]
    flow: bool

    def get(self, name: str) -> "Node | None":
        """The value of a key, if it is there."""
        return next((entry.value for entry in self.entries if entry.name == name), None)


@dataclass(frozen=True)
class Sequence:
    """A list, in block style or [flow] style."""

    start: int
    end: int
    items: tuple["Node", ...]
    flow: bool


Node = Scalar | Mapping | Sequence


class _Stop(Exception):
    """Reading cannot go on; the problem says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_tree(text: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """The tree of a text (None if there is nothing in it), and what is wrong with it as YAML. Never raises."""
    if len(text) > MOST_CHARACTERS:
        message = f"this is {len(text):,} characters long; a configuration has at most {MOST_CHARACTERS:,}"
        return None, (problem_at(text, 0, "", message),)
    if strange := UNPRINTABLE.search(text, 1 if text.startswith("\ufeff") else 0):
        message = f"the character U+{ord(strange.group()):04X} cannot stand in a configuration: is this a text file?"
        return None, (problem_at(text, strange.start(), "", message),)
    reader = _Reader(text)
    try:
        return reader.document(), tuple(reader.problems)
    except _Stop as stop:
        return None, (*reader.problems, stop.problem)
    except yaml.MarkedYAMLError as error:
        return None, (*reader.problems, explain(text, error, reader.offset))
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        return None, (*reader.problems, problem_at(text, 0, "", f"not valid YAML: {error}"))


def to_data(node: Node | None) -> Any:
    """The plain values of a tree: dicts, lists, and scalars."""
    if isinstance(node, Mapping):
        return {entry.name: to_data(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [to_data(item) for item in node.items]
    return node.value if node is not None else None


def find(node: Node | None, path: tuple[str, ...]) -> Node | None:
    """The node at a path of names (positions, in lists), if it is there."""
    for name in path:
        if isinstance(node, Mapping):
            node = node.get(name)
        elif isinstance(node, Sequence) and name.isdecimal() and int(name) < len(node.items):
            node = node.items[int(name)]
        else:
            return None
    return node


class _Reader:
    """Reads one text's events into a tree, noting what is wrong on the way."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 1 if text.startswith("\ufeff") else 0  # a byte order mark is no part of the YAML
        self.problems: list[Problem] = []
        self.values = 0
        self.events: Iterator[Any] = iter(yaml.parse(text[self.offset :], Loader=Loader))

    def document(self) -> Node | None:
        """The first and only document's root."""
        next(self.events)  # the stream's start
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        root = self.node(next(self.events), "", 0)
        next(self.events)  # the document's end
        rest = next(self.events)
        if not isinstance(rest, yaml.StreamEndEvent):
            self.note(rest, "", "a second document begins here; a configuration is one")
        return root if root.start < root.end or not isinstance(root, Scalar) else None

    def note(self, event: Any, key: str, message: str) -> None:
        problem = problem_at(self.text, event.start_mark.index + self.offset, key, message)
        if len(self.problems) == MOST_PROBLEMS - 1:
            raise _Stop(problem)
        self.problems.append(problem)

    def node(self, event: Any, key: str, depth: int) -> Node:
        """The node that begins with an event."""
        start, end = event.start_mark.index + self.offset, event.end_mark.index + self.offset
        if depth > DEEPEST:
            raise _Stop(problem_at(self.text, start, key, f"nested more than {DEEPEST} levels deep"))
        self.values += 1
        if self.values > MOST_VALUES:
            raise _Stop(problem_at(self.text, start, key, f"a configuration has at most {MOST_VALUES:,} values"))
        if isinstance(event, yaml.AliasEvent):
            self.note(event, key, f"*{event.anchor} refers to another place; write the value itself here")
            return Scalar(start, end, None, "")
        if event.anchor is not None:
            self.note(event, key, f"&{event.anchor} names a value for use elsewhere, which configurations do not have")
        if event.tag is not None and event.tag != "!":
            self.note(event, key, f"the tag {event.tag} is not used in configurations; write the value alone")
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(event, key, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(event, key, depth)
        if event.style in ("|", ">"):
            end = start + len(self.text[start:end].rstrip())  # the lines below it are not its own
        plain = not event.style and event.implicit[0]
        return Scalar(start, end, resolve_plain(event.value) if plain else event.value, event.style or "")

    def mapping(self, event: Any, key: str, depth: int) -> Mapping:
        entries: list[Entry] = []
        names: set[str] = set()
        start = end = event.start_mark.index + self.offset
        while not isinstance(first := next(self.events), yaml.MappingEndEvent):
            name = self.name(first, key)
            path = f"{key}.{name}" if key else name
            own = Scalar(first.start_mark.index + self.offset, first.end_mark.index + self.offset, name, "")
            value = self.node(next(self.events), path, depth + 1)
            if name in names:
                self.note(first, path, f"{path} is given twice; keep one of them")
            names.add(name)
            entries.append(Entry(name, own, value))
            end = max(own.end, value.end)
        return Mapping(start, self.ending(event, first, end), tuple(entries), bool(event.flow_style))

    def name(self, event: Any, key: str) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            where = f" in {key}" if key else ""
            raise _Stop(
                problem_at(self.text, event.start_mark.index + self.offset, key, f"a key{where} must be a single word")
            )
        return str(event.value)

    def sequence(self, event: Any, key: str, depth: int) -> Sequence:
        items: list[Node] = []
        start = end = event.start_mark.index + self.offset
        while not isinstance(first := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(first, f"{key}.{len(items)}", depth + 1))
            end = max(end, items[-1].end)
        return Sequence(start, self.ending(event, first, end), tuple(items), bool(event.flow_style))

    def ending(self, event: Any, last: Any, end: int) -> int:
        """Where a collection ends: a flow one at its bracket, a block one with its last value."""
        return int(last.end_mark.index) + self.offset if event.flow_style else end
