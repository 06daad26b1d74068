"""The stages from raw text to token ids in one call, through the cache."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from lmcore.config.schema import DatasetConfig
from lmcore.data.cache import Entry, Facts, TokenCache, code_digest, digest_of
from lmcore.data.errors import DataError as DataError
from lmcore.data.ingest import Corpus, OnProgress, find_corpus, read_content
from lmcore.data.text_files import Content, characters_in
from lmcore.data.tokenizers import bpe, load_tokenizer
from lmcore.data.tokenizers.folding import UnknownCharacterError
from lmcore.data.tokenizers.interface import Tokenizer
from lmcore.places import user_folder

DAMAGED = "the tokens of this text in the cache were damaged: they were made again"


@dataclass(frozen=True)
class Dataset:
    """Token ids of both splits, memory-mapped, and what is known about them."""

    train: Tensor  # [token] uint8 or int32
    validation: Tensor  # [token] uint8 or int32
    tokenizer: Tokenizer
    fingerprint: str  # of text, tokenizer and split: the same wherever the text lies
    tokenizer_fingerprint: str
    floor: float | None  # nats per token of a perfect model on the validation split
    train_characters: int
    validation_bytes: int  # of the validation text in UTF-8, for bits per byte
    notes: tuple[str, ...]  # what was left out, folded, replaced, dropped
    was_damaged: bool = False  # the tokens in the cache were not as they were made, and have been made again


def prepare(
    config: DatasetConfig,
    on_progress: OnProgress | None = None,
    cache_folder: Path | None = None,
    run_folder: Path | None = None,
    context_length: int | None = None,
) -> Dataset:
    """Make, or find in the cache, the token ids that a configuration means.

    `on_progress(what, fraction)` is told about slow things. A bpe run's tokenizer is read from `run_folder`, or learned
    and stored there. With `context_length`, splits too short for one window are refused. Raises DataError.
    """
    report = _by_percent(on_progress) if on_progress else _silent
    cache = TokenCache(
        cache_folder or user_folder("cache"), lambda fraction: report("checking the cached tokens", fraction)
    )
    tokenizer = _known_tokenizer(config, run_folder)
    corpus = find_corpus(config, cache.downloads, report)
    recipe = _recipe(config, tokenizer)
    stamp = corpus.stamp()
    stamp_key = digest_of("stamp", stamp, recipe)
    entry = cache.find(stamp_key) if stamp else None
    if entry is None:
        entry = _read_and_tokenize(corpus, config, tokenizer, cache, report)
        if stamp:
            cache.remember(stamp_key, entry.name)
    dataset = _dataset(entry, config, tokenizer)
    if cache.damaged:
        dataset = replace(dataset, notes=(DAMAGED, *dataset.notes), was_damaged=True)
    if context_length is not None:
        _check_lengths(dataset, corpus.name, config, context_length)
    if tokenizer is None and run_folder is not None and run_folder.is_dir():
        dataset.tokenizer.save(run_folder)
    return dataset


def _silent(what: str, fraction: float | None) -> None:
    """Where nobody wants to know about progress."""


def _by_percent(on_progress: OnProgress) -> OnProgress:
    """Tells about each new thing and each further percent of it, however small the pieces are.

    What has no percentage is told each time: who is told may want it to end.
    """
    last: tuple[str, float | None] = ("", None)

    def report(what: str, fraction: float | None) -> None:
        nonlocal last
        now = (what, None if fraction is None else int(100 * fraction) / 100)
        if fraction is None or now != last:
            last = now
            on_progress(what, fraction)

    return report


def _known_tokenizer(config: DatasetConfig, run_folder: Path | None) -> Tokenizer | None:
    """The tokenizer where it is known before the text is read; None: bpe that has yet to be learned."""
    if config.tokenizer != "bpe":
        return load_tokenizer(config, run_folder)
    bpe.library()
    stored = run_folder is not None and (run_folder / bpe.FILE_NAME).exists()
    return load_tokenizer(config, run_folder) if stored else None


def _recipe(config: DatasetConfig, tokenizer: Tokenizer | None) -> str:
    """Digest of everything beside the text itself that decides about the ids and their split."""
    how = tokenizer.fingerprint if tokenizer else f"bpe of {config.bpe_vocabulary}"
    unknown = config.unknown if config.tokenizer == "char" else ""
    return digest_of(how, unknown, config.source == "tales", config.validation_fraction, code_digest())


def _read_and_tokenize(
    corpus: Corpus, config: DatasetConfig, tokenizer: Tokenizer | None, cache: TokenCache, report: OnProgress
) -> Entry:
    """See the whole text, and tokenize it unless the same text was tokenized before."""
    content = read_content(corpus, any_bytes=config.tokenizer == "byte", on_progress=report)
    content_key = digest_of("content", content.digest, content.notes, _recipe(config, tokenizer))
    entry = cache.find(content_key)
    if entry is not None:
        return entry
    split = corpus.split(content.characters, config.validation_fraction)
    learned = tokenizer or _learn_bpe(content, split, config, report)
    entry = _tokenize(content, split, learned, config, corpus.floor(split), cache, report)
    cache.remember(content_key, entry.name)
    if tokenizer is None:  # a run that goes on brings its tokenizer: it must find the same ids
        cache.remember(digest_of("content", content.digest, content.notes, _recipe(config, learned)), entry.name)
    return entry


def _learn_bpe(content: Content, split: int, config: DatasetConfig, report: OnProgress) -> Tokenizer:
    """A bpe tokenizer learned from the training split alone."""

    def texts() -> Iterator[str]:
        seen = 0
        for is_validation, _, _, chunk in content.parts(split):
            if is_validation:
                return
            seen += len(chunk)
            report("learning bpe pieces", min(1.0, seen / content.size))
            yield bpe.clean(chunk).decode("utf-8")

    return bpe.train_bpe(texts(), config.bpe_vocabulary, lambda: report("merging pieces", None))


def _pieces_note(tokenizer: Tokenizer, config: DatasetConfig) -> str:
    """What to say where a text has too few repetitions for as many bpe pieces as were asked for."""
    if tokenizer.name != "bpe" or tokenizer.vocabulary_size >= config.bpe_vocabulary:
        return ""
    return f"learned {tokenizer.vocabulary_size:,} pieces, fewer than dataset.bpe_vocabulary: {config.bpe_vocabulary:,}"


def _longer(config: DatasetConfig) -> str:
    """What to use where there is too little text."""
    return "a larger dataset.tales_megabytes" if config.source == "tales" else "a longer text"


@dataclass
class _Part:
    """What has gone into one split so far."""

    tokens: int = 0
    characters: int = 0
    bytes: int = 0


def _tokenize(
    content: Content,
    split: int,
    tokenizer: Tokenizer,
    config: DatasetConfig,
    floor: float | None,
    cache: TokenCache,
    report: OnProgress,
) -> Entry:
    """Write the ids of both splits into the cache. `floor`: nats per character."""
    train, validation = _Part(), _Part()
    part, seen = train, 0
    encoder = tokenizer.encoder()
    with cache.new_entry() as new:
        for is_validation, document, offset, chunk in content.parts(split):
            if is_validation and part is train:
                part.tokens += new.write(encoder.flush())
                part = validation
            try:
                ids = encoder.push(chunk)
            except UnknownCharacterError as error:
                raise DataError(f"{document.place(offset, error.before)}: {error}") from error
            part.tokens += new.write(ids)
            seen += len(chunk)
            kept = tokenizer.clean(chunk) if isinstance(tokenizer, bpe.BpeTokenizer) else chunk
            part.characters += characters_in(kept)
            part.bytes += len(kept)
            report("tokenizing", min(1.0, seen / content.size))
        part.tokens += new.write(encoder.flush())
        if refusal := encoder.refusal():
            raise DataError(refusal)
        if not train.tokens or not validation.tokens:
            raise DataError(
                f"the text is too short to be split: {train.tokens:,} tokens for training, {validation.tokens:,} for "
                f"validation (dataset.validation_fraction: {config.validation_fraction:g}, dataset.unknown: "
                f"{config.unknown}); use {_longer(config)}"
            )
        in_one_byte = tokenizer.name != "bpe"  # of these, each token is one byte of the text that it stands for
        fingerprint = digest_of(content.digest, tokenizer.fingerprint, config.unknown if encoder.note() else "", split)
        facts = Facts(
            fingerprint=fingerprint,
            tokenizer_fingerprint=tokenizer.fingerprint,
            item_bytes=1 if in_one_byte else 4,
            train_tokens=train.tokens,
            validation_tokens=validation.tokens,
            train_characters=train.tokens if tokenizer.name == "char" else train.characters,
            validation_bytes=validation.tokens if in_one_byte else validation.bytes,
            floor=None if floor is None else floor * validation.characters / validation.tokens,
            notes=tuple(note for note in (*content.notes, _pieces_note(tokenizer, config), encoder.note()) if note),
            tokenizer_definition=tokenizer.definition if isinstance(tokenizer, bpe.BpeTokenizer) else "",
        )
        return new.finish(digest_of(fingerprint, facts.notes, facts.floor, code_digest()), facts)


def _dataset(entry: Entry, config: DatasetConfig, tokenizer: Tokenizer | None) -> Dataset:
    """The dataset of an entry of the cache."""
    facts = entry.facts
    return Dataset(
        train=entry.tokens[: facts.train_tokens],
        validation=entry.tokens[facts.train_tokens :],
        tokenizer=tokenizer or bpe.BpeTokenizer(facts.tokenizer_definition),
        fingerprint=facts.fingerprint,
        tokenizer_fingerprint=facts.tokenizer_fingerprint,
        floor=facts.floor,
        train_characters=facts.train_characters,
        validation_bytes=facts.validation_bytes,
        notes=tuple(facts.notes),
    )


def _check_lengths(dataset: Dataset, name: str, config: DatasetConfig, context_length: int) -> None:
    """Raises DataError when a split holds no window and the token after it."""
    longer = _longer(config)
    for split, tokens, also in (
        ("training", dataset.train, ""),
        ("validation", dataset.validation, ", a larger dataset.validation_fraction"),
    ):
        if len(tokens) <= context_length:
            raise DataError(
                f"the {split} split of {name} has {len(tokens):,} tokens, but one window needs {context_length + 1:,} "
                f"(model.context_length: {context_length:,}, and the token after it): use {longer}{also} or a "
                "smaller model.context_length"
            )
