"""Text from files, names and arguments reaches the terminal as text: never as what the terminal would obey."""

import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from lmcore.cli.exits import Failure
from lmcore.cli.options import complete_config, given_text
from lmcore.config import list_configs
from lmcore.plain_text import printable
from tests.cli.run_command import TINY, Command, start

HOSTILE = "\x1b[2J\x1b]52;c;aGk=\x07\x1b]0;t\x1b\\\x9b31m[red][/b]\u202e\u2066\u200f\r\b\x00"
NAME = "\x1b[2J\x1b]52;c;aGk=\x07\x9b31m[red][\u202e\n\udcff"  # what a file's name can hold

CONFIG = TINY.replace("other: {", f"other: {{name: {json.dumps(HOSTILE)}, baseline: {json.dumps(HOSTILE)}, ").replace(
    "evaluation: {", f"evaluation: {{prompt: {json.dumps(HOSTILE[:12])}, "
)
HOOKED = TINY + f"hooks: [{{name: {json.dumps(HOSTILE)}, use: scale, at: {json.dumps(HOSTILE)}}}]\n"
UNKNOWN = f"model: {{{json.dumps(HOSTILE)}: {json.dumps(HOSTILE)}}}\n{json.dumps(HOSTILE)}: 1\n"

RUN, MADE, SESSION = "tiny", "made", f"runs/sessions/{NAME}.jsonl"
COMMANDS: tuple[tuple[str, ...], ...] = (
    (NAME,),
    ("train", NAME),
    ("train", f"{NAME}.yaml"),
    ("train", "tiny.yaml", f"--{NAME}"),
    ("train", "tiny.yaml", "--max-steps", NAME),
    ("train", "tiny.yaml", "--name", HOSTILE, "--device", HOSTILE),
    ("train", "tiny.yaml", "--set", f"{HOSTILE}={HOSTILE}"),
    ("train", "tiny.yaml", "--set", f"training.optimizer={HOSTILE}"),
    ("train", "tiny.yaml", "--baseline", HOSTILE),
    ("train", "tiny.yaml", "--baseline", RUN, "--confounded", HOSTILE, "--max-steps", "1"),
    ("resume", RUN),
    ("resume", NAME),
    ("fork", RUN, "--name", HOSTILE, "--set", "model.d_model=8"),
    ("fork", RUN, "--at", HOSTILE),
    ("verify", RUN),
    ("verify", MADE),
    ("eval", RUN, "--checkpoint", HOSTILE),
    ("sample", RUN, "--max-tokens", "40", "--prompt", HOSTILE, "--temperature", "5"),
    ("sample", MADE, "--max-tokens", "4"),
    ("ablate", "tiny.yaml", "--change", f"{HOSTILE}={HOSTILE}"),
    ("ablate", "tiny.yaml", "--name", HOSTILE, "--change", f"training.optimizer={HOSTILE}"),
    ("ablate", MADE, "--change", f"model.{HOSTILE}=1"),
    ("compare", RUN, MADE),
    ("compare", RUN, MADE, "--metric", HOSTILE),
    ("compare", RUN, MADE, "--x", HOSTILE),
    ("compare", RUN, MADE, "--markdown", f"{NAME}/page.md"),
    ("notebook", "-o", "-"),
    ("notebook", "-o", f"{NAME}/page.md"),
    ("runs", "list"),
    ("runs", "list", HOSTILE),
    ("runs", "list", f"{HOSTILE}<1"),
    ("runs", "list", "--sort", HOSTILE),
    ("runs", "list", "--sort", "loss/val"),
    ("runs", "list", "--runs-folder", NAME),
    ("runs", "show", RUN),
    ("runs", "show", MADE),
    ("runs", "note", RUN, HOSTILE),
    ("runs", "note", RUN),
    ("runs", "note", MADE),
    ("runs", "tag", RUN, f"+{HOSTILE}"),
    ("runs", "tag", RUN, HOSTILE),
    ("runs", "rename", RUN, HOSTILE),
    ("runs", "archive", MADE),
    ("runs", "rm", MADE),
    ("data", "show", "text.yaml"),
    ("data", "show", f"{NAME}.yaml"),
    ("data", "fetch", HOSTILE),
    ("config", "check", f"{NAME}.yaml", "hooked.yaml", "unknown.yaml", "binary.yaml", NAME),
    ("config", "show", f"{NAME}.yaml"),
    ("config", "show", "unknown.yaml"),
    ("config", "diff", f"{NAME}.yaml", "tiny.yaml"),
    ("config", "diff", "hooked.yaml", f"{NAME}.yaml"),
    ("config", "diff", MADE, RUN),
    ("config", "template", "--refresh", f"{NAME}.yaml"),
    ("config", "template", "--refresh", NAME),
    ("config", "hash", f"{NAME}.yaml"),
    ("hooks", "points", "tiny.yaml", HOSTILE),
    ("hooks", "check", "hooked.yaml"),
    ("hooks", "check", f"{NAME}.yaml"),
    ("hooks", "new", f"{NAME}.py"),
    ("init", f"{NAME}.yaml"),
    ("init", NAME),
    ("replay", HOSTILE),
    ("replay", SESSION),
)
DATA = ("runs", "config", "compare", "sample", "data", "notebook", "verify")  # commands that give data, also as JSON


