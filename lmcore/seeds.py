"""Where every random stream of a run gets its seed."""

import hashlib


def stream_seed(seed: int, stream: str, *indices: int | str) -> int:
    """The seed of one random stream: a stable 63-bit hash of the run's seed, the stream's name and any indices.

    Streams ("initialization", "data", "dropout", "evaluation", "sampling", "hook") are independent of each other, so
    drawing from one never moves another; with the step among the indices, resuming needs no stored generator state.
    """
    name = "/".join([str(seed), stream, *map(str, indices)])
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") >> 1
