"""What the core makes of what a step tells: whether a condition is met, and a failure in words."""

import traceback
from collections.abc import Sequence

from lmcore.errors import fault_sentence
from lmcore.process.core.outbox import Telling
from lmcore.protocol import messages
from lmcore.protocol.messages import Evaluation, Metrics, Record


def is_met(until: messages.RunUntil, step: int, records: Sequence[Record]) -> bool:
    """Whether a condition holds after a step that left these records."""
    if until.step is not None and step >= until.step:
        return True
    rows = [metrics for record in records if isinstance(record, Metrics) for *_, metrics in record.rows]
    rows += [record.metrics for record in records if isinstance(record, Evaluation)]
    return any(row.get(until.metric, until.below) < until.below for row in rows)


def tell_failure(error: BaseException, outbox: Telling) -> None:
    """Say that something broke inside the core, with its traceback; also in the log."""
    trace = "".join(traceback.format_exception(error))
    print(trace, flush=True)
    outbox.send(messages.Failed(fault_sentence(error, "the log has it"), trace))