@pytest.fixture
def hostile(lmcore: Command, folder: Path) -> Path:
    """A folder whose configurations, runs and sessions say what no terminal should be given."""
    for name, text in ((f"{NAME}.yaml", CONFIG), ("hooked.yaml", HOOKED), ("unknown.yaml", UNKNOWN)):
        Path(name).write_text(text)
    Path("binary.yaml").write_bytes(b"model: \x1b[2J\x9b\n")
    Path("text.txt").write_text(f"{HOSTILE} " * 400)
    Path("text.yaml").write_text(
        TINY.replace("dataset: {", "dataset: {source: file, path: text.txt, tokenizer: byte, ")
    )
    assert lmcore("train", "tiny.yaml").code == 0
    (run,) = (path for path in Path("runs").iterdir() if "-tiny-" in path.name)
    made = Path("runs") / f"20260101-000000-made-{NAME}"
    shutil.copytree(run, made)
    record = json.loads((made / "run.json").read_text())
    (made / "run.json").write_text(json.dumps(_spoilt(record)))
    lines = [json.loads(line) for line in (made / "samples.jsonl").read_text().splitlines()]
    (made / "samples.jsonl").write_text("".join(json.dumps(_spoilt(line)) + "\n" for line in lines))
    lines = [json.loads(line) for line in (made / "metrics.jsonl").read_text().splitlines()]
    (made / "metrics.jsonl").write_text("".join(json.dumps({**line, HOSTILE: 1.5}) + "\n" for line in lines))
    for kept in (run, made):
        (kept / "notes.md").write_text(f"{HOSTILE}\n")
    Path(SESSION).parent.mkdir()
    Path(SESSION).write_text(json.dumps({"session": HOSTILE, "command": HOSTILE}) + "\n")
    return folder


def _spoilt(value: Any) -> Any:
    """Data with each of its texts made hostile, so far as a run is still read with it."""
    if isinstance(value, dict):
        return {key: inner if key in ("status", "created") else _spoilt(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spoilt(inner) for inner in value]
    return value + HOSTILE if isinstance(value, str) else value


def obeyed(text: str) -> set[str]:
    """The characters of a text that a terminal would obey or hide, but for line ends and tabs."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in "\n\t"}


def test_no_command_gives_a_terminal_what_it_would_obey(lmcore: Command, hostile: Path) -> None:
    wrong: dict[tuple[str, ...], object] = {}
    for command in COMMANDS:
        outcome = lmcore(*command)
        if found := obeyed(outcome.out + outcome.err):
            wrong[command] = found
        if "should not" in outcome.err or outcome.code not in (0, 1, 2):
            wrong[command] = outcome
        if command[0] in DATA and outcome.code == 0:
            as_json = lmcore(*command, "--json")
            if not as_json.out.isascii() or obeyed(as_json.out + as_json.err):
                wrong[(*command, "--json")] = as_json
    assert not wrong


def test_ascii_terminals_take_every_text(hostile: Path) -> None:
    environment = {"PYTHONIOENCODING": "ascii", "LMLAB_CACHE": os.environ["LMLAB_CACHE"], "PATH": os.environ["PATH"]}
    process = start("runs", "show", MADE, cwd=hostile, environment=environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "") and out.isascii() and "?" in out


def test_closed_streams_and_full_ones_are_no_traceback(folder: Path) -> None:
    line = "lmcore config template >&- && lmcore config check tiny.yaml 2>&- && lmcore hooks list | head -c 1 >&2"
    line = line.replace("lmcore", f"{sys.executable} -m lmcore")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, len(done.stderr)) == (0, "", 1)
    if Path("/dev/full").exists():
        line = f"{sys.executable} -m lmcore config template >/dev/full"
        done = subprocess.run(["sh", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (1, "Cannot write to stdout: No space left on device.\n")


def test_an_argument_that_is_no_text_is_refused_unless_it_is_a_file(lmcore: Command, folder: Path) -> None:
    Path("caf\udce9.yaml").write_text(TINY)
    outcome = lmcore("config", "check", "caf\udce9.yaml")
    assert outcome.code == 0 and outcome.err == "caf\\xe9.yaml: right\n"
    for option in (("--name", "caf\udce9"), ("--set", "\udce9=1"), ("--confounded", "\udce9")):
        outcome = lmcore("train", "tiny.yaml", *option)
        assert outcome.code == 2 and "is not UTF-8" in outcome.err


def test_stdin_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9"), encoding="utf-8"))
    with pytest.raises(Failure, match="stdin says is not UTF-8"):
        given_text("-")


def test_what_joins_letters_stays_and_what_turns_them_around_is_shown() -> None:
    kept = "\u0645\u06cc\u200c\u062e 👩\u200d🔬 ❤\ufe0f"
    assert printable(kept) == kept
    assert printable("a\u202eb\u2066\u200f\u061c\xad") == "a\\u202eb\\u2066\\u200f\\u061c\\xad"


def test_completion_offers_no_name_that_the_terminal_would_obey(folder: Path) -> None:
    Path("configs").mkdir()
    for name in (NAME, "mine"):
        Path(f"configs/{name}.yaml").write_text("")
    assert "mine" in complete_config("")
    assert complete_config("") == [path.stem for path in list_configs() if path.stem != NAME]
