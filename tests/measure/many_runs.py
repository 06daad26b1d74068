"""How long do hundreds of runs take to list, to show and to filter?

    python -m tests.measure.many_runs [--runs 500] [--steps 2000] [--keep DIR]

One small model is trained, with norms of every parameter in each 20th row; its directory is copied so many times, each
copy with a seed, title, loss, tag and date of its own, every third a fork of the one before, every second as an older
version wrote it (its configuration has to be parsed). Needs as much disk as that: 700 MB for 500 runs of 2,000 steps.
Before each measurement that says cold, the system is asked to forget the files.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from textual.app import App

from lmcore.experiments.runs.listing import as_tree, list_runs, run_names
from lmcore.experiments.selection.query import parse_query
from lmcore.experiments.selection.select import needed_columns, select
from lmcore.experiments.selection.values import RunValues
from tui.screens.runs import RunsScreen

CONFIG = """\
model: {{d_model: 16, n_layers: 4, n_heads: 2, context_length: 16}}
training: {{max_steps: {steps}, batch_size: 2, warmup_steps: 1}}
dataset: {{tales_megabytes: 0.02}}
evaluation: {{batches: 2, batch_size: 4, prompt_tokens: 8}}
other: {{device: cpu, threads: 1, runs_folder: template}}
"""


def make_runs(folder: Path, count: int, steps: int) -> None:
    """Train the template and copy it."""
    (folder / "small.yaml").write_text(CONFIG.format(steps=steps))
    command = [sys.executable, "-m", "lmcore", "train", "small.yaml"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (template,) = (folder / "template").glob("*-small-*")
    shutil.rmtree(template / "checkpoints")
    run = json.loads((template / "run.json").read_text())
    now, before = datetime.now().astimezone(), ""
    for index in range(count):
        created = now - timedelta(hours=count - index)
        copy = folder / "runs" / f"{created:%Y%m%d-%H%M%S}-small-{index:08x}"
        shutil.copytree(template, copy)
        own = {"title": f"small {index}", "seed": index, "created": created.isoformat(), "tags": [f"t{index % 7}"]}
        parent = {"run": before, "step": 100} if index % 3 == 2 else None
        content = {**run, **own, "parent": parent, "settings": {**run["settings"], "other.seed": index}}
        if index % 2:
            del content["settings"]
        (copy / "run.json").write_text(json.dumps(content, indent=2))
        before = copy.name


def forget(folder: Path) -> None:
    """Ask the system to drop what it keeps of the files in memory."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file() and hasattr(os, "posix_fadvise"):
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long something took, on the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    yield
    tell(what, time.perf_counter() - clock, time.process_time() - processor)


def tell(what: str, clock: float, processor: float) -> None:
    """Print seconds on the clock and of the processor."""
    print(f"{what:<66} {clock * 1e3:7.0f} ms {processor * 1e3:7.0f} ms", flush=True)


def measure_reading(runs: Path) -> None:
    """Listing, queries, and completing names, as the command line does it."""
    forget(runs)
    with timed("list, cold"):
        found = list_runs(runs)
    with timed("list, again"):
        found = list_runs(runs)
    with timed("put into a tree"):
        as_tree(found)
    with timed("names alone, for completion"):
        run_names(runs)
    for text in ("small 12", "tag:t3 -status:failed", "loss/val<9", "grad/l2_norm/global<9", "model.n_layers>=4"):
        values, query = RunValues(), parse_query(text)
        forget(runs)
        with timed(f"query {text}, cold"):
            values.read(found, needed_columns(query))
            select(found, query, values)
        with timed("    the next key of it"):
            select(found, parse_query(text), values)


class Bench(App[None]):
    """An app with nothing but the list."""


async def until(condition: Callable[[], bool]) -> None:
    """Let the app work until something is so."""
    while not condition():
        await asyncio.sleep(0.001)


async def measure_screen(runs: Path) -> None:
    """From opening the list to its rows, and each key of a filter, at 160×48.

    A key that asks for values is done when all of them are read and the rows are shown; the screen answers meanwhile.
    """
    forget(runs)
    app, screen = Bench(), RunsScreen(runs)
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        with timed("the list in the lab: until its first rows, cold"):
            app.push_screen(screen)
            await until(lambda: screen.is_attached and bool(screen.matching))
        count = len(run_names(runs))
        with timed("    until all of them"):
            await until(lambda: len(screen.runs) == count)
            await pilot.pause()
        for text in ("small 12", "loss/val<9 tag:t3", "optimizer=adamw", "grad/l2_norm/global<9"):
            spent: list[tuple[float, float]] = []
            for end in range(1, len(text) + 1):
                clock, processor = time.perf_counter(), time.process_time()
                screen.frame.line.value = text[:end]
                await pilot.pause()
                await until(lambda: not screen.listing.missing)
                await pilot.pause()
                spent.append((time.perf_counter() - clock, time.process_time() - processor))
            tell(f"    the slowest key of {text}", *max(spent))
            tell("    any other key, the median", *sorted(spent)[len(spent) // 2])
            screen.frame.line.value = ""
            await pilot.pause()


def main() -> None:
    """Make the runs, measure, and clean up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--keep", type=Path, help="make the runs here, or use those that are here, and keep them")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="many-runs-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "runs").exists():
            make_runs(folder, options.runs, options.steps)
        print(f"{len(run_names(folder / 'runs'))} runs{'':<62} clock  processor")
        measure_reading(folder / "runs")
        asyncio.run(measure_screen(folder / "runs"))
    finally:
        if options.keep is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
