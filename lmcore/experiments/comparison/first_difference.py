"""Where two runs part: the first logged number that is not the same, bit for bit, and the first layer."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from lmcore.experiments.comparison.curves import Curve, Curves
from lmcore.experiments.comparison.recorded import RecordedRun
from lmcore.experiments.runs.metrics import is_of_time

LAYER_KINDS = (
    ("param/l2_norm/", "weight"),
    ("activation/rms/", "activation"),
    ("grad/l2_norm/", "gradient"),
    ("update/l2_norm/", "update"),
)
"""Norms in the order in which a step makes what they measure: the weights are those before its update."""


@dataclass(frozen=True)
class LayerDifference:
    """Where in the model two runs differ first, at the first step whose norms both have logged and that differ.

    The first in the order of the forward pass; of gradients, the first on their way back.
    """

    step: int
    kind: str  # weight, activation, gradient or update
    name: str  # of a parameter or a hook point
    differing: int  # how many of this kind differ
    compared: int

    @property
    def sentence(self) -> str:
        """The place in words."""
        of = "the only one" if self.compared == 1 else f"{self.differing} of {self.compared} differ"
        way = ", on the way back" if self.kind == "gradient" else ""
        return f"First layer: the {self.kind} of {self.name}{way}, at step {self.step:,} ({of} there)."


@dataclass(frozen=True)
class FirstDifference:
    """What two runs have in common and where it ends. Values as text; step and metric are None if nothing differs."""

    first: str  # letters
    second: str
    identical: int  # common logged steps up to there that are the same, bit for bit
    common: int  # logged steps that both have
    step: int | None = None
    metric: str = ""
    values: tuple[str, str] = ("", "")
    layer: LayerDifference | None = None
    ends: str = ""  # which run ends first, and where, if they do not end together

    @property
    def sentences(self) -> list[str]:
        """The difference as a person says it."""
        pair = f"{self.first} and {self.second}"
        if not self.common:
            return [f"{pair} have no logged step in common."]
        if self.step is None:
            return [f"{pair} are identical bit for bit over {_steps(self.common)} in common{self.ends}."]
        before = f" after {_steps(self.identical)} identical bit for bit" if self.identical else ""
        found = [
            f"{pair} differ from step {self.step:,} on{before}: {self.metric} is {self.values[0]} in {self.first}, "
            f"{self.values[1]} in {self.second}."
        ]
        if self.layer is not None:
            found.append(self.layer.sentence)
            if self.layer.step > self.step:
                found.append(
                    f"Norms were not logged at step {self.step:,}; other.norms_interval: 1 would tell the layer there."
                )
        else:
            found.append("Which layer differs first is not known: no norms were logged from there on that differ.")
        return found


def _steps(count: int) -> str:
    return f"{count:,} logged {'step' if count == 1 else 'steps'}"


def first_difference(first: RecordedRun, second: RecordedRun) -> FirstDifference:
    """Compare everything that both runs have logged, times and throughput excepted."""
    ours, theirs = first.curves, second.curves
    common = _common_steps(ours, theirs)
    found: tuple[int, str] | None = None
    for name, curve in ours.metrics.items():
        if not is_of_time(name) and (other := theirs.metrics.get(name)) is not None:
            step = _first_step(curve, other, found[0] if found else None)
            if step is not None:
                found = (step, name)
    letters = first.letter, second.letter
    if found is None:
        return FirstDifference(*letters, len(common), len(common), ends=_ends(first, second))
    step, metric = found
    values = [_as_text(metric, curves.metrics[metric].at(step)) for curves in (ours, theirs)]
    identical = bisect_left(common, step)
    layer = _first_layer(ours, theirs, step)
    return FirstDifference(*letters, identical, len(common), step, metric, (values[0], values[1]), layer)


def _as_text(metric: str, value: float | None) -> str:
    return f"{value:,.0f}" if metric == "tokens" else repr(value)


def _ends(first: RecordedRun, second: RecordedRun) -> str:
    last = {run.letter: run.curves.last_step for run in (first, second)}
    shorter = min(last, key=lambda letter: last[letter])
    return f", to the end of {shorter} at step {last[shorter]:,}" if len(set(last.values())) > 1 else ""


def _common_steps(ours: Curves, theirs: Curves) -> list[int]:
    """The steps that both have logged with their training loss."""
    steps = [curves.metrics.get("loss/train", Curve()).steps for curves in (ours, theirs)]
    return list(steps[0]) if steps[0] == steps[1] else sorted(set(steps[0]) & set(steps[1]))


def _first_step(ours: Curve, theirs: Curve, before: int | None) -> int | None:
    """The first common step, below `before` if that is given, at which two curves have not the same bits."""
    if ours.steps == theirs.steps and ours.values.tobytes() == theirs.values.tobytes():
        return None
    for step, value, other in _pairs(ours, theirs):
        if before is not None and step >= before:
            return None
        # Written as text, a number shows each of its bits: the sign of zero and not-a-number too.
        if (value != other or value == 0) and repr(value) != repr(other):
            return step
    return None


def _pairs(ours: Curve, theirs: Curve) -> Iterator[tuple[int, float, float]]:
    """The values of both at their common steps."""
    i = j = 0
    while i < len(ours.steps) and j < len(theirs.steps):
        if ours.steps[i] == theirs.steps[j]:
            yield ours.steps[i], ours.values[i], theirs.values[j]
            i, j = i + 1, j + 1
        elif ours.steps[i] < theirs.steps[j]:
            i += 1
        else:
            j += 1


def _first_layer(ours: Curves, theirs: Curves, since: int) -> LayerDifference | None:
    """The first layer that differs, at the first step from `since` on at which norms of both do."""
    norms = {
        name: kind
        for prefix, kind in LAYER_KINDS
        for name in ours.metrics
        if name.startswith(prefix) and name != "grad/l2_norm/global" and name in theirs.metrics
    }
    steps = [
        step
        for name in norms
        if (step := _first_step(_from(ours.metrics[name], since), _from(theirs.metrics[name], since), None)) is not None
    ]
    if not steps:
        return None
    step = min(steps)
    for prefix, kind in LAYER_KINDS:
        names = [name for name in norms if norms[name] == kind]
        values = {name: (ours.metrics[name].at(step), theirs.metrics[name].at(step)) for name in names}
        compared = [name for name in names if None not in values[name]]
        differing = [name for name in compared if repr(values[name][0]) != repr(values[name][1])]
        if differing:
            name = differing[-1 if kind == "gradient" else 0].removeprefix(prefix)
            return LayerDifference(step, kind, name, len(differing), len(compared))
    return None


def _from(curve: Curve, step: int) -> Curve:
    place = bisect_left(curve.steps, step)
    return Curve(curve.steps[place:], curve.values[place:])
