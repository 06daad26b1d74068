"""Where a new key goes in YAML text: below the key that the schema has before it, in the style of what is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lmcore.config.tree import Mapping, Node, find
from lmcore.config.validation import Path, known_names


@dataclass(frozen=True)
class Edit:
    """Characters to put in the place of `text[start:end]`."""

    start: int
    end: int
    characters: str


@dataclass(frozen=True)
class Insertion:
    """A new entry: its lines in block style at an indentation, and itself in {flow} style."""

    name: str
    lines: Callable[[str], list[str]]
    flow: str


def insertions(text: str, tree: Node | None, path: Path, entries: Sequence[Insertion]) -> list[Edit]:
    """The edits that add entries, given in the schema's order, to the mapping (or the empty value) at a path."""
    if not entries:
        return []
    node, inside = find(tree, path), ", ".join(entry.flow for entry in entries)
    if isinstance(node, Mapping) and node.entries and node.flow:
        end = max(node.entries[-1].key.end, node.entries[-1].value.end)
        return [Edit(end, end, f", {inside}")]
    if isinstance(node, Mapping) and node.entries:
        return [_in_block(text, node, path, entry) for entry in entries]
    home = find(tree, path[:-1]) if path else None
    if isinstance(home, Mapping) and home.flow and node is not None:
        return [replacement_of(text, node, f"{{{inside}}}")]
    edits = [Edit(node.start, node.end, "")] if node is not None and node.start < node.end else []
    if isinstance(home, Mapping):
        key = next(entry.key for entry in home.entries if entry.name == path[-1])
        place, indent = _below(text, node.end if node is not None else key.end), _indent(text, key.start) + "  "
    else:
        place, indent = len(text), ""
    apart = [] if path else [""]
    for number, entry in enumerate(entries):
        blank = apart if number or text[:place].strip() else []
        edits.append(_as_lines(text, place, [*blank, *entry.lines(indent)]))
    return edits


def replacement_of(text: str, node: Node, characters: str) -> Edit:
    """The edit that puts a value in the place of one that is there, or of nothing after a colon."""
    if node.start < node.end:
        return Edit(node.start, node.end, characters)
    before = len(text[: node.start].rstrip(" "))
    colon = "" if text[before - 1 : before] == ":" else ":"  # in {flow} style a key may stand alone
    return Edit(before, before, f"{colon} {characters}")


def _in_block(text: str, home: Mapping, path: Path, entry: Insertion) -> Edit:
    """The edit that adds an entry to a block mapping that has some."""
    order = known_names(path)
    rank = {name: number for number, name in enumerate(order)}
    mine = rank.get(entry.name, len(order))
    before = [other for other in home.entries if rank.get(other.name, -1) < mine]
    lines = entry.lines(_indent(text, home.entries[0].key.start))
    if before or path[:1] == ("hooks",):
        last = max(before or home.entries, key=lambda other: (rank.get(other.name, -1), other.key.start))
        if path[:1] == ("hooks",):
            last = home.entries[-1]
        place = _below(text, max(last.key.end, last.value.end))
        if not path:
            place = _below_comments(text, place)
        return _as_lines(text, place, ["", *lines] if not path else lines)
    place = _above_comments(text, home.entries[0].key.start)
    return _as_lines(text, place, [*lines, ""] if not path else lines)


def _as_lines(text: str, place: int, lines: Sequence[str]) -> Edit:
    newline = "\r\n" if "\r\n" in text else "\n"
    if place == 0 or text[place - 1] in "\r\n":
        return Edit(place, place, newline.join([*lines, ""]))
    return Edit(place, place, newline.join(["", *lines]))


def _indent(text: str, key_start: int) -> str:
    """Blanks as wide as the column that a key begins in."""
    return " " * (key_start - _line_start(text, key_start))


def _line_start(text: str, index: int) -> int:
    return max(text.rfind("\n", 0, index), text.rfind("\r", 0, index)) + 1


def _below(text: str, index: int) -> int:
    """Where the line below the one that holds a character begins."""
    while index < len(text) and text[index] not in "\r\n":
        index += 1
    return index + 2 if text[index : index + 2] == "\r\n" else min(index + 1, len(text))


def _below_comments(text: str, index: int) -> int:
    """Past the indented comments that belong to the section above."""
    while index < len(text):
        line = text[index : _below(text, index)]
        if not line.startswith((" ", "\t")) or not line.lstrip(" \t").startswith("#"):
            break
        index += len(line)
    return index


def _above_comments(text: str, index: int) -> int:
    """Where the comment directly above a line begins."""
    start = _line_start(text, index)
    while start > 0:
        above = _line_start(text, start - 2 if text[start - 2 : start] == "\r\n" else start - 1)
        if not text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start
