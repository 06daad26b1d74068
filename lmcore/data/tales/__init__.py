"""The embedded corpus: short English tales from a seeded grammar whose exact entropy is known."""

from lmcore.data.tales.grammar import Choice
from lmcore.data.tales.parse import NoTale, parse_story, story_nats
from lmcore.data.tales.write import Tales, TalesError, floor, split_point, write_tales

__all__ = [
    "Choice",
    "NoTale",
    "Tales",
    "TalesError",
    "floor",
    "parse_story",
    "split_point",
    "story_nats",
    "write_tales",
]
