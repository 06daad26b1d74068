"""The machines a model can live on: which are present, how much memory they hold, how fast they can be."""

import ctypes
import platform

import torch

from lmcore.errors import LabError
from lmcore.memory import resident_bytes

PEAK_FLOPS = {
    "H200": 67e12,
    "H100 PCIe": 51e12,
    "H100": 67e12,
    "A100": 19.5e12,
    "L40": 90.5e12,
    "L4": 30.3e12,
    "A10": 31.2e12,
    "V100": 15.7e12,
    "T4": 8.1e12,
    "RTX 4090": 82.6e12,
    "RTX 3090": 35.6e12,
}
"""Peak fp32 rates (FLOP/s, without tensor cores) from the makers' data sheets; the first name contained in the device's
name counts."""


class DeviceError(LabError):
    """A device that was asked for is not there."""


def available_devices() -> tuple[str, ...]:
    """Names of the devices of this machine, best first; the last is always cpu."""
    cuda = tuple(f"cuda:{index}" for index in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    mps = ("mps",) if torch.backends.mps.is_available() else ()
    return (*cuda, *mps, "cpu")


def choose_device(name: str) -> torch.device:
    """The device of a name: auto (the best present), cpu, cuda, cuda:N or mps. DeviceError if it is not there."""
    present = available_devices()
    wanted = {"auto": present[0], "cuda": "cuda:0"}.get(name, name)
    if wanted not in present:
        raise DeviceError(f"other.device: {name!r} is not present on this machine; present: auto, {', '.join(present)}")
    return torch.device(wanted)


def synchronize(device: torch.device) -> None:
    """Wait until everything asked of the device is done; a processor is always done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def memory_in_use(device: torch.device) -> int:
    """Bytes held by tensors on an accelerator; on a processor, the bytes of memory of this whole process."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.current_allocated_memory()
    return resident_bytes()


def keep_freed_memory() -> bool:
    """Keep memory that tensors free for the next ones instead of giving it back to the system; whether that worked.

    A step on a processor frees and takes hundreds of megabytes, and the system clears each page given back before it
    comes again: 6 % of a step of 4,096 tokens, measured. Only the C library of most Linux systems (glibc) can be told.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    m_trim_threshold, m_mmap_threshold = -1, -3  # their numbers in malloc.h
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(m_mmap_threshold, 2**30) and mallopt(m_trim_threshold, 2**31 - 1))


def peak_flops(device: torch.device) -> float | None:
    """The highest fp32 rate (FLOP/s) the device's maker names, or None where it is not known (every processor)."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)
