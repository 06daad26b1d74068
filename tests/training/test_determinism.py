"""Streams of randomness are stable, independent and cover what the design names."""

import torch

from lmcore.training.determinism import environment, set_threads, stream_seed


def test_stream_seeds_are_stable_across_machines_and_versions() -> None:
    assert stream_seed(1, "dropout", 7, 0) == 5787424731856257403


def test_every_seed_stream_and_index_has_its_own_seed() -> None:
    seeds = {
        stream_seed(seed, stream, *indices)
        for seed in range(3)
        for stream in ("initialization", "data", "dropout", "evaluation", "sampling")
        for indices in ((), (0,), (1,), (0, 0), (0, 1), (1, 0), (11,))
    }
    assert len(seeds) == 3 * 5 * 7
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_threads_are_set_and_recorded() -> None:
    before = torch.get_num_threads()
    try:
        assert set_threads(1) == 1 == environment()["threads"]
        assert set_threads(0) >= 1
    finally:
        torch.set_num_threads(before)
    assert environment()["torch"] == torch.__version__
    assert environment()["processor"]
