"""One change at a time: what differs between two runs by its meaning, and whether that is one change. Needs no torch.

Whether an effect can be told apart depends on what is *learned* differently: values of the model, its training and its
data, hooks that act, files of one's own, the text itself. Fields that the schema declares as coupled (the schedule and
its length) are one change together. The seed stands for itself: with another one, noise is a part of any difference.
All else is only presentation: what is shown, recorded, judged, and where.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lmcore.config import HookConfig, TrainingConfig, coupled_group, differences, field_of, to_yaml_value
from lmcore.experiments.identity.identity import canonical
from lmcore.experiments.identity.own_code import learned_files
from lmcore.experiments.runs.folder import RunError

Kind = Literal["none", "one", "confounded"]

SEED = "other.seed"
STEPS = "training.max_steps"
PATH = "dataset.path"

JUDGING = ("evaluation.batches", "evaluation.stride")
"""What decides which validation tokens are judged, and with how much before them."""


@dataclass(frozen=True)
class Recipe:
    """What a run learns from: its values and, where they are known, its text and the files of one's own."""

    config: TrainingConfig
    data: str = ""  # fingerprint of text, tokenizer and split
    code: Mapping[str, str] = field(default_factory=dict)  # digests of own files, by name


@dataclass(frozen=True)
class Leaf:
    """One value that differs. Of a hook it is `hooks.NAME.FIELD`, or `hooks.NAME` where another one acts, or none."""

    key: str
    old: Any
    new: Any
    group: str = ""  # of fields that are one change together
    live: bool = False

    @property
    def words(self) -> str:
        """The value before and after: `training.optimizer adamw → muon`."""
        return f"{self.key} {self.old_text} → {self.new_text}"

    @property
    def old_text(self) -> str:
        """The value before, as YAML."""
        return _text(self.old, self.new)

    @property
    def new_text(self) -> str:
        """The value after, as YAML."""
        return _text(self.new, self.old)


def _text(value: Any, other: Any) -> str:
    return "none" if value is None and isinstance(other, dict) else to_yaml_value(value)


@dataclass(frozen=True)
class Change:
    """One change of what is learned: a leaf, or those of one group."""

    leaves: tuple[Leaf, ...]

    @property
    def name(self) -> str:
        """The key, or for several leaves the name of their group."""
        return self.leaves[0].key if len(self.leaves) == 1 else f"the {self.leaves[0].group}"

    @property
    def words(self) -> str:
        """What is changed, from what to what."""
        listed = ", ".join(leaf.words for leaf in self.leaves)
        return listed if len(self.leaves) == 1 else f"{self.name}: {listed}"


@dataclass(frozen=True)
class Comparison:
    """What differs, by its meaning."""

    changes: tuple[Change, ...]  # of what is learned
    seed: Leaf | None
    presentation: tuple[Leaf, ...]
    longer: Leaf | None = None  # the later end of a run that goes on after its parent's, which is no change

    @property
    def kind(self) -> Kind:
        """Whether this is a repetition (or another seed), one change, or several that cannot be told apart."""
        return "none" if not self.changes else "one" if len(self.changes) == 1 else "confounded"

    @property
    def words(self) -> str:
        """The comparison in one line."""
        on = "" if self.longer is None else f"; it goes on after step {self.longer.old:,}, to {self.longer.new:,}"
        if self.changes:
            listed = "; ".join(change.words for change in self.changes)
            return f"{'one change' if self.kind == 'one' else f'{len(self.changes)} changes'}: {listed}{on}"
        if self.seed is not None:
            return f"another seed: {self.seed.old_text} → {self.seed.new_text}{on}"
        return f"no change{on}" if on else "no change: a repetition"

    @property
    def notes(self) -> tuple[str, ...]:
        """What weakens the comparison besides, in sentences."""
        found = []
        if self.seed is not None and self.changes:
            found.append(
                f"The seeds differ ({self.seed.old_text} and {self.seed.new_text}), so the two are not paired: first "
                "weights and the order of data are a part of any difference."
            )
        if judged := [leaf.key for leaf in self.presentation if leaf.key in JUDGING]:
            verb = "differs" if len(judged) == 1 else "differ"
            found.append(f"{' and '.join(judged)} {verb}, so validation losses are not measured in the same way.")
        return tuple(found)


class TooManyChanges(RunError):
    """More than one change, and no reason was given for it; `differences` are the changes in words."""

    def __init__(self, against: str, comparison: Comparison) -> None:
        self.against = against
        self.differences = tuple(change.words for change in comparison.changes)
        listed = "".join(f"\n  - {words}" for words in self.differences)
        super().__init__(
            f"This differs from {against} in {len(self.differences)} changes of what is learned, so their effects "
            f'could not be told apart:{listed}\nKeep one of them, or say why it is to be so: --confounded "why" '
            "(recorded with the run, and shown for ever)."
        )


def going_on(comparison: Comparison) -> Comparison:
    """The comparison of a run with a parent that had reached its end: a later end by itself is no change, since there
    was no other way on."""
    for change in comparison.changes:
        (leaf, *others) = change.leaves
        if leaf.key == STEPS and not others and leaf.new > leaf.old:
            rest = tuple(other for other in comparison.changes if other is not change)
            return replace(comparison, changes=rest, longer=leaf)
    return comparison


