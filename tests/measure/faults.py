"""What becomes of run folders with random faults in them, of broken configurations, and of runs that are killed?

    python -m tests.measure.faults [--faults 1000] [--configurations 5000] [--kills 200] [--seed 1]

Faults: a copy of a tiny run gets one random fault in one random file (cut, changed, emptied, removed, lines swapped, a
link, a pipe, a device, a sparse file of 100 GB, another value in its JSON …), then one random command reads or goes on
with it. Counted as bad: a traceback, an answer that does not come within a minute, a file changed outside the run, a
file of the run changed by a command that only reads, and a result other than that of the whole run without a word.
Configurations: random mutations, each of which is read, or refused in a sentence with its place, within two seconds.
Kills: runs of several kinds, killed at random moments, operations and half-written lines, and resumed until they end:
nothing that was saved is lost, and each ends with the bits of one that was left alone. Ends with 1 if anything is bad.
"""

import argparse
import collections
import contextlib
import hashlib
import io
import itertools
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lmcore.cli.app import run as run_command
from lmcore.experiments.experiment import Experiment
from lmcore.training.checkpoints import find_checkpoint, list_checkpoints, step_of
from tests.cli.run_command import Outcome
from tests.cli.test_broken_configurations import answered
from tests.config.mutations import mutants
from tests.experiments.killed_run import attempt, outcome
from tests.experiments.tiny import tiny

PATIENCE = 60.0  # seconds until a command counts as one that hangs
MEMORY = 12 << 30  # bytes of address space that a command may take
ENDLESS = 100 << 30  # bytes of a sparse file

READING = {
    "show": ["runs", "show", "RUN"],
    "list": ["runs", "list", "--runs-folder", "RUNS"],
    "sample": ["sample", "RUN", "--seed", "7", "--max-tokens", "20"],
    "eval": ["eval", "RUN", "--batches", "2", "--json"],
    "verify": ["verify", "RUN"],
    "compare": ["compare", "RUN", "WHOLE"],
    "notebook": ["notebook", "--runs-folder", "RUNS", "--output", "-"],
}
WRITING = {
    "resume": ["resume", "RUN"],
    "fork": ["fork", "RUN", "--runs-folder", "RUNS", "--set", "training.learning_rate=5e-3", "--train"],
    "tag": ["runs", "tag", "RUN", "+tried"],
    "note": ["runs", "note", "RUN", "seen"],
    "archive": ["runs", "archive", "RUN"],
}
KINDS = {
    "adamw, dropout": {},
    "muon": {"training__optimizer": "muon", "training__learning_rate": "2e-2"},
    "lion": {"training__optimizer": "lion", "training__learning_rate": "3e-4"},
    "sgd": {"training__optimizer": "sgd"},
    "accumulation": {"training__gradient_accumulation_steps": "2"},
    "ramp": {"training__batch_ramp_start": "1", "training__batch_ramp_steps": "20"},
}


def damage(path: Path, draw: random.Random, outside: Path) -> str:
    """Do one random harm to a file, and say which."""
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    harms = ["cut", "byte", "zeros", "grown", "emptied", "removed", "link", "dead link", "pipe", "device", "folder"]
    harms += ["endless"] + ["swapped", "doubled", "line lost"] * (len(lines) > 1)
    harms += ["other value"] * 3 * (path.suffix in {".json", ".jsonl"})
    harm = draw.choice(harms)
    at = draw.randrange(len(content)) if content else 0
    if harm == "cut":
        path.write_bytes(content[:at])
    elif harm == "byte" and content:
        path.write_bytes(content[:at] + bytes([content[at] ^ draw.randint(1, 255)]) + content[at + 1 :])
    elif harm == "zeros":
        path.write_bytes(content[:at] + bytes(min(512, len(content) - at)) + content[at + 512 :])
    elif harm == "grown":
        path.write_bytes(content + draw.randbytes(draw.randint(1, 300)))
    elif harm == "emptied":
        path.write_bytes(b"")
    elif harm in ("swapped", "doubled", "line lost"):
        first, second = draw.randrange(len(lines)), draw.randrange(len(lines))
        if harm == "swapped":
            lines[first], lines[second] = lines[second], lines[first]
        elif harm == "doubled":
            lines.insert(second, lines[first])
        else:
            del lines[first]
        path.write_bytes(b"".join(lines))
    elif harm == "other value":
        path.write_bytes(_other_value(content, path.suffix == ".jsonl", draw))
    elif harm != "byte":
        path.unlink()
        places: dict[str, Callable[[], object]] = {
            "link": lambda: path.symlink_to(outside),
            "dead link": lambda: path.symlink_to(outside.with_name("nothing")),
            "pipe": lambda: os.mkfifo(path),
            "device": lambda: path.symlink_to("/dev/zero"),
            "folder": path.mkdir,
            "endless": lambda: _endless(path),
        }
        places.get(harm, lambda: None)()
    return harm


