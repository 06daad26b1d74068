"""The notebook as a page of Markdown: day by day, each run in a few lines, each ablation with its verdicts."""

import math
from collections.abc import Iterator, Sequence
from datetime import date

from lmcore.experiments.ablation.listing import AblationSummary
from lmcore.experiments.notebook.contents import Day, Reference, RunEntry
from lmcore.experiments.runs.summary import RunSummary, forked_at
from lmcore.markdown import as_quote, as_text, table
from lmcore.plain_text import plain_line
from lmcore.protocol.results import ArmResult

MOST_CHANGES = 12
MOST_SETTINGS = 12
MOST_OF_SAMPLE = 280  # characters

NUMBERS = ("final loss", "difference")
"""The columns of an ablation's table that are aligned to the right."""

NOT_TRIED = ("other.", "evaluation.", "sampling.", "checkpointing.")
"""Settings of these sections say how a run was watched, not what was tried."""

ONE_PAIR = (
    "One pair of runs says nothing about noise: a difference between two runs may be that of their seeds. "
    "`lmcore ablate` compares one change over several seeds."
)


def page(days: Sequence[Day], today: date) -> str:
    """The whole page, the newest day last."""
    lines = ["# Notebook", "", f"Written on {_date(today)} from the runs themselves.", ""]
    if any(entry.reference is not None for day in days for entry in day.runs):
        lines += [ONE_PAIR, ""]
    if not days:
        lines += ["Nothing was tried in this time.", ""]
    for day in days:
        lines += [f"## {_date(day.date)}" if day.date is not None else "## Without a date", ""]
        for run in day.runs:
            lines += [*_run(run), ""]
        for ablation in day.ablations:
            lines += [*_ablation(ablation), ""]
    return "\n".join(lines).rstrip() + "\n"


