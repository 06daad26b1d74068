"""Devices are found, or their absence is said in a sentence."""

import pytest
import torch

from lmcore.training.devices import DeviceError, available_devices, choose_device, memory_in_use, peak_flops


def test_auto_takes_the_best_that_is_present() -> None:
    assert choose_device("auto") == torch.device(available_devices()[0])
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(DeviceError, match=r"'cuda:99' is not present.*cpu"):
        choose_device("cuda:99")


def test_memory_of_a_processor_is_that_of_the_process() -> None:
    before = memory_in_use(torch.device("cpu"))
    held = torch.ones(16_000_000)  # 64 MB
    assert memory_in_use(torch.device("cpu")) - before > 0.8 * held.nbytes
    assert before > 10_000_000


def test_a_processor_has_no_published_peak() -> None:
    assert peak_flops(torch.device("cpu")) is None