def _endless(path: Path) -> None:
    path.touch()
    os.truncate(path, ENDLESS)


def _other_value(content: bytes, by_lines: bool, draw: random.Random) -> bytes:
    """The JSON with one value, anywhere in it, replaced by something else."""
    parts = content.splitlines() if by_lines else [content]
    which = draw.randrange(len(parts))
    try:
        value = json.loads(parts[which])
    except ValueError:
        return content
    place, key = value, None
    while isinstance(place, dict | list) and place:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw.random() < 0.3:
            break
        place = inner
    if key is None:
        return content
    place[key] = draw.choice([None, -1, 0, 10**9, 1e308, "", "x" * 1000, [], {}, [[[]]], True, "NaN", "\ud800", 0.5])
    parts[which] = json.dumps(value).encode()
    return b"\n".join(parts) + b"\n"


def state_of(folder: Path) -> dict[str, str]:
    """What lies in a folder: digests of its files, and what else there is."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            small = path.stat().st_size < 1 << 24
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if small else str(path.stat().st_size)
        else:
            found[name] = f"{path.stat().st_mode:o}"
    return found


def carry_out(arguments: list[str], said: Path) -> tuple[int | None, str]:
    """Carry out a command in a fork of this process: its exit code (None: it hung), and all that it printed."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            code = int(run_command(arguments))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), said.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, said.read_text(encoding="utf-8", errors="replace")


def weights_of(folder: Path) -> str:
    """The digest of a run's last weights; empty where there is no whole checkpoint."""
    try:
        return hashlib.sha256((find_checkpoint(folder) / "model.safetensors").read_bytes()).hexdigest()
    except (ValueError, OSError):
        return ""


def answer_of(name: str, folder: Path, printed: str) -> str:
    """What a command gave that a person would believe: weights, or what it printed of the model."""
    if name == "resume":
        return weights_of(folder)
    if name == "fork":
        new = [path for path in folder.parent.iterdir() if path != folder and not path.name.startswith(".")]
        return weights_of(max(new, key=lambda path: path.stat().st_mtime_ns)) if new else ""
    return printed if name in ("sample", "eval") else ""


def a_run(runs: Path) -> Path:
    """A run with everything in it, stopped at step 8 of 12, with a change in its journal."""
    text = tiny(checkpointing__interval=3, evaluation__interval=3, other__name="tried")
    experiment = Experiment.create(text, runs_folder=runs)
    while experiment.step < 8:
        if experiment.step == 4:
            experiment.set_value("training.learning_rate", "4e-3")
        experiment.advance()
    experiment.close("stopped")
    (experiment.folder / "notes.md").write_text("A note.\n")
    return experiment.folder


def random_faults(number: int, seed: int, keep: Path | None) -> bool:
    """Try faults and print what came of them; whether nothing was bad."""
    commands = READING | WRITING
    draw = random.Random(seed)
    endings: collections.Counter[str] = collections.Counter()
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary).resolve()
        os.environ["LMLAB_DATA"] = str(home / "data")
        whole = a_run(home / "whole")
        outside = home / "outside.txt"
        outside.write_text("mine\n")

        def arguments(name: str, folder: Path) -> list[str]:
            names = {"RUN": str(folder), "RUNS": str(folder.parent), "WHOLE": str(whole)}
            return [names.get(word, word) for word in commands[name]]

        def laid(name: str) -> Path:
            folder = home / name / whole.name
            shutil.copytree(whole, folder)
            return folder

        right = {}
        for name in commands:
            folder = laid(f"right-{name}")
            code, printed = carry_out(arguments(name, folder), home / "said.txt")
            if code != 0:
                print(f"{name} does not work on the whole run: {code}\n{printed}")
                return False
            right[name] = answer_of(name, folder, printed)
        for index in range(number):
            name = draw.choice(list(commands))
            folder = laid(f"fault-{index}")
            path = draw.choice([path for path in sorted(folder.rglob("*")) if path.is_file()])
            what = f"{index}: {name}, {path.relative_to(folder)} {damage(path, draw, outside)}"
            before = state_of(folder)
            code, printed = carry_out(arguments(name, folder), home / "said.txt")
            found = []
            if code is None:
                found.append("hangs")
            elif code not in (0, 1, 2):
                found.append(f"ends with {code}")
            if "Traceback" in printed or "Something broke" in printed:
                found.append("breaks")
            if outside.read_text() != "mine\n" or len(list(home.glob("nothing"))):
                found.append("writes outside")
                outside.write_text("mine\n")
            if name in READING and state_of(folder) != before:
                found.append("changes what it only reads")
            if code and not printed.strip():
                found.append("says nothing")
            if code == 0 and (answer := answer_of(name, folder, printed)) != right[name]:
                told = any(
                    word in printed for word in ("damaged", "cannot", "changed", "is a link", "missing", "unread")
                )
                if answer and not told:
                    found.append("gives something else without a word")
            endings[f"{name}: exit {code}"] += 1
            if found:
                bad.append(f"{what}: {', '.join(found)}\n    {printed.strip()[-300:]!r}")
                if keep is not None:
                    shutil.copytree(folder, keep / str(index), symlinks=True, ignore=_special)
            shutil.rmtree(folder.parent)
    print(f"{number} faults, {len(bad)} bad")
    for ending, count in sorted(endings.items()):
        print(f"  {ending}: {count}")
    print(*bad, sep="\n")
    return not bad


