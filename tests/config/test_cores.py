"""How many cores and threads: what the system, a container and the person allow."""

import os
from pathlib import Path

import pytest

from lmcore.config import cores


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "quotas", lambda: iter(()))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("quotas", "expected"), [([], 8), ([2.0], 2), ([2.5, 3.0], 2), ([0.5], 1), ([64.0], 8), ([6.0, 4.0], 4)]
)
def test_cores_are_those_to_run_on_within_the_quota(
    monkeypatch: pytest.MonkeyPatch, quotas: list[float], expected: int
) -> None:
    monkeypatch.setattr(cores, "quotas", lambda: iter(quotas))
    assert cores.available_cores() == cores.default_threads() == expected


@pytest.mark.usefixtures("eight_cores")
@pytest.mark.parametrize(
    ("said", "expected"), [("3", 3), ("1", 1), ("4,2", 4), ("64", 8), ("", 8), ("0", 8), ("many", 8), ("²", 8)]
)
def test_threads_are_no_more_than_was_said_and_cores_stay(
    monkeypatch: pytest.MonkeyPatch, said: str, expected: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert (cores.default_threads(), cores.available_cores()) == (expected, 8)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/user/mine\n", {"user/mine/cpu.max": "max 100000\n", "user/cpu.max": "150000 100000\n"}, [1.5]),
        ("0::/\n", {"cpu.max": "400000 100000\n"}, [4.0]),
        ("0::/not/there\n", {"cpu.max": "50000 100000\n"}, [0.5]),
        ("0::/../..\n", {"cpu.max": "max 100000\n"}, []),
        (
            "5:memory:/m\n4:cpu,cpuacct:/docker/a\n0::/\n",
            {"cpu,cpuacct/docker/a/cpu.cfs_quota_us": "300000\n", "cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000\n",
             "cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
            [3.0],
        ),
        ("0::/\n", {"cpu.max": "nonsense\n"}, []),
        ("0::/\n", {"cpu.max": "100000 0\n"}, []),
        ("garbage\n", {}, []),
    ],
)  # fmt: skip
def test_quotas_are_read_from_control_groups(
    tmp_path: Path, groups: str, files: dict[str, str], expected: list[float]
) -> None:
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        (tmp_path / "mounted" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mounted" / name).write_text(text)
    assert list(cores.quotas(tmp_path / "groups", tmp_path / "mounted")) == expected
    assert list(cores.quotas(tmp_path / "none", tmp_path / "mounted")) == []
