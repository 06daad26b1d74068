"""Which runs are shown, in which order, and what is said of that. Knows no widget."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lmcore.experiments.runs.listing import as_tree, newest_first
from lmcore.experiments.runs.summary import RunSummary
from lmcore.experiments.selection.query import Query, parse_query
from lmcore.experiments.selection.select import explain, needed_columns, select, sort_runs
from lmcore.experiments.selection.values import RunValues

Line = tuple[int, RunSummary]
"""A run and how deep it stands under those that it was forked from."""

SORTED_WITHOUT_READING = ("loss/val", "loss/train", "step", "parameters", "seed", "floor")
"""What is offered at once to sort by; the other metrics have to be found first."""


@dataclass(frozen=True)
class Listing:
    """The runs as they were read, and how a person wants to see them."""

    runs: tuple[RunSummary, ...] = ()  # the newest first
    query: Query = field(default_factory=Query)
    sort: str = ""  # a metric or property; empty: by time, as a tree
    is_reversed: bool = False
    shows_archived: bool = False
    values: RunValues = field(default_factory=RunValues)

    def with_runs(self, runs: Iterable[RunSummary]) -> "Listing":
        """The same view of other runs."""
        return replace(self, runs=tuple(newest_first(runs)))

    def updated(self, changed: Mapping[str, RunSummary | None]) -> "Listing":
        """With some runs as they are now; None for one that is gone. What was read of them is forgotten."""
        self.values.forget(changed)
        now = (changed.get(run.name, run) for run in self.runs)
        return self.with_runs(run for run in now if run is not None)

    def asked(self, text: str) -> "Listing":
        """With the query that was typed."""
        return replace(self, query=parse_query(text))

    @property
    def missing(self) -> list[str]:
        """The columns that must be read before `lines`."""
        needed = needed_columns(self.query, self.sort)
        return needed if self.values.lacks(self.runs, needed) else []

    def lines(self) -> list[Line]:
        """The runs that are shown: as a tree of forks by time, or flat by what they are sorted by."""
        chosen = select(self.runs, self.query, self.values, self.shows_archived)
        if self.sort:
            return [(0, run) for run in sort_runs(chosen, self.sort, self.values, self.is_reversed)]
        return as_tree(chosen[::-1] if self.is_reversed else chosen)

    def heading(self, shown: int, marked: int) -> str:
        """How many runs are shown and in which order, how many are marked and archived."""
        several = f"{shown:,}" if shown == len(self.runs) else f"{shown:,} of {len(self.runs):,}"
        order = f"{'oldest' if self.is_reversed else 'newest'} first"
        if self.sort:
            order = f"by {self.sort}, {'largest' if self.is_reversed else 'smallest'} first, flat"
        parts = [several, order, *([f"{marked:,} marked"] if marked else [])]
        archived = sum(run.archived for run in self.runs)
        if archived and not self.query.asks_for("archived"):
            parts.append(f"{archived:,} archived {'among them' if self.shows_archived else 'hidden'}")
        return " · ".join(parts)

    def remark(self) -> str:
        """What is wrong or still missing in the query, in a sentence; empty if nothing."""
        if problem := self.query.problem or explain(self.query, self.runs, self.values):
            return f"▲ {problem}"
        return f"… {self.query.unfinished}" if self.query.unfinished else ""

    def why_empty(self) -> str:
        """What to do where no run is shown."""
        if not self.runs:
            return "No runs yet: F5 in the lab starts the first."
        if self.query.terms:
            return "No run has all of this. Escape shows all again."
        return "Every run is archived: A shows them."

    def sortable(self) -> Sequence[str]:
        """What can be sorted by, as far as it is known."""
        return list(dict.fromkeys([*SORTED_WITHOUT_READING, *self.values.metrics]))
