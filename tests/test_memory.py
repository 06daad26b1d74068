"""What is held, told without torch; what is free, and what is said where memory is full."""

import mmap
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lmcore import memory
from lmcore.cli.exits import ExitCode
from lmcore.memory import (
    MemoryFull,
    free_bytes,
    in_memory,
    is_memory_full,
    memory_note,
    memory_sentence,
    resident_bytes,
)
from lmcore.training.trainer import Trainer
from tests.cli.conftest import folder as folder  # fixtures of the command line
from tests.cli.conftest import lmcore as lmcore
from tests.cli.run_command import Command


def test_memory_grows_with_what_is_held() -> None:
    before = resident_bytes()
    with mmap.mmap(-1, 64_000_000) as held:  # pages of its own: what Python freed before is not given again
        held[:: mmap.PAGESIZE] = bytes(len(held[:: mmap.PAGESIZE]))
        assert resident_bytes() > before + 32_000_000


def test_asking_needs_no_torch() -> None:
    code = "import sys, lmcore.memory as m; assert m.resident_bytes() > 10**6 and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def too_much() -> None:
    torch.empty(2**50, dtype=torch.uint8)  # no machine has a petabyte of addresses to give


@pytest.mark.parametrize("fails", [too_much, lambda: bytearray(2**60)])
def test_what_torch_and_python_raise_is_known(fails: Callable[[], object]) -> None:
    with pytest.raises(MemoryFull, match=r"^Memory is full.*: use less\.$"), in_memory("use less"):
        fails()


def test_other_errors_pass() -> None:
    assert not is_memory_full(RuntimeError("shapes cannot be multiplied")) and not is_memory_full(OSError(28, "full"))
    with pytest.raises(RuntimeError, match="shapes"), in_memory("use less"):
        raise RuntimeError("shapes cannot be multiplied")


def test_a_sentence_says_how_much_was_asked_for() -> None:
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 15728640000 bytes.")
    assert memory_sentence(error, "use less") == "Memory is full (15.7 GB more were asked for): use less."


def test_what_is_free_is_the_least_of_machine_control_groups_and_limit(tmp_path: Path) -> None:
    process, mounted = tmp_path / "proc", tmp_path / "cgroup"
    (process / "self").mkdir(parents=True)
    (process / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert free_bytes(process, mounted) == 8000 * 1024
    (process / "self/cgroup").write_text("4:memory:/job\n0::/box/inner\n")
    (mounted / "box/inner").mkdir(parents=True)
    (mounted / "box/inner/memory.max").write_text("max\n")
    (mounted / "box/memory.max").write_text("5000000\n")
    (mounted / "box/memory.current").write_text("2000000\n")
    assert free_bytes(process, mounted) == 3_000_000
    (mounted / "box/memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert free_bytes(process, mounted) == 3_500_000
    (mounted / "memory/job").mkdir(parents=True)
    (mounted / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (mounted / "memory/job/memory.limit_in_bytes").write_text("2500000\n")
    (mounted / "memory/job/memory.usage_in_bytes").write_text("500000\n")
    assert free_bytes(process, mounted) == 2_000_000
    (process / "self/statm").write_text("1 1 1 1 0 1 0\n")
    assert free_bytes(process, mounted, address_space=1_000_000) == 1_000_000 - memory.os.sysconf("SC_PAGE_SIZE")


def test_a_note_is_made_only_where_it_will_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 2_000_000_000)
    assert memory_note(1_999_999_999) == ""
    assert memory_note(12_300_000_000).startswith(
        "This needs about 12.3 GB of memory, and 2.0 GB are free: use a small"
    )
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    assert memory_note(10**15) == ""


def test_a_run_whose_memory_is_full_is_saved_and_the_way_to_less_is_said(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Trainer._learn

    def fills(self: Trainer, *given: object) -> dict[str, float]:
        if self.step == 2 and self.config.training.batch_size > 2:
            too_much()
        return learn(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_learn", fills)
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    outcome = lmcore("train", "tiny.yaml")
    assert outcome.code == ExitCode.FAILED and "should not" not in outcome.err
    assert "and 0.0 GB are free: use a smaller training.batch_size" in outcome.err
    assert "Training ended: Memory is full (1125899.9 GB more were asked for): use a smaller training" in outcome.err
    (way,) = (line for line in outcome.err.splitlines() if "with smaller batches: lmcore fork " in line)
    assert "training.batch_size=1 " in way and "training.gradient_accumulation_steps=4 " in way  # half would not do
    assert next(Path("runs").glob("*-tiny-*/checkpoints/step-000002")).is_dir()
    assert lmcore(*shlex.split(way.split("lmcore ", 1)[1])).code == 0


def test_evaluation_without_memory_names_its_batch_size(
    lmcore: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lmcore("train", "tiny.yaml", "--max-steps", "2").code == 0
    monkeypatch.setattr("lmcore.experiments.experiment.judge", lambda *_: too_much())
    outcome = lmcore("eval", "tiny")
    assert outcome.code == 1 and outcome.err.rstrip().endswith("use a smaller evaluation.batch_size.")
    monkeypatch.setattr("lmcore.experiments.experiment.generate", lambda *_: too_much())
    outcome = lmcore("sample", "tiny")
    assert outcome.code == 1 and "Memory is full" in outcome.err and "should not" not in outcome.err
