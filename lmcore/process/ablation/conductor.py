"""Carrying an ablation out: reuse what is there, go on with what was interrupted, train the rest, judge."""

from collections.abc import Iterator
from contextlib import closing, suppress
from threading import Event

from lmcore.experiments.ablation.page import PAGE, markdown
from lmcore.experiments.ablation.plan import Ablation, AblationError
from lmcore.experiments.ablation.result import BASE, FinishedRun, load_stored, result_of, store
from lmcore.experiments.identity.identity import config_hash
from lmcore.experiments.runs.folder import RunError, plainly, slug
from lmcore.experiments.runs.lock import RunLock
from lmcore.files import make_folder, make_path, write_whole
from lmcore.process.ablation.cells import Cell, Ground, find_present, read_finished
from lmcore.process.ablation.jobs import Ended, Job, Jobs
from lmcore.protocol.events import AblationCell, AblationStands, CellState
from lmcore.protocol.results import AblationResult, Status
from lmcore.training.determinism import available_cores

WRONG_INPUT = 2
"""The exit code of a run whose configuration cannot be used: so it is with every seed."""


def default_jobs(ground: Ground) -> int:
    """How many runs go side by side: as many as there are cores for their threads; one on an accelerator."""
    threads = int(ground.cells[0].machine["threads"])
    return max(1, available_cores() // threads) if ground.device == "cpu" else 1


def conduct(ablation: Ablation, ground: Ground, jobs: int, stop: Event) -> Iterator[AblationCell | AblationStands]:
    """Carry an ablation out, `jobs` runs at once, and tell of it; result.json and a page are written on the way.

    When `stop` is set, what is running is saved, and the same ablation goes on from there another time. AblationError
    if the folder holds another ablation, or an arm cannot run at all; RunError.
    """
    with plainly("write", ablation.folder):
        make_path(ablation.runs_folder)
        for folder in (ablation.folder.parent, ablation.folder, ablation.folder / "runs"):
            make_folder(folder)
    lock = RunLock(ablation.folder)
    lock.acquire()
    try:
        yield from _Conduct(ablation, ground).carry_out(jobs, stop)
    finally:
        lock.release()


class _Conduct:
    """What is known while an ablation goes on."""

    def __init__(self, ablation: Ablation, ground: Ground) -> None:
        self._ablation = ablation
        self._ground = ground
        self._notes = tuple(dict.fromkeys((*ablation.notes, *_notes(ablation))))
        present = find_present(ablation.runs_folder, ground.cells)
        self._finished: dict[str, FinishedRun] = dict(present.finished)
        self._unfinished = present.unfinished
        self._reused = frozenset(run.run for run in present.finished.values())
        self._failures: dict[tuple[str, int], tuple[str, str]] = {}  # why, and the run's name
        self._ids = {(cell.arm.name, cell.seed): cell.id for cell in ground.cells}

    def carry_out(self, at_once: int, stop: Event) -> Iterator[AblationCell | AblationStands]:
        for cell in self._ground.cells:
            if run := self._finished.get(cell.id):
                yield _told(cell, "reused", cell.max_steps, loss=run.loss, run=run.run)
        with plainly("write", self._ablation.folder):
            write_whole(self._ablation.folder / BASE, self._ablation.baseline.text)
            for file in self._ground.own_files:  # beside the configurations that name them
                write_whole(self._ablation.folder / "runs" / file.name, file.text)
        missing = [cell for cell in self._ground.cells if cell.id not in self._finished]
        jobs = [self._job(number, cell) for number, cell in enumerate(missing)]
        self._save("running")
        try:
            with closing(Jobs(jobs, at_once).events(stop)) as events:
                for event in events:
                    if isinstance(event, Ended):
                        yield self._after(event, stop)
                        yield AblationStands(self._save("running"))
                    else:
                        name = event.folder.name if event.folder else ""
                        yield _told(event.cell, "running", event.step, run=name)
        except BaseException:
            with suppress(RunError):  # the first error is the one to tell
                self._save("interrupted")
            raise
        is_whole = all(cell.id in self._finished or self._key(cell) in self._failures for cell in self._ground.cells)
        yield AblationStands(self._save("finished" if is_whole else "interrupted"))

    def _job(self, number: int, cell: Cell) -> Job:
        """A cell's configuration in a file."""
        folder = self._ablation.folder / "runs"
        config = folder / f"{slug(cell.arm.name)}-{number}-seed-{cell.seed}.yaml"
        with plainly("write", folder):
            write_whole(config, cell.text)
        return Job(cell, config, config.with_suffix(".log"), self._unfinished.get(cell.id))

    def _after(self, ended: Ended, stop: Event) -> AblationCell:
        cell, said = ended.cell, ended.said
        if ended.code == WRONG_INPUT:
            raise AblationError(f"{cell.arm.name}, seed {cell.seed}: {said}")
        run = ended.folder.name if ended.folder else ""
        if ended.code == 0 and ended.folder is not None:
            try:
                finished = self._finished[cell.id] = read_finished(ended.folder, cell)
                return _told(cell, "finished", cell.max_steps, loss=finished.loss, run=run)
            except RunError as error:
                said = str(error)
        elif stop.is_set():
            return _told(cell, "stopped", 0, run=run)
        said = said or f"its process ended with the exit code {ended.code}"
        self._failures[self._key(cell)] = said, run
        return _told(cell, "failed", 0, run=run, said=said)

    def _key(self, cell: Cell) -> tuple[str, int]:
        return cell.arm.name, cell.seed

    def _save(self, status: Status) -> AblationResult:
        result = result_of(
            self._ablation,
            status,
            lambda arm, seed: self._finished.get(self._ids[arm.name, seed]),
            self._failures,
            self._reused,
            self._notes,
        )
        store(self._ablation, result)
        with plainly("write", self._ablation.folder / PAGE):
            write_whole(self._ablation.folder / PAGE, markdown(result))
        return result


def _told(
    cell: Cell, state: CellState, step: int, loss: float | None = None, run: str = "", said: str = ""
) -> AblationCell:
    return AblationCell(cell.arm.name, cell.seed, state, step, cell.max_steps, loss, run, said)


def _notes(ablation: Ablation) -> tuple[str, ...]:
    """What was judged under this name before, where that makes a false difference likelier. AblationError."""
    stored = load_stored(ablation.folder)
    if stored is None:
        return ()
    if stored.get("base_hash") != config_hash(ablation.baseline.config):
        raise AblationError(
            f"{ablation.folder} holds an ablation of another base ({stored.get('base')}). Choose another name, or "
            "remove that folder; its runs stay."
        )
    notes = tuple(map(str, stored.get("notes", [])))
    earlier = stored.get("seeds", [])
    if stored.get("status") == "finished" and len(earlier) < len(ablation.seeds):
        note = (
            f"These arms were judged before with {len(earlier)} seeds. Adding seeds after looking finds a difference "
            f"where there is none more often than p says."
        )
        return tuple(dict.fromkeys((*notes, note)))
    return notes
