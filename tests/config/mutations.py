"""Configurations broken in every way: bytes, lines, structure, types, size and depth, the same for the same seed."""

import random
from collections.abc import Callable, Iterator

from lmcore.config import leaf_keys, template
from tests.config.broken import BROKEN

SIGNS = [*"[]{}:,-#&*!|>'\"%@`?~ \t\n\r\\", "\ufeff", "\u2028", "\x85", "\u202e", "é", "😀", "\x00", "\x1b", "---\n"]
VALUES = (
    "null",
    "true",
    ".nan",
    "-.inf",
    "1e999",
    "9" * 500,
    "-1",
    "0",
    "''",
    "[]",
    "{}",
    "[[[]]]",
    "*a",
    "&a 1",
    "!!x 1",
)
VALUES += ("!!python/object:os.system {}", '"\\q"', '"\\ud800"', "|", ">\n", "a: b", "- a", "0x10", "1_0", "😀" * 40)
Random = random.Random


def mutants(seed: int = 0) -> Iterator[bytes]:
    """Contents of configuration files without end, each made from a right or a wrong one by one to four mutations."""
    chance = Random(seed)
    begun = [text.encode("utf-8", "surrogatepass") for text in (template(), *BROKEN.values())]
    while True:
        content = begun[0] if chance.random() < 0.7 else chance.choice(begun)
        for _ in range(chance.randint(1, 4)):
            content = chance.choice(MUTATIONS)(chance, content)
        yield content


def _bytes(chance: Random, content: bytes) -> bytes:
    place = chance.randint(0, len(content))
    return content[:place] + chance.randbytes(chance.randint(1, 4)) + content[place + chance.randint(0, 8) :]


def _cut(chance: Random, content: bytes) -> bytes:
    return content[: chance.randint(0, len(content))]


def _sign(chance: Random, content: bytes) -> bytes:
    place = chance.randint(0, len(content))
    return content[:place] + chance.choice(SIGNS).encode() + content[place:]


def _lines(chance: Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    change = chance.randrange(5)
    if change == 0:
        del lines[one]
    elif change == 1:
        lines.insert(other, lines[one])
    elif change == 2:
        lines[one], lines[other] = lines[other], lines[one]
    elif change == 3:
        lines[one] = b" " * chance.randint(1, 5) + lines[one]
    else:
        lines[one] = lines[one].lstrip()
    return b"\n".join(lines)


def _value(chance: Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    given = [number for number, line in enumerate(lines) if b": " in line and not line.lstrip().startswith(b"#")]
    if given:
        number = chance.choice(given)
        lines[number] = lines[number].split(b": ")[0] + b": " + chance.choice(VALUES).encode()
    return b"\n".join(lines)


def _key(chance: Random, content: bytes) -> bytes:
    section, name = chance.choice(leaf_keys()).split(".")
    letters = list(name)
    letters[chance.randrange(len(letters))] = chance.choice("abcdefgh_ :")
    return content + f"\n{section}:\n  {''.join(letters)}: {chance.choice(VALUES)}\n".encode()


def _huge(chance: Random, content: bytes) -> bytes:
    many = chance.choice((300, 3_000, 30_000))
    piece = chance.choice(
        ("k{0}: 1\n", "k: 1\n", "- a\n", "? [{0}]\n", "# {0}\n", "a b ", "[", "{{a: ", "- ", "*a, ", "\t", "x")
    )
    return content + b"\n" + "".join(piece.format(number) for number in range(many)).encode()


def _deep(chance: Random, content: bytes) -> bytes:
    deep, (begin, end) = chance.randint(5, 400), chance.choice((("[", "]"), ("{a: ", "}"), ("- ", ""), ("a:\n ", "")))
    return content + b"\nhooks: " + (begin * deep + "1" + end * deep).encode() + b"\n"


MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _bytes, _cut, _sign, _sign, _lines, _lines, _value, _value, _value, _key, _huge, _deep,
)  # fmt: skip
