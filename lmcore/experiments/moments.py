"""The moments of a run that is open: one can look at an earlier one, or fork it, and the present stays as it is."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lmcore.experiments.identity.consent import require_consent
from lmcore.experiments.identity.identity import weights_of
from lmcore.experiments.identity.own_code import OwnCode
from lmcore.experiments.layers import logged_layers
from lmcore.experiments.opened import Opened, build_hooks, build_model
from lmcore.experiments.runs.folder import METRICS, RunError, load_run
from lmcore.experiments.runs.live import LiveConfig
from lmcore.protocol.messages import LayerStatistics, MomentRecord, MomentSource, OwnFile
from lmcore.training.checkpoints import find_checkpoint, list_checkpoints, load_hooks, load_model, load_state, step_of
from lmcore.training.snapshots import SnapshotRing, load_snapshot_of_model, take_snapshot

LAYERS, HOOKS = "layers", "hooks"
"""What a snapshot is kept with, besides what a checkpoint says: the newest norms, and how each hook did."""

VersionOf = Callable[[str, str], OwnFile]
"""An own file's version by its name and digest. RunError."""


class Moments:
    """Where one can go back to in an open run, and the moment that one looks at.

    A moment is opened as a model and hooks of its own, so that the present's are not touched: training goes on from
    there as if nobody had looked. Nothing is written.
    """

    def __init__(self, opened: Opened, version_of: VersionOf) -> None:
        self._opened = opened
        self._version_of = version_of
        self._ring: SnapshotRing | None = None
        self._seen: Opened | None = None
        self.record: MomentRecord | None = None  # what there is to know of it; None: one looks at the present

    @property
    def seen(self) -> Opened:
        """The run as one looks at it: at an earlier moment, or at present."""
        return self._seen or self._opened

    def keep_snapshots(self) -> None:
        """From now on keep the last steps in memory, as much as the configuration allows."""
        self._ring = SnapshotRing()

    def keep(self, extra: Mapping[str, Any], layers: LayerStatistics | None) -> None:
        """Keep the present step, if the last steps are kept; `extra` is what a checkpoint of it would say besides."""
        trainer = self._opened.trainer
        if self._ring is None or trainer is None:
            return
        config = self._opened.live.config
        rows = self._opened.hooks.statistics() if config.hooks else ()
        self._ring.keep(
            trainer,
            config.checkpointing.snapshot_megabytes * 10**6,
            {**extra, LAYERS: layers, HOOKS: rows},
        )

    def reachable(self) -> dict[int, MomentSource]:
        """The steps before the present that one can go back to, in their order, and from where."""
        now, found = self._opened.steps_done, _on_disk(self._opened.folder, self._opened.run)
        if self._ring is not None:
            found |= dict.fromkeys((step for step in self._ring.steps if step > 0), "memory")
        return {step: found[step] for step in sorted(found) if step < now}

    def nearest(self, step: int) -> int:
        """The step nearest to another that one can go to, the present included."""
        return min([*self.reachable(), self._opened.steps_done], key=lambda other: abs(other - step))

    def look_at(self, step: int) -> None:
        """Look at the run as it was after `step` steps. RunError, CheckpointError or HookError for one that cannot be;
        ConsentNeeded for own files that were not agreed to. One looks at what one did before, then."""
        if step == self._opened.steps_done:
            self.leave()
        else:
            seen = self._open(step)
            self._seen, self.record = seen, _record(seen)

    def leave(self) -> None:
        """Look at the present again."""
        self._seen = self.record = None

    def at(self, step: int, extra: Mapping[str, Any]) -> Opened:
        """The run at a moment, as it may be forked; `extra` is what is known of the present. As `look_at`."""
        now = self._opened
        if step != now.steps_done:
            return self._found(step)
        if now.trainer is None:
            return now
        return replace(now, step=step, checkpoint=None, snapshot=take_snapshot(now.trainer, extra), trainer=None)

    def _found(self, step: int) -> Opened:
        """What a moment is made from: its values, own files, and where its weights are. Its model is not made yet."""
        now = self._opened
        source = self.reachable().get(step)
        if source is None:
            raise RunError(self._why_not(step))
        live = now.live.at(step)
        own = self._own_code(live)
        moment = replace(now, live=live, own=own, step=step, checkpoint=None, snapshot=None, extra={}, trainer=None)
        if source == "memory" and self._ring is not None and (snapshot := self._ring.at(step)) is not None:
            moment.snapshot, moment.extra = snapshot, snapshot.extra
        elif source == "checkpoint":
            moment.checkpoint = find_checkpoint(now.folder, str(step))
            moment.extra = load_state(moment.checkpoint)["extra"]
        return moment

    def _open(self, step: int) -> Opened:
        """A moment with a model and hooks of its own."""
        moment = self._found(step)
        config = moment.live.config
        model = moment.model = build_model(config, moment.tokenizer.vocabulary_size, moment.device)
        hooks = moment.hooks = build_hooks(config, model, moment.own)
        if moment.snapshot is not None:
            load_snapshot_of_model(moment.snapshot, model, hooks)
        elif moment.checkpoint is not None:
            load_model(moment.checkpoint, model)
            load_hooks(moment.checkpoint, hooks)
        hooks.at_step(max(step - 1, 0))
        return moment

    def _own_code(self, live: LiveConfig) -> OwnCode:
        """The versions of own files that acted then, once the person has agreed to them."""
        files = {name: self._version_of(name, digest) for name, digest in live.code.items()}
        require_consent(list(files.values()))
        return OwnCode(files, self._opened.own.folder)

    def _why_not(self, step: int) -> str:
        now, name, kept = self._opened.steps_done, self._opened.folder.name, list(self.reachable())
        if step > now:
            return f"{name} has made {now:,} steps, so there is no step {step:,} to go back to."
        near = [*[other for other in kept if other < step][-1:], *[other for other in kept if other > step][:1]]
        if not near:
            return f"No earlier moment of {name} is kept: there is no checkpoint, and no step in memory."
        listed = " and ".join(f"{other:,}" for other in near)
        return f"Step {step:,} of {name} is not kept; the nearest before and after it: {listed}."


def moments_on_disk(folder: Path) -> dict[int, MomentSource]:
    """The steps of a run at which it can be opened, in their order, and from where. RunError."""
    return _on_disk(folder, load_run(folder))


def _on_disk(folder: Path, run: Mapping[str, Any]) -> dict[int, MomentSource]:
    found: dict[int, MomentSource] = {step_of(path): "checkpoint" for path in list_checkpoints(folder)}
    parent = run.get("parent")
    if not weights_of(run) and (not parent or not parent.get("step")):  # the seed gives its first weights
        found.setdefault(0, "beginning")
    return dict(sorted(found.items()))


def _record(seen: Opened) -> MomentRecord:
    layers = seen.extra.get(LAYERS)
    if not isinstance(layers, LayerStatistics):
        layers = logged_layers(seen.folder / METRICS, seen.model, seen.step)
    rows = seen.extra.get(HOOKS) if seen.snapshot is not None else None
    return MomentRecord(
        seen.step,
        "memory" if seen.snapshot is not None else "checkpoint" if seen.checkpoint is not None else "beginning",
        seen.live.text,
        layers,
        seen.hooks.statistics() if rows is None else rows,
    )
