"""An ablation's result for people: the rows of its table, and a page of Markdown. Needs no torch."""

from collections.abc import Sequence

from lmcore.experiments.comparison.verdict import LEVEL, POWER
from lmcore.markdown import as_text, table
from lmcore.protocol.results import AblationResult, ArmResult, CellResult, mean_of

PAGE = "README.md"

HEADINGS = (
    "arm",
    "final loss",
    "difference",
    "95 % interval",
    "p",
    "could see",
    "seconds to reach",
    "tokens to reach",
    "verdict",
)

NUMBERS = HEADINGS[1:-1]
"""The columns that are aligned to the right."""

RUNS = ("arm", "seed", "final loss", "seconds", "run")
RUN_NUMBERS = RUNS[1:-1]


def table_rows(result: AblationResult) -> list[tuple[str, ...]]:
    """A row for each arm, the baseline first, in the order of HEADINGS."""
    return [_row(arm) for arm in result.arms]


def _row(arm: ArmResult) -> tuple[str, ...]:
    verdict = arm.verdict
    judged = ("–", "–", "–", "–")
    if verdict is not None:
        interval = f"{verdict.low:+.4f} … {verdict.high:+.4f}"
        judged = (
            f"{verdict.mean_difference:+.4f}",
            interval,
            p_text(verdict.p_corrected),
            f"{verdict.smallest_effect:.4f}",
        )
    seconds = _reached(arm.cells, [cell.seconds_to_reach for cell in arm.cells], ".1f")
    tokens = _reached(arm.cells, [cell.tokens_to_reach for cell in arm.cells], ",.0f")
    loss = "–" if arm.mean_loss is None else f"{arm.mean_loss:.4f}"
    return (arm.name, loss, *judged, seconds, tokens, arm.words)


def _reached(cells: Sequence[CellResult], values: Sequence[float | None], form: str) -> str:
    """The mean over the seeds that got there, and how many these were where some did not."""
    there = [value for value in values if value is not None]
    mean = mean_of(there)
    if mean is None:
        return "–"
    return f"{mean:{form}}" + (f" ({len(there)} of {len(cells)})" if len(there) < len(cells) else "")


def p_text(p: float) -> str:
    """A p-value in four decimals."""
    return f"{p:.4f}" if p >= 1e-4 else "<0.0001"


def markdown(result: AblationResult) -> str:
    """The whole result as a page: what was compared, the table, every run, and how to read it."""
    seeds = ", ".join(map(str, result.seeds))
    lines = [
        f"# {as_text(result.name)}",
        "",
        f"One change at a time to {as_text(result.base)}: {result.steps:,} steps, seeds {seeds}, {result.threads} "
        f"processor {'thread' if result.threads == 1 else 'threads'} a run; {result.status}.",
        "",
        *table(HEADINGS, table_rows(result), right=NUMBERS),
        "",
        *[f"- {as_text(note)}" for note in result.notes],
        *([""] if result.notes else []),
        "## How to read it",
        "",
        "- The final loss is that of the last step on the whole validation split, in nats per token, mean over seeds; "
        "never the best of several evaluations. Arms share seeds, and so first weights and the order of data.",
        "- The difference is the arm's loss minus the baseline's, paired by seed; below zero is better. The interval "
        "is for each arm by itself (Student's t).",
        f"- p is that of the paired t-test, corrected for the number of arms (Holm). A difference is said at {LEVEL:g} "
        "or below.",
        *_of_sign_flips(result),
        f"- \"Could see\" is the true difference that so many seeds, as noisy as these, find {POWER:.0%} of the time. "
        "No difference seen does not mean that there is none below it.",
        "- To reach: training time and tokens until an evaluation first had the baseline's mean final loss or less; "
        "mean over the seeds that got there. Times of runs that ran side by side compare with each other only.",
        "",
        "## Runs",
        "",
        *table(RUNS, [_run(arm, cell) for arm in result.arms for cell in arm.cells], right=RUN_NUMBERS),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _of_sign_flips(result: AblationResult) -> list[str]:
    """What the test says that needs no normality, beside the one that decides."""
    judged = [
        f"{as_text(arm.name)} {p_text(arm.verdict.p_sign_flip)}"
        for arm in result.arms
        if arm.verdict is not None and arm.verdict.p_sign_flip is not None
    ]
    if not judged:
        return []
    least = 2 / 2 ** len(result.seeds)
    return [
        f"- Without assuming that differences are normal: the sign-flip permutation test, corrected likewise, has the "
        f"p-values {', '.join(judged)}. With {len(result.seeds)} seeds it is never below {p_text(least)} for one arm, "
        "so it does not decide."
    ]


def _run(arm: ArmResult, cell: CellResult) -> tuple[str, ...]:
    what = cell.failure or (f"{cell.run} (made earlier)" if cell.reused else cell.run) or "to come"
    loss = "–" if cell.loss is None else f"{cell.loss:.4f}"
    return arm.name, str(cell.seed), loss, "–" if cell.seconds is None else f"{cell.seconds:.1f}", what
