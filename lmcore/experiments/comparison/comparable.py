"""Whether the numbers of two runs mean the same, in sentences."""

from collections.abc import Iterator, Sequence

from lmcore.experiments.comparison.recorded import RecordedRun

LOSS, BITS = "loss/val", "bits_per_byte/val"

_TEXT = ("source", "path", "download", "tales_megabytes", "tales_seed", "validation_fraction")
"""What of the dataset's section says which text is read, and which part of it a model is judged on."""

_JUDGED = (("evaluation", "batches"), ("evaluation", "stride"), ("model", "context_length"))
"""What decides which tokens an evaluation counts, and how much of what comes before them the model sees."""


def metric_to_compare(runs: Sequence[RecordedRun]) -> str:
    """The metric in which the runs can best be compared: bits per byte where tokenizers differ, else the validation
    loss; the training loss where a run has not been judged yet."""
    if len({_fingerprint(run, "tokenizer") for run in runs}) > 1:
        return BITS
    is_judged = all(LOSS in run.curves.metrics for run in runs if run.curves.metrics)
    return LOSS if is_judged else "loss/train"


def cautions(runs: Sequence[RecordedRun]) -> Iterator[str]:
    """What one must know before comparing each run with the first."""
    first, *others = runs
    for run in others:
        pair = f"{run.letter} and {first.letter}"
        if _fingerprint(run, "data") != _fingerprint(first, "data"):
            if not _is_same_text(first, run):
                yield f"{pair} learned from, and are judged on, different texts: their losses do not compare."
            elif _fingerprint(run, "tokenizer") != _fingerprint(first, "tokenizer"):
                yield f"{pair} read the same text in other tokens: a loss per token compares nothing, {BITS} does."
            else:
                yield f"{pair} read one source whose text has changed between them: their losses do not compare."
        if differing := [f"{section}.{name}" for section, name in _JUDGED if _differs(first, run, section, name)]:
            verb = "differs" if len(differing) == 1 else "differ"
            yield f"{pair} are judged differently, which makes a difference too: {', '.join(differing)} {verb}."


def _fingerprint(run: RecordedRun, of: str) -> str:
    return str(run.identity.get(f"{of}_fingerprint"))


def _is_same_text(first: RecordedRun, second: RecordedRun) -> bool:
    return not any(_differs(first, second, "dataset", name) for name in _TEXT)


def _differs(first: RecordedRun, second: RecordedRun, section: str, name: str) -> bool:
    if first.config is None or second.config is None:
        return False
    values = [getattr(getattr(run.config, section), name) for run in (first, second)]
    return bool(values[0] != values[1])
