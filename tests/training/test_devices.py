"""Devices are found, or their absence is said in a sentence."""

import resource

import pytest
import torch

from lmcore.training.devices import (
    DeviceError,
    available_devices,
    choose_device,
    keep_freed_memory,
    memory_in_use,
    peak_flops,
)


def test_auto_takes_the_best_that_is_present() -> None:
    assert choose_device("auto") == torch.device(available_devices()[0])
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(DeviceError, match=r"'cuda:99' is not present.*cpu"):
        choose_device("cuda:99")


def test_memory_of_a_processor_is_that_of_the_process() -> None:
    held = torch.ones(50_000_000)  # 200 MB
    assert held.nbytes < memory_in_use(torch.device("cpu")) < 100 * held.nbytes


def test_a_processor_has_no_published_peak() -> None:
    assert peak_flops(torch.device("cpu")) is None


def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    if not keep_freed_memory():  # a system whose library cannot be told
        return
    faults = []
    for _ in range(40):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(10_000_000)  # 40 MB: 10,000 pages, which glibc left alone would give back each time
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    assert sum(faults[-10:]) < 1000  # the first few find their place