def compare(old: Recipe, new: Recipe) -> Comparison:
    """What differs between two recipes, by its meaning. RunError for own files with a name that cannot be."""
    learned: list[Leaf] = []
    presentation: list[Leaf] = []
    seed = None
    for found in differences(old.config, new.config):
        if found.key.startswith("hooks"):
            continue
        leaf = Leaf(found.key, found.old, found.new, coupled_group(field_of(found.key)), found.live)
        if found.key == SEED:
            seed = leaf
        elif found.learned or (found.key == PATH and _is_other_text(old, new)):
            learned.append(leaf)
        else:
            presentation.append(leaf)
    for leaf, is_learned in _of_hooks(old.config.hooks, new.config.hooks):
        (learned if is_learned else presentation).append(leaf)
    learned += _of_code(old, new)
    is_explained = any(leaf.key.startswith("dataset.") for leaf in learned)
    if old.data and new.data and old.data != new.data and not is_explained:
        learned.append(Leaf("the text itself", old.data[:12], new.data[:12]))
    return Comparison(_grouped(learned), seed, tuple(presentation))


def _is_other_text(old: Recipe, new: Recipe) -> bool:
    """Whether another path means another text: a source reads it, and it is not known to be the same."""
    reads = any(recipe.config.dataset.source in ("file", "files") for recipe in (old, new))
    return reads and not (old.data and old.data == new.data)


def _grouped(leaves: list[Leaf]) -> tuple[Change, ...]:
    groups: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        groups.setdefault(leaf.group or f".{leaf.key}", []).append(leaf)
    return tuple(Change(tuple(members)) for members in groups.values())


def _of_code(old: Recipe, new: Recipe) -> Iterator[Leaf]:
    """Own files of the same name with other contents."""
    for name in learned_files(new.config):
        before, after = old.code.get(name), new.code.get(name)
        if before and after and before != after and name in learned_files(old.config):
            yield Leaf(f"code of {name}", before[:12], after[:12])


def _of_hooks(old: tuple[HookConfig, ...], new: tuple[HookConfig, ...]) -> Iterator[tuple[Leaf, bool]]:
    """What differs between two lists of hooks, one by one, and whether the model learns differently by it."""
    before, after = _by_name(old), _by_name(new)
    renamed = _renamed(before, after)
    for name in dict.fromkeys((*before, *after)):
        if name in renamed.values() and name not in before:
            continue
        a, b = before.get(name), after.get(renamed.get(name, name))
        if name in renamed:
            yield Leaf(f"hooks.{name}.name", name, renamed[name]), True
        else:
            yield from _of_hook(name, a, b)
    # A hook's place among those that act is a part of what it does.
    both = [name for name, hook in before.items() if hook.enabled and name in after and after[name].enabled]
    order = [name for name in after if name in both]
    if both != order:
        yield Leaf("the order of hooks", both, order, live=True), True


def _by_name(hooks: tuple[HookConfig, ...]) -> dict[str, HookConfig]:
    return {hook.name: hook for hook in hooks}


def _renamed(before: Mapping[str, HookConfig], after: Mapping[str, HookConfig]) -> dict[str, str]:
    """Hooks that act as before under another name, on which their random draws depend: old name → new name."""
    gone = {name: hook for name, hook in before.items() if name not in after and hook.enabled}
    come = {name: hook for name, hook in after.items() if name not in before and hook.enabled}
    found: dict[str, str] = {}
    for name, hook in gone.items():
        same = [other for other, its in come.items() if _said(its, name=name) == _said(hook)]
        if same and same[0] not in found.values():
            found[name] = same[0]
    return found


def _of_hook(name: str, a: HookConfig | None, b: HookConfig | None) -> Iterator[tuple[Leaf, bool]]:
    """What differs in one hook. One that is switched off, or not there, does nothing."""
    key = f"hooks.{name}"
    acts = [hook is not None and hook.enabled for hook in (a, b)]
    is_switched = a is not None and b is not None and _said(a, enabled=True) == _said(b, enabled=True)
    if a is None or b is None or acts != [True, True] or (a.kind, a.use) != (b.kind, b.use):
        if is_switched and acts[0] != acts[1]:
            yield Leaf(f"{key}.enabled", acts[0], acts[1], live=True), True
        elif not is_switched:
            yield Leaf(key, _shown(a), _shown(b), live=True), any(acts)
        return
    for field_name in ("at", "from_step", "until_step"):
        pair = getattr(a, field_name), getattr(b, field_name)
        if pair[0] != pair[1]:
            window = "" if field_name == "at" else f"window of {name}"
            yield Leaf(f"{key}.{field_name}", *pair, group=window, live=True), True
    for argument in dict.fromkeys((*a.with_, *b.with_)):
        pair = a.with_.get(argument), b.with_.get(argument)
        if _plain(pair[0]) != _plain(pair[1]) or (argument in a.with_) != (argument in b.with_):
            yield Leaf(f"{key}.with.{argument}", *pair, live=True), True


def _said(hook: HookConfig, **values: Any) -> str:
    """Everything that a hook says, in a form that is equal where the meaning is."""
    return _plain({**hook.model_dump(), **values})


def _shown(hook: HookConfig | None) -> dict[str, Any] | None:
    if hook is None:
        return None
    return hook.model_dump(by_alias=True, exclude_defaults=True, exclude={"name"}) or {"kind": hook.kind}


def _plain(value: Any) -> str:
    return json.dumps(canonical(value), sort_keys=True)
