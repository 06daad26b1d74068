"""The tokenizers: `interface` says what each can do; `character`, `byte` and `bpe` are one each."""

from pathlib import Path

from lmcore.config.schema import DatasetConfig
from lmcore.data.tokenizers.bpe import load_bpe
from lmcore.data.tokenizers.byte import ByteTokenizer
from lmcore.data.tokenizers.character import CharTokenizer
from lmcore.data.tokenizers.interface import Tokenizer


def load_tokenizer(config: DatasetConfig, run_folder: Path | None) -> Tokenizer:
    """The tokenizer of a run: char and byte from the configuration, bpe from the run's own tokenizer.json.

    Raises DataError where a bpe run has no tokenizer.json, or a damaged one, or the extra is not installed.
    """
    if config.tokenizer == "char":
        return CharTokenizer(config.unknown)
    if config.tokenizer == "byte":
        return ByteTokenizer()
    return load_bpe(run_folder)
