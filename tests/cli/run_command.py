"""Running the command line in this process, and in one of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lmcore.cli.app import run

TINY = """# A model that trains in a moment.
model: {d_model: 16, n_layers: 1, n_heads: 2, context_length: 16}
training: {max_steps: 6, batch_size: 4, warmup_steps: 1}
dataset: {tales_megabytes: 0.02}
evaluation: {interval: 3, batches: 2, batch_size: 4, prompt_tokens: 8}
checkpointing: {interval: 3}
other: {device: cpu, threads: 1, norms_interval: 2}
"""


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """stdout as lines of JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """The command line, run in this process; its output is captured."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        self._capsys.readouterr()
        code = run(arguments)
        captured = self._capsys.readouterr()
        assert not re.search(r'File "[^"]*/lmcore/', captured.err), "a traceback of lmcore's own code was shown"
        return Outcome(int(code), captured.out, captured.err)


def start(
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str] = os.environ,
    begin: Sequence[str] = (sys.executable, "-m", "lmcore"),
    **options: Any,
) -> "subprocess.Popen[str]":
    """The command line in a process of its own."""
    environment = {**environment, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [*begin, *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
