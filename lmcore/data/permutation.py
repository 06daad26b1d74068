"""Numbers that look random and are the same on every machine, and orders that are made of them without a table."""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

FEISTEL_ROUNDS = 8


def key_of(seed: int, purpose: str, index: int) -> int:
    """An unsigned 64-bit number that looks random, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(f"{seed} {purpose} {index}".encode(), digest_size=8).digest(), "little")


def mix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea and Flood 2014): counted numbers to random-looking ones, one to one."""
    numbers = numbers * np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def shuffled(turns: NDArray[np.int64], count: int, key: int) -> NDArray[np.int64]:
    """Which of `count` things has its turn at each of `turns`, in the random order that belongs to `key`.

    A one-to-one mapping of range(count) that needs no memory: a Feistel network on a table of rows and columns that
    barely holds `count` things, walked again from where it leaves them (Black and Rogaway 2002).
    """
    rows = math.isqrt(count - 1) + 1
    columns = -(-count // rows)
    keys = [np.uint64(key_of(key, "round", index)) for index in range(FEISTEL_ROUNDS)]
    values = turns.astype(np.uint64)
    outside = np.arange(len(values))
    while len(outside):
        row, column = np.divmod(values[outside], np.uint64(columns))
        for one, other in zip(keys[::2], keys[1::2], strict=True):
            row = (row + mix(column + one) % np.uint64(rows)) % np.uint64(rows)
            column = (column + mix(row + other) % np.uint64(columns)) % np.uint64(columns)
        values[outside] = row * np.uint64(columns) + column
        outside = np.flatnonzero(values >= np.uint64(count))
    return values.astype(np.int64)


def floor_sum(n: int, a: int, m: int, b: int = 0) -> int:
    """The sum of (a·i + b) // m for i = 0 … n - 1, in about log m steps, by Euclid's algorithm. a, b ≥ 0, m ≥ 1."""
    total = 0
    while n > 0:
        total += (n - 1) * n // 2 * (a // m) + n * (b // m)
        a, b = a % m, b % m
        top = a * n + b
        n, b, a, m = top // m, top % m, m, a
        if m == 0:
            break
    return total
