"""Folding: typographic and accented characters become the ASCII that a typewriter would have used for them."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lmcore.data.errors import DataError
from lmcore.plain_text import is_plain

TYPEWRITER = {
    "'": "‘’‚‛′´ʹʻʼ",
    '"': "“”„‟″«»〝〞",
    "-": "‐‑‒–−⁃",
    "--": "—―",
    "...": "…",
    " ": "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "\n": "\u0085\u2028\u2029",
    "": "\u00ad\u200b\u200c\u200d\u2060\ufeff",
    "<": "‹",
    ">": "›",
    "*": "•‣●",
    ".": "·",
    "->": "→",
    "<-": "←",
    "=>": "⇒",
    "<=": "≤",
    ">=": "≥",
    "!=": "≠",
    "+-": "±",
    "x": "×",
    "/": "÷⁄∕",
    "(c)": "©",
    "(r)": "®",
    "ss": "ß",
    "SS": "ẞ",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "o": "ø",
    "O": "Ø",
    "d": "đð",
    "D": "ĐÐ",
    "l": "ł",
    "L": "Ł",
    "th": "þ",
    "Th": "Þ",
    "i": "ı",
    "h": "ħ",
    "H": "Ħ",
}
ASCII_FOR = {character: ascii_text for ascii_text, characters in TYPEWRITER.items() for character in characters}


def fold_character(character: str) -> str | None:
    """The ASCII text for one character (ASCII stands for itself; a combining accent is left out), or None.

    What the table does not name is taken apart by Unicode's compatibility decomposition (NFKD): é → e, ﬁ → fi, ½ → 1/2.
    """
    folded = ""
    for part in unicodedata.normalize("NFKD", character) if character not in ASCII_FOR else character:
        if part.isascii():
            folded += part
        elif part in ASCII_FOR:
            folded += ASCII_FOR[part]
        elif not "\u0300" <= part <= "\u036f":
            return None
    return folded


class UnknownCharacterError(DataError):
    """A character that cannot be folded, where that is an error. `before`: the text up to it."""

    def __init__(self, character: str, before: str) -> None:
        self.character, self.before = character, before
        super().__init__(
            f"the character {_shown(character)} (U+{ord(character):04X}) has no place in the table of 128 ASCII "
            "characters; set dataset.unknown to replace or drop, or dataset.tokenizer to byte or bpe"
        )


class Tally:
    """How often each character was folded, replaced and dropped."""

    def __init__(self) -> None:
        self.folded: Counter[str] = Counter()
        self.replaced: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.seen = 0  # characters in all

    @property
    def lost(self) -> float:
        """Share of the characters that have no ASCII."""
        return (self.replaced.total() + self.dropped.total()) / max(1, self.seen)

    def note(self) -> str:
        """One line, such as "folded 12 characters (’ → ', …), replaced 3 characters by '?' (世): 0.2 % of the text".

        Empty if nothing was changed.
        """
        parts = []
        if self.folded:
            examples = [f"{_shown(one)} → {_shown(fold_character(one) or '')}" for one in _commonest(self.folded)]
            parts.append(f"folded {_counted(self.folded)} ({_listed(examples, self.folded)})")
        if self.replaced:
            parts.append(f"replaced {_counted(self.replaced)} by '?' ({_commonest_shown(self.replaced)})")
        if self.dropped:
            parts.append(f"dropped {_counted(self.dropped)} ({_commonest_shown(self.dropped)})")
        return ", ".join(parts) + (f": {percent(self.lost)} of the text" if self.lost else "")

    def examples(self) -> str:
        """The commonest characters that have no ASCII."""
        return _commonest_shown(self.replaced + self.dropped)


def percent(share: float) -> str:
    """A share for people."""
    return f"{100 * share:.1f} %" if share >= 0.0005 else "less than 0.1 %"


def _counted(counts: Counter[str]) -> str:
    """How many characters, in words."""
    return f"{counts.total():,} character{'s' if counts.total() > 1 else ''}"


def _commonest_shown(counts: Counter[str]) -> str:
    """The commonest characters, for a message."""
    return _listed(map(_shown, _commonest(counts)), counts)


def _commonest(counts: Counter[str]) -> list[str]:
    """The three characters that were met most often."""
    return sorted(counts, key=lambda character: (-counts[character], character))[:3]


def _shown(text: str) -> str:
    """Some characters for a message: themselves, or their numbers where they cannot be seen."""
    seen = [one if is_plain(one) and not one.isspace() else f"U+{ord(one):04X}" for one in text]
    return "".join(seen) or "nothing"


def _listed(examples: Iterable[str], counts: Counter[str]) -> str:
    """Examples, with an ellipsis where there are more."""
    return ", ".join(examples) + (", …" if len(counts) > 3 else "")


class FoldingTable:
    """Folds long texts by table look-up; a character's entry is made when it is first met.

    `unknown` is what becomes of a character without ASCII: "replace" by '?', "drop", or "error".
    """

    def __init__(self, unknown: str) -> None:
        self.unknown = unknown
        self._length = np.full(0x110000, -1, np.int8)  # ASCII characters for each code point; -1: not known yet
        self._first = np.zeros(0x110000, np.uint8)
        self._rest: dict[int, bytes] = {}
        self._cannot: set[int] = set()
        self._length[:128] = 1
        self._first[:128] = np.arange(128)

    def fold(self, text: str, tally: Tally) -> NDArray[np.uint8]:
        """The ASCII codes of a text; what was changed is added to `tally`. Raises UnknownCharacterError."""
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        self._meet(codes, text, tally)
        tally.seen += len(codes)
        lengths = self._length[codes]
        if bool((lengths == 1).all()):
            return self._first[codes]
        folded = self._first[np.repeat(codes, lengths)]
        starts = np.cumsum(lengths, dtype=np.int64) - lengths
        for code in np.unique(codes[lengths > 1]):
            places = starts[codes == code]
            for index, byte in enumerate(self._rest[int(code)], start=1):
                folded[places + index] = byte
        return folded

    def _meet(self, codes: NDArray[np.uint32], text: str, tally: Tally) -> None:
        """Make the missing entries and count what is not ASCII."""
        counts = np.bincount(codes[codes > 127])
        for code in np.flatnonzero(counts).tolist():
            if self._length[code] < 0:
                self._learn(code)
            character, count = chr(code), int(counts[code])
            if code not in self._cannot:
                tally.folded[character] += count
            elif self.unknown == "error":
                first = min(text.index(chr(other)) for other in self._unknown_in(counts))
                raise UnknownCharacterError(text[first], text[:first])
            else:
                (tally.replaced if self.unknown == "replace" else tally.dropped)[character] += count

    def _unknown_in(self, counts: NDArray[np.intp]) -> list[int]:
        """The code points that were counted and cannot be folded."""
        return [code for code in np.flatnonzero(counts).tolist() if fold_character(chr(code)) is None]

    def _learn(self, code: int) -> None:
        """Make the entry of one code point."""
        folded = fold_character(chr(code))
        if folded is None:
            self._cannot.add(code)
            folded = "?" if self.unknown == "replace" else ""
        self._length[code] = len(folded)
        self._first[code] = ord(folded[0]) if folded else 0
        if len(folded) > 1:
            self._rest[code] = folded[1:].encode("ascii")
