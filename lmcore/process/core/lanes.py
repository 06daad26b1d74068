"""What the experiment recorded, as events in their lanes."""

import traceback
from collections.abc import Sequence

from lmcore.errors import fault_sentence
from lmcore.process.core.outbox import Telling
from lmcore.protocol import messages
from lmcore.protocol.records import (
    ChangeRecord,
    CheckpointRecord,
    EvaluationRecord,
    HookRecord,
    LayerRecord,
    NoticeRecord,
    Record,
    StepRecord,
)


def tell(record: Record, outbox: Telling) -> None:
    """Send what one record says."""
    match record:
        case StepRecord(row=row):
            outbox.metrics(row)
        case LayerRecord(step=step, rows=rows):
            outbox.statistics(messages.LayerStatistics(step, rows))
        case HookRecord(step=step, rows=hooks):
            outbox.statistics(messages.HookStatistics(step, hooks))
        case ChangeRecord():
            outbox.send(messages.ValueChanged(record.step, record.key, record.old, record.new))
        case EvaluationRecord():
            outbox.metrics((record.step, record.tokens, record.seconds, record.metrics))
            outbox.send(messages.Evaluation(record.step, record.metrics, sample=record.sample, prompt=record.prompt))
        case CheckpointRecord():
            outbox.send(messages.CheckpointSaved(record.step, str(record.folder), record.seconds))
        case NoticeRecord():
            outbox.send(messages.LogLine(record.sentence, "warning"))


def is_met(until: messages.RunUntil, step: int, records: Sequence[Record]) -> bool:
    """Whether a condition holds after a step that left these records."""
    if until.step is not None and step >= until.step:
        return True
    rows = [record.row[3] for record in records if isinstance(record, StepRecord)]
    rows += [record.metrics for record in records if isinstance(record, EvaluationRecord)]
    return any(row.get(until.metric, until.below) < until.below for row in rows)


def tell_failure(error: BaseException, outbox: Telling) -> None:
    """Say that something broke inside the core, with its traceback; also in the log."""
    trace = "".join(traceback.format_exception(error))
    print(trace, flush=True)
    outbox.send(messages.Failed(fault_sentence(error, "the log has it"), trace))