def _special(folder: str, names: list[str]) -> set[str]:
    paths = [(name, Path(folder) / name) for name in names]
    return {name for name, path in paths if not path.is_symlink() and path.exists() and _is_special(path)}


def _is_special(path: Path) -> bool:
    return not path.is_dir() and (not path.is_file() or path.stat().st_size > 1 << 30)


def broken_configurations(number: int, seed: int) -> bool:
    """Check mutated configurations; whether each was right, or refused in sentences with their places, in time."""
    rights, bad, slowest = 0, [], 0.0
    with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
        for index, content in enumerate(itertools.islice(mutants(seed), number)):
            Path("broken.yaml").write_bytes(content)
            said = io.StringIO()
            began = time.monotonic()
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
                code = int(run_command(["config", "check", "broken.yaml"]))
            took = time.monotonic() - began
            rights += code == 0
            slowest = max(slowest, took)
            if took > 2.0 or not answered(Outcome(code, "", said.getvalue())):
                bad.append(f"{index}: exit {code} after {took:.1f} s: {content[:100]!r}: {said.getvalue()[-300:]!r}")
    print(
        f"{number} configurations: {rights} right, {number - rights} refused, {len(bad)} bad, slowest {slowest:.2f} s"
    )
    print(*bad[:50], sep="\n")
    return not bad


def kills(number: int, seed: int) -> bool:
    """Kill runs of several kinds until so many kills were met; whether all ended as if they had been left alone."""
    draws = random.Random(seed)
    done, runs, bad, later = 0, 0, [], 0
    with tempfile.TemporaryDirectory() as temporary:
        while done < number:
            kind = list(KINDS)[runs % len(KINDS)]
            values: dict[str, Any] = {
                "training__max_steps": 40,
                "checkpointing__interval": 5,
                "evaluation__interval": 4,
            }
            text = tiny(**{**values, "other__norms_interval": 3, "other__seed": runs + 1, **KINDS[kind]})
            folders = []
            for name in ("alone", "killed"):
                experiment = Experiment.create(text, runs_folder=Path(temporary) / str(runs), name=name)
                experiment.save_checkpoint()
                experiment.close("stopped")
                folders.append(experiment.folder)
            alone, killed = folders
            before = os.times()
            attempt(alone, ("none", 0))
            after = os.times()
            whole = after.children_user + after.children_system - before.children_user - before.children_system
            saved = 0
            for _ in range(50):
                death = draws.choice(
                    [
                        ("time", draws.uniform(0.02, 0.4) * whole),
                        ("operation", draws.randint(10, 90)),
                        ("line", draws.randint(1, 6)),
                    ]
                )
                ending = attempt(killed, death)
                kept = max((step_of(path) for path in list_checkpoints(killed)), default=-1)
                if kept < saved:
                    bad.append(f"{kind}: step {saved} was saved, and {kept} is left after {death}")
                saved = kept
                if ending == 0:
                    break
                done += ending < 0
                if ending not in (0, -signal.SIGKILL, -signal.SIGPROF):
                    bad.append(f"{kind}: {death} ended with {ending}")
            attempt(killed, ("none", 0))
            left, expected = outcome(killed), outcome(alone)
            later += len(set(left.pop("files")) - set(expected.pop("files")))
            for part in expected:
                if left[part] != expected[part]:
                    bad.append(f"{kind}, run {runs}: {part} differs")
            runs += 1
    print(f"{done} kills in {runs} runs of {len(KINDS)} kinds, {len(bad)} bad; {later} old files were left")
    print(*bad, sep="\n")
    return not bad


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--configurations", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where to keep the run folders with which something bad happened")
    options = parser.parse_args()
    good = [
        broken_configurations(options.configurations, options.seed),
        kills(options.kills, options.seed),
        random_faults(options.faults, options.seed, options.keep),
    ]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
