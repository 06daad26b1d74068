"""Changing a value inside of YAML text: exactly its own characters, so that comments, order and blank lines survive."""

from typing import Any

from lmcore.config.insertion import Edit, Insertion, insertions, replacement_of
from lmcore.config.overrides import Overrides, parse_yaml_value, shortened, with_override
from lmcore.config.problems import ConfigError, general_problem
from lmcore.config.scalars import to_yaml_value
from lmcore.config.schema import SECTIONS, TrainingConfig
from lmcore.config.template import comment_lines, field_lines, section_lines
from lmcore.config.tree import Mapping, Node, Scalar, Sequence, find, read_tree, to_data
from lmcore.config.validation import Path, known_names
from lmcore.config.values import get_from_config


def set_in_text(text: str, key: str, yaml_value: str) -> str:
    """The text with the value at a dotted key replaced by `yaml_value`, and every other character as it was.

    A key that the text lacks is inserted where the schema has it, below its description. The value is not checked
    against the schema. Raises ConfigError if the text is not YAML, the key is none, or `yaml_value` is not one value.
    """
    tree = _tree_of(text)
    path = tuple(key.split("."))
    value = parse_yaml_value(yaml_value)
    expected = with_override(to_data(tree), key, value)
    for characters in dict.fromkeys((_own_characters(yaml_value), to_yaml_value(value))):
        changed = _applied(text, _edits(text, tree, path, characters))
        again, problems = read_tree(changed)
        if not problems and _same(to_data(again), expected):
            return changed
    raise ConfigError([general_problem(f"{key} cannot be changed in this text by itself; change it by hand", key)])


def changed_text(text: str, overrides: Overrides) -> str:
    """The text with each override in it, as `set_in_text` does it, and the phases that they shorten. ConfigError."""
    shorter = [(phase.key, str(phase.new)) for phase in shortened(to_data(_tree_of(text)), overrides)]
    for key, value in (*overrides, *shorter):
        text = set_in_text(text, key, value)
    return text


def resolved_text(text: str, overrides: Overrides = ()) -> str:
    """The text with overrides in it, as `changed_text` does it, and every field that it lacks inserted, with its
    description and its default."""
    text = changed_text(text, overrides)
    text = _without_open_end(text)
    tree, defaults = _tree_of(text), TrainingConfig()
    edits: list[Edit] = []
    sections: list[Insertion] = []
    for section in TrainingConfig.model_fields:
        node = find(tree, (section,))
        if section in SECTIONS and node is not None:
            given = [entry.name for entry in node.entries] if isinstance(node, Mapping) else []
            missing = [name for name in known_names((section,)) if name not in given]
            values = {name: to_yaml_value(get_from_config(defaults, f"{section}.{name}")) for name in missing}
            edits += insertions(text, tree, (section,), [_field(section, name, values[name]) for name in missing])
        elif node is None:
            sections.append(_whole_section(defaults, section))
    return _applied(text, edits + insertions(text, tree, (), sections))


def _tree_of(text: str) -> Node | None:
    tree, problems = read_tree(text)
    if problems:
        raise ConfigError(problems)
    if tree is not None and not isinstance(tree, Mapping) and to_data(tree) is not None:
        raise ConfigError([general_problem("a configuration is made of sections such as 'model:'")])
    return tree


def _without_open_end(text: str) -> str:
    """The text with a | or > value at its very end put in quotes: lines added below would become a part of it."""
    node = _tree_of(text)
    while isinstance(node, Mapping | Sequence) and (node.entries if isinstance(node, Mapping) else node.items):
        node = node.entries[-1].value if isinstance(node, Mapping) else node.items[-1]
    if not isinstance(node, Scalar) or node.style not in ("|", ">") or text.endswith(("\n", "\r")):
        return text
    return _applied(text, [Edit(node.start, len(text), to_yaml_value(node.value))])


def _own_characters(yaml_value: str) -> str:
    """The characters of the value itself, without the blanks and comments around it."""
    tree, _ = read_tree(yaml_value)
    if tree is None or (isinstance(tree, Scalar) and tree.style in ("|", ">")):
        return to_yaml_value(to_data(tree))
    if isinstance(tree, Mapping | Sequence) and not tree.flow:
        return to_yaml_value(to_data(tree))
    characters = yaml_value[tree.start : tree.end]
    return characters if "\n" not in characters and "\r" not in characters else to_yaml_value(to_data(tree))


def _edits(text: str, tree: Node | None, path: Path, characters: str) -> list[Edit]:
    node = find(tree, path)
    if node is not None:
        return [_replacement(text, tree, node, path, characters)]
    if len(path) == 2 and path[0] in SECTIONS:
        field = _field(path[0], path[1], characters)
        if find(tree, path[:1]) is not None:
            return insertions(text, tree, path[:1], [field])
        return insertions(text, tree, (), [_section_of(path[0], field)])
    if len(path) == 1:
        (name,) = path
        plain = Insertion(name, lambda indent: [*comment_lines(name, indent), f"{indent}{name}: {characters}"],
                          f"{name}: {characters}")  # fmt: skip
        return insertions(text, tree, (), [plain])
    plain = Insertion(path[-1], lambda indent: [f"{indent}{path[-1]}: {characters}"], f"{path[-1]}: {characters}")
    return insertions(text, tree, path[:-1], [plain])


def _replacement(text: str, tree: Node | None, node: Node, path: Path, characters: str) -> Edit:
    """The edit that puts a value in the place of one that is there."""
    home = find(tree, path[:-1])
    if isinstance(home, Mapping) and not isinstance(node, Scalar) and not node.flow:
        entry = next(entry for entry in home.entries if entry.name == path[-1])
        return Edit(text.index(":", entry.key.end) + 1, node.end, f" {characters}")
    return replacement_of(text, node, characters)


def _field(section: str, name: str, characters: str) -> Insertion:
    return Insertion(name, lambda indent: field_lines(f"{section}.{name}", characters, indent), f"{name}: {characters}")


def _section_of(section: str, field: Insertion) -> Insertion:
    """A section that holds one field."""
    return Insertion(
        section,
        lambda indent: [*comment_lines(section, indent), f"{indent}{section}:", *field.lines(indent + "  ")],
        f"{section}: {{{field.flow}}}",
    )


def _whole_section(config: TrainingConfig, section: str) -> Insertion:
    if section == "hooks":
        flow = f"hooks: {to_yaml_value(config.hooks)}"
    else:
        values = getattr(config, section)
        pairs = [f"{name}: {to_yaml_value(getattr(values, name))}" for name in type(values).model_fields]
        flow = f"{section}: {{{', '.join(pairs)}}}"
    return Insertion(section, lambda indent: section_lines(config, section, indent), flow)


def _applied(text: str, edits: list[Edit]) -> str:
    """The text after edits that do not overlap; those at one place keep their order."""
    parts, done = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += [text[done : edit.start], edit.characters]
        done = edit.end
    return "".join([*parts, text[done:]])


def _same(one: Any, other: Any) -> bool:
    """Whether plain data is equal, telling 1 from 1.0 and from true, and taking nan as equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other or (one != one and other != other))
