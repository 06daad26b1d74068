"""Learns the pieces of byte-pair encoding, as a process of its own: nothing can end the library's merging but its end.

Reads from stdin a line of JSON (what to learn) and the text: sections of UTF-8, each after its length in four bytes,
and a length of zero at the end. Writes a tokenizer.json to stdout. Imports nothing of ours, to begin at once.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers


def main() -> None:
    """Learn what stdin says, unless whoever asked is gone."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    wanted = json.loads(sys.stdin.buffer.readline())
    learner = tokenizers.Tokenizer(models.BPE())
    learner.normalizer = normalizers.Sequence(  # what `clean` in bpe.py does, for prompts and for other programs
        [normalizers.Replace(old, new) for old, new in (("\ufeff", ""), ("\r\n", "\n"), ("\r", "\n"))]
    )
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    learner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=wanted["vocabulary"],
        min_frequency=2,
        initial_alphabet=wanted["alphabet"],
        special_tokens=[],
        show_progress=False,
    )
    learner.train_from_iterator(_sections(), trainer=trainer)
    sys.stdout.buffer.write(learner.to_str().encode())


def _sections() -> Iterator[str]:
    """The text, as it arrives."""
    while length := int.from_bytes(_read(4), "big"):
        yield _read(length).decode("utf-8")


def _read(count: int) -> bytes:
    """So many bytes of stdin; ends the process where there are fewer, for then nobody waits any more."""
    data = sys.stdin.buffer.read(count)
    if len(data) < count:
        os._exit(1)
    return data


def _end_with(parent: int) -> None:
    """End when the process that asked has ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
