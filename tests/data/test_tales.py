"""The corpus of tales as its readers use it: the same text for a seed, boundaries, splits and the floor."""

import math
import string
import subprocess
import sys

import pytest

from lmcore.data.tales import TalesError, floor, split_point, story_nats, write_tales


def test_a_seed_always_writes_the_same_text_whatever_the_hash_seed() -> None:
    program = "from lmcore.data.tales import write_tales; print(write_tales(3, 2000).text)"
    texts = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {write_tales(3, 2000).text + "\n"}


def test_other_seeds_write_other_tales() -> None:
    assert write_tales(1, 1000).text[:300] != write_tales(2, 1000).text[:300]


@pytest.mark.parametrize("characters", [1, 500, 9_999])
def test_a_longer_corpus_begins_with_the_shorter_one(characters: int) -> None:
    short, long = write_tales(5, characters), write_tales(5, 20_000)
    stories = len(short.story_ends)
    assert characters <= len(short.text)
    assert long.text.startswith(short.text)
    assert (long.story_ends[:stories], long.story_nats[:stories]) == (short.story_ends, short.story_nats)


def test_the_text_is_printable_ascii_in_paragraphs() -> None:
    tales = write_tales(7, 50_000)
    assert set(tales.text) <= set(string.ascii_letters + string.digits + string.punctuation + " \n")
    assert "  " not in tales.text and "\n\n\n" not in tales.text
    paragraphs = tales.text.split("\n\n")
    assert paragraphs.pop() == ""
    assert len(paragraphs) == len(tales.story_ends)
    assert all(paragraph[-1] in '.!?"' and "\n" not in paragraph for paragraph in paragraphs)


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.1, 0.5, 1.0])
def test_a_split_cuts_no_story(fraction: float) -> None:
    tales = write_tales(11, 30_000)
    at = split_point(tales, fraction)
    wanted = (1 - fraction) * len(tales.text)
    assert at in {0, *tales.story_ends}
    assert at >= wanted and not any(wanted <= end < at for end in tales.story_ends)


def test_the_floor_is_the_mean_of_what_each_story_says_about_itself() -> None:
    tales = write_tales(13, 20_000)
    start, end = tales.story_ends[3], tales.story_ends[9]
    stories = tales.text[start:end].split("\n\n")[:-1]
    assert floor(tales, start, end) == pytest.approx(math.fsum(map(story_nats, stories)) / (end - start), abs=1e-12)
    assert floor(tales, 0, len(tales.text)) == pytest.approx(math.fsum(tales.story_nats) / len(tales.text))


def test_what_the_corpus_cannot_answer_is_said() -> None:
    tales = write_tales(17, 5_000)
    with pytest.raises(TalesError, match="offset 7 lies within a story"):
        floor(tales, 7, len(tales.text))
    with pytest.raises(TalesError, match="empty"):
        floor(tales, len(tales.text), len(tales.text))
    with pytest.raises(TalesError, match=r"between 0 and 1, but it is 1\.5"):
        split_point(tales, 1.5)
    with pytest.raises(TalesError, match="at least 1 character"):
        write_tales(0, 0)
