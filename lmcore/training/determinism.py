"""Where randomness comes from, and everything else that decides the last bits of a result."""

import os
import platform
from pathlib import Path

import torch

from lmcore.config.cores import available_cores as available_cores
from lmcore.config.cores import default_threads
from lmcore.seeds import stream_seed as stream_seed


def threads_meant(n: int) -> int:
    """How many processor threads a setting of n means."""
    return n if n > 0 else default_threads()


def set_threads(n: int) -> int:
    """Give tensors n processor threads (0: see `default_threads`) and return how many that is.

    The number of threads decides the order of additions inside reductions, and so the last bits of results.
    """
    torch.set_num_threads(threads_meant(n))
    return torch.get_num_threads()


def be_deterministic(device: torch.device) -> None:
    """Choose kernels that give the same bits each time. On a processor they all do; on CUDA this costs some speed."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when its first handle is made
        torch.use_deterministic_algorithms(True, warn_only=True)


def environment() -> dict[str, str | int]:
    """What the bits of a result depend on besides the configuration; recorded with each run."""
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": processor_name(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


def processor_name() -> str:
    """The processor's name as the system tells it, or its architecture where it tells none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()
