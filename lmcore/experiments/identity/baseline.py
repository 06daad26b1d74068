"""What a new run is held against: the baseline that it names, and for a fork its parent. Needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcore.config import TrainingConfig
from lmcore.errors import LabError
from lmcore.experiments.identity.identity import code_digest, config_hash
from lmcore.experiments.identity.named import Named, find_named
from lmcore.experiments.identity.one_change import Comparison, Recipe, TooManyChanges, compare, going_on
from lmcore.experiments.runs.folder import RunError


@dataclass(frozen=True)
class Reference:
    """One thing that a new run is compared with."""

    role: str  # baseline or parent
    name: str
    recipe: Recipe
    run: Mapping[str, Any] | None  # run.json, where it is a run
    notes: tuple[str, ...] = ()
    is_at_end: bool = False  # a parent, forked at its last step

    def compare(self, recipe: Recipe) -> Comparison:
        """What a new run changes against it; that a parent at its end is trained on is no change."""
        comparison = compare(self.recipe, recipe)
        return going_on(comparison) if self.is_at_end else comparison

    @property
    def words(self) -> str:
        """As it is called in a sentence."""
        return f"its {self.role} {self.name}"


@dataclass(frozen=True)
class OneChange:
    """The rule that a new run keeps: at most one change against each of its references, or a reason why not."""

    references: tuple[Reference, ...] = ()
    reason: str = ""  # why several changes are made at once

    def check(self, recipe: Recipe) -> None:
        """Refuse with TooManyChanges what changes more than one thing, unless there is a reason."""
        for reference in self.references:
            comparison = reference.compare(recipe)
            if comparison.kind == "confounded" and not self.reason:
                raise TooManyChanges(reference.words, comparison)

    def record(self, recipe: Recipe) -> dict[str, Any]:
        """What run.json says of it for ever: `baseline`, `changed` (a fork's, against its parent), `confounded`.

        TooManyChanges, as `check`: the text may differ where the configuration does not.
        """
        self.check(recipe)
        entries: dict[str, Any] = {}
        found = [(reference, reference.compare(recipe)) for reference in self.references]
        for reference, comparison in found:
            differs = {"words": comparison.words, "differences": _rows(comparison)}
            if reference.role == "parent":
                entries["changed"] = differs
            else:
                identity = {"id": reference.run.get("id")} if reference.run is not None else {}
                name = {"name": reference.name, "is_run": reference.run is not None, **identity}
                entries["baseline"] = {**name, "config_hash": config_hash(reference.recipe.config), **differs}
        if any(comparison.kind == "confounded" for _, comparison in found):
            entries["confounded"] = self.reason
        return entries

    def notes(self, recipe: Recipe) -> tuple[str, ...]:
        """What a person should know of the comparisons, in sentences."""
        found: list[str] = []
        is_confounded = False
        for reference in self.references:
            comparison = reference.compare(recipe)
            is_confounded |= comparison.kind == "confounded"
            said = f"confounded, {comparison.words}" if comparison.kind == "confounded" else comparison.words
            found.append(f"Against {reference.words}: {said}.")
            found += [*reference.notes, *comparison.notes]
            if reference.run is not None and reference.run.get("code_digest") not in (None, code_digest()):
                found.append(
                    f"lmcore's own code is not what it was when {reference.name} was made, so it may be a part of any "
                    "difference."
                )
        if self.reason and not is_confounded:
            found.append("The reason for several changes was not needed, and is not recorded.")
        return tuple(found)


def hold(recipe: Recipe, runs_folder: Path, reason: str = "", parent: Reference | None = None) -> OneChange:
    """The rule for a new run, checked once: against the baseline that it names and, for a fork, against its parent.

    TooManyChanges unless `reason` says why; RunError if there is no such baseline, or it cannot be read.
    """
    references = [*([parent] if parent else []), *_baseline(recipe.config, runs_folder)]
    rule = OneChange(tuple(references), " ".join(reason.split()))
    rule.check(recipe)
    return rule


def _baseline(config: TrainingConfig, runs_folder: Path) -> list[Reference]:
    name = config.other.baseline.strip()
    if not name:
        return []
    try:
        found: Named = find_named(name, runs_folder)
    except LabError as error:
        raise RunError(f"other.baseline: {error}") from error
    # A configuration is called as the person called it: where its file lies on this machine says nothing later.
    known_as = found.name if found.run is not None else name
    return [Reference("baseline", known_as, found.recipe, found.run, found.notes)]


def _rows(comparison: Comparison) -> list[dict[str, str]]:
    leaves = [leaf for change in comparison.changes for leaf in change.leaves]
    leaves += [comparison.longer] if comparison.longer is not None else []
    return [{"key": leaf.key, "old": leaf.old_text, "new": leaf.new_text, "group": leaf.group} for leaf in leaves]
