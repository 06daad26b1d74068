"""Which runs a query selects, and in which order they stand. Pure, once the values are read."""

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any

from lmcore.experiments.runs.summary import RunSummary
from lmcore.experiments.selection.query import PROPERTIES, Query, Term, is_metric
from lmcore.experiments.selection.values import RunValues


def needed_columns(query: Query, sort: str = "") -> list[str]:
    """The columns that have to be read before `select` and `sort_runs`."""
    keys = [term.column for term in query.terms if term.column]
    return list(dict.fromkeys([*keys, sort] if sort and sort not in PROPERTIES else keys))


def select(runs: Iterable[RunSummary], query: Query, values: RunValues, archived: bool = False) -> list[RunSummary]:
    """The runs that meet every condition, in their order; archived ones only if these, or the query, ask for them."""
    shows_archived = archived or query.asks_for("archived")
    return [
        run
        for run in runs
        if (shows_archived or not run.archived) and all(_meets(run, term, values) for term in query.terms)
    ]


def _meets(run: RunSummary, term: Term, values: RunValues) -> bool:
    if term.of is not None:
        holds = term.holds(term.of(run))
    else:
        column = values.column(term.column)
        holds = run.name in column and term.holds(column[run.name])
    return holds != term.negated


def sort_runs(runs: Sequence[RunSummary], key: str, values: RunValues, reverse: bool = False) -> list[RunSummary]:
    """Runs by a metric, property or setting, the smallest first, or last if `reverse`; those without one at the end."""
    have = [run for run in runs if _can_stand(values.of(run, key))]
    lack = [run for run in runs if not _can_stand(values.of(run, key))]
    return [*sorted(have, key=lambda run: _place(values.of(run, key)), reverse=reverse), *lack]


def _can_stand(value: Any) -> bool:
    return value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))


def _place(value: Any) -> tuple[bool, Any]:
    """Numbers before words."""
    if isinstance(value, int | float):
        return False, value
    return True, value if isinstance(value, str) else str(list(value))


def explain(query: Query, runs: Sequence[RunSummary], values: RunValues) -> str:
    """What is wrong with a query that could be read: a metric or a tag that none of the runs has. Empty if nothing."""
    if query.problem:
        return query.problem
    for term in query.terms:
        if is_metric(term.column) and runs and not values.column(term.column):
            return unknown_metric(term.column, values)
        if term.key == "tag" and not any(term.holds(run.tags) for run in runs):
            known = sorted({tag for run in runs for tag in run.tags})
            tags = f"the tags are {_few(known)}." if known else "no run has any tag yet."
            return f"No run has that tag ({term.text}); {tags}"
    return ""


def unknown_metric(name: str, values: RunValues) -> str:
    """The sentence about a metric that no run has in its last rows, with the nearest that one has."""
    near = difflib.get_close_matches(name, values.metrics, n=1, cutoff=0.5)
    perhaps = f"; did you mean {near[0]}?" if near else "."
    return f"No run has the metric {name}{perhaps}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
