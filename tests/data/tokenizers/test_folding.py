import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcore.data.tokenizers.folding import FoldingTable, Tally, UnknownCharacterError, fold_character


def folded(text: str, unknown: str = "replace") -> tuple[str, str]:
    tally = Tally()
    return bytes(FoldingTable(unknown).fold(text, tally)).decode("ascii"), tally.note()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("‘so’ “it” goes", "'so' \"it\" goes"),
        ("1914–1918 — no…", "1914-1918 -- no..."),
        ("a\u00a0b\u2009c\u202fd", "a b c d"),
        ("ﬁnd the ﬂuﬀy ﬃx", "find the fluffy ffix"),
        ("Žluťoučký kůň, Æsop, straße, smørrebrød, Łódź", "Zlutoucky kun, AEsop, strasse, smorrebrod, Lodz"),
        ("e\u0301\u0323a\u0308", "ea"),
        ("½ cup, x², №", "1/2 cup, x2, No"),
        ("\ufeffstart soft\u00adly zero\u200bwidth", "start softly zerowidth"),
        ("ＡＢＣ１２３", "ABC123"),
        ("x → y, 2 × 3 ≤ 7 ≠ 8", "x -> y, 2 x 3 <= 7 != 8"),
        ("line\u2028line\u0085line", "line\nline\nline"),
    ],
)
def test_common_characters_become_what_a_typewriter_would_have_used(text: str, expected: str) -> None:
    assert folded(text)[0] == expected


def test_what_cannot_be_folded_follows_the_policy() -> None:
    text = "see 世界 and 🦊."
    assert folded(text)[0] == "see ?? and ?."
    assert folded(text, "drop")[0] == "see  and ."
    with pytest.raises(UnknownCharacterError, match=r"世 \(U\+4E16\).*dataset\.unknown") as caught:
        folded(text, "error")
    assert caught.value.before == "see "


def test_the_first_unknown_character_of_several_is_named() -> None:
    with pytest.raises(UnknownCharacterError, match="🦊") as caught:
        folded("é 🦊 世", "error")
    assert caught.value.before == "é "


def test_vowel_signs_of_other_scripts_are_not_silently_dropped() -> None:
    assert folded("नि")[0] == "??"


def test_the_note_counts_and_gives_examples() -> None:
    _, note = folded("’’’“世界世")
    assert note == "folded 4 characters (’ → ', “ → \"), replaced 3 characters by '?' (世, 界): 42.9 % of the text"
    assert folded("plain")[1] == ""
    assert folded("a\u00a0b\ufeff")[1] == "folded 2 characters (U+00A0 → U+0020, U+FEFF → nothing)"
    assert folded("αβγδ", "drop")[1] == "dropped 4 characters (α, β, γ, …): 100.0 % of the text"
    assert folded("é")[1] == "folded 1 character (é → e)"
    assert folded("x" * 9999 + "世")[1] == "replaced 1 character by '?' (世): less than 0.1 % of the text"


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec=None), max_size=60), st.sampled_from(["replace", "drop"]))
def test_folding_agrees_with_one_character_at_a_time(text: str, unknown: str) -> None:
    instead = "?" if unknown == "replace" else ""
    each = [fold_character(character) for character in text]
    assert folded(text, unknown)[0] == "".join(instead if one is None else one for one in each)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    once = folded(text)[0]
    assert folded(once) == (once, "")


def test_a_fold_never_makes_a_carriage_return_or_an_invisible_character() -> None:
    made = {fold_character(chr(code)) for code in range(128, 0x30000) if not 0xD800 <= code < 0xE000} - {None}
    assert all(character == "\n" or " " <= character <= "~" for text in made if text for character in text)
    assert np.all([text is not None for text in made])