def _date(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


# Runs


def _run(entry: RunEntry) -> list[str]:
    run = entry.summary
    tags = f" · {' '.join(run.tags)}" if run.tags else ""
    when = f", begun at {as_text(run.created[11:16])}" if len(run.created) >= 16 else ""
    lines = [f"### {as_text(run.title + tags)}", "", f"`{_name(run.name)}`{when}.", ""]
    lines += [f"- {sentence}" for sentence in _sentences(entry)]
    if entry.sample is not None:
        said = " ".join(f"{entry.sample.prompt}{entry.sample.text}".split())
        said = said if len(said) <= MOST_OF_SAMPLE else f"{said[:MOST_OF_SAMPLE]} …"
        lines += [f"- At step {entry.sample.step:,} it said: “{as_text(said)}”"]
    if entry.notes.strip():
        lines += ["", "Notes:", "", *as_quote(entry.notes)]
    return lines


def _name(name: str) -> str:
    """A directory's name inside of backticks."""
    return plain_line(name).replace("`", "'")


def _sentences(entry: RunEntry) -> Iterator[str]:
    run = entry.summary
    if run.status == "damaged":
        yield f"**Damaged**: {as_text(run.note)}"
    if run.status != "damaged" or run.baseline or run.parent or run.settings:
        yield _tried(entry)
    if run.confounded:
        yield f"**Confounded**: several changes at once, because: “{as_text(run.confounded)}”"
    if entry.changes:
        listed = [f"{change.key} {change.old} → {change.new} at step {change.step:,}" for change in entry.changes]
        more = f" and {len(listed) - MOST_CHANGES} more" if len(listed) > MOST_CHANGES else ""
        yield f"Changed on the way: {'; '.join(as_text(change) for change in listed[:MOST_CHANGES])}{more}."
    if run.status != "damaged" or run.step:
        yield _came_out(run)
    if entry.last_words:
        yield f"The last line of its log: “{as_text(entry.last_words.strip())}”"
    if entry.reference is not None:
        yield _against(run, entry.reference)
    for problem in entry.unread:
        yield f"Could not be read: {as_text(problem)}"


def _tried(entry: RunEntry) -> str:
    """What the run was: against what it is held, and what it does differently; or else what it sets."""
    run = entry.summary
    if entry.role == "parent":
        changed = f": {as_text(run.changed)}" if run.changed else ""
        return f"A fork of `{_name(entry.held_against)}` at {forked_at(run)}{changed}."
    if entry.role == "baseline":
        fork = f"; a fork of `{_name(run.parent)}` at {forked_at(run)}" if run.parent else ""
        return f"Against its baseline `{_name(entry.held_against)}`: {as_text(run.changed or 'not known')}{fork}."
    settings = [
        f"{key} {value}" for key, value in (run.settings or {}).items() if not key.startswith(NOT_TRIED) and value != []
    ]
    if not settings:
        return "It names no baseline" + ("." if run.settings is None else ", and everything is at its default.")
    more = f" and {len(settings) - MOST_SETTINGS} more" if len(settings) > MOST_SETTINGS else ""
    return f"It names no baseline. Not at its default: {as_text(', '.join(settings[:MOST_SETTINGS]))}{more}."


def _came_out(run: RunSummary) -> str:
    """How far it came, and to which losses."""
    steps = f"{run.step:,} of {run.max_steps:,} steps"
    ends = {
        "finished": f"Finished all {run.max_steps:,} steps",
        "stopped": f"Stopped after {steps}",
        "failed": f"**Failed** after {steps}",
        "interrupted": f"**Interrupted** after {steps}: its process ended without a word",
        "running": f"Still training: {steps} so far",
    }
    ended = ends.get(run.status, f"{steps} are recorded")
    losses = []
    if run.loss_train is not None:
        losses.append(f"training loss {_number(run.loss_train)}")
    if run.loss_val is not None:
        losses.append(f"validation loss {_number(run.loss_val)} (perplexity {_perplexity(run.loss_val)})")
    if run.loss_val is not None and run.floor is not None:
        losses.append(f"{_number(run.loss_val - run.floor)} above the floor of {_number(run.floor)}")
    return f"{ended}. " + (f"{', '.join(losses)}." if losses else "No loss is recorded.").capitalize()


def _against(run: RunSummary, reference: Reference) -> str:
    """Better or worse than the run that it is held against, by how much, and what weakens that."""
    other = reference.run
    is_named = other.name in (run.baseline, run.parent)
    name = f"its {reference.role}" if is_named else f"`{_name(other.name)}`, a run of its {reference.role}"
    if run.loss_val is None or other.loss_val is None or not math.isfinite(run.loss_val - other.loss_val):
        return f"There is no validation loss of both to compare with {name}."
    if not reference.is_same_data:
        return f"It learned from another text than {name}, so their losses mean different things."
    difference = run.loss_val - other.loss_val
    came = f"({_number(run.loss_val)} and {_number(other.loss_val)})"
    if difference == 0:
        said = f"The same validation loss as {name} {came}"
    else:
        word = "Better" if difference < 0 else "Worse"
        said = f"{word} than {name} by {_number(abs(difference))} {came}"
    weak = []
    if run.step != other.step:
        weak.append(f"after {run.step:,} steps and {other.step:,}")
    if run.seed != other.seed:
        weak.append(f"with other seeds ({run.seed} and {other.seed})")
    return f"{said}{', ' + ', '.join(weak) if weak else ''}. One pair of runs."


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else str(value)


def _perplexity(loss: float) -> str:
    return f"{math.exp(loss):.3f}" if loss < 700 else "too large to say"


# Ablations


def _ablation(ablation: AblationSummary) -> list[str]:
    heading = [f"### Ablation {as_text(ablation.name)}", ""]
    result = ablation.result
    if result is None:
        return [*heading, f"- **Damaged**: {as_text(ablation.note)}"]
    seeds = "one seed" if len(result.seeds) == 1 else f"{len(result.seeds)} seeds"
    what = f"One change at a time to {as_text(result.base)}, over {seeds} of {result.steps:,} steps; {ablation.status}."
    failures = [
        f"- {as_text(arm.name)}, seed {cell.seed}: {as_text(cell.failure)}"
        for arm in result.arms
        for cell in arm.cells
        if cell.failure
    ]
    said = table(("arm", "final loss", "difference", "verdict"), list(map(_arm, result.arms)), right=NUMBERS)
    rest = [*failures, *(f"- {as_text(note)}" for note in result.notes)]
    return [*heading, what, "", *said, *([""] if rest else []), *rest]


def _arm(arm: ArmResult) -> tuple[str, str, str, str]:
    """One arm as it is said: also that nothing could be seen, and how much could have been."""
    words, difference, verdict = arm.words or "the baseline", "–", arm.verdict
    if verdict is not None:
        difference = f"{verdict.mean_difference:+.4f} ({verdict.low:+.4f} … {verdict.high:+.4f})"
        if verdict.outcome == "no difference":
            words += f"; it could have seen {verdict.smallest_effect:.4f}"
    return arm.name, "–" if arm.mean_loss is None else _number(arm.mean_loss), difference, words
